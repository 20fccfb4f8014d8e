"""The images of rows: found by row number alone, so that no path comes from outside."""

from __future__ import annotations

from typing import Protocol

import datasets
import pyarrow as pa

from ...core.images import image_bytes


class Pictures(Protocol):
    """The image files of rows 0 to n - 1."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def name(self, number: int) -> str:
        """Return what a person knows the file by."""

    def data(self, number: int) -> bytes:
        """Return the content of the file; raise `OSError` where it cannot be read."""


class ColumnPictures:
    """The images in a column of a dataset, where the files lie in its table.

    Parameters
    ----------
    dataset : datasets.Dataset
    column : str
        Of images.
    names : sequence of str, length n
        What to call each.
    """

    def __init__(self, dataset: datasets.Dataset, column: str, *, names: list[str]) -> None:
        self._files: pa.ChunkedArray = image_bytes(dataset, column)
        self._names = names

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._files)

    def name(self, number: int) -> str:
        """Return the name of a row."""
        return self._names[number]

    def data(self, number: int) -> bytes:
        """Return the bytes of an image; none for a row without one."""
        found = self._files[number].as_py()
        return b"" if found is None else bytes(found)
