"""The site of a review: its page, and the images of its rows by row number."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from ....core.images import IMAGE_SUFFIXES
from ...reviewing.desk import ReviewDesk
from ...reviewing.table import ReviewTable
from ..page import Site
from ..pictures import ColumnPictures
from .routes import review_page


def review_site(desk: ReviewDesk, *, title: str, people: tuple[str, ...] = ()) -> Site:
    """Return the site of a review, which closes the review at its end.

    Parameters
    ----------
    desk : ReviewDesk
    title : str
        What the folder is called.
    people : tuple of str
        Names of those who may review; none for a free choice.
    """
    images = desk.table.reviewed.loaded.schema.modality == "image"
    return Site(
        title=title,
        key=desk.table.reviewed.manifest.fingerprint,
        pages=[review_page(desk, people=people)],
        pictures=ReviewPictures(desk.table) if images else None,
        close=desk.close,
        annotators=people,
    )


class ReviewPictures:
    """The images of the rows of a review, also of those that were set aside in reading."""

    def __init__(self, table: ReviewTable) -> None:
        self._table = table

    @cached_property
    def _usable(self) -> ColumnPictures:
        loaded = self._table.reviewed.loaded
        return ColumnPictures(loaded.dataset, loaded.schema.inputs[0], names=[])

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._table)

    def name(self, number: int) -> str:
        """Return the file and line of a row, or its id."""
        row_id = self._table.row_ids[number].as_py()
        return self._table.reviewed.places.called(row_id) or str(row_id)

    def data(self, number: int) -> bytes:
        """Return the bytes of an image; one that was set aside is read from its own file."""
        at = int(self._table.at_loaded[number])
        if at >= 0:
            return self._usable.data(at)
        path = self._table.reviewed.places.of(self._table.row_ids[number].as_py()).path
        if path is not None and Path(path).suffix.lower() in IMAGE_SUFFIXES:
            return Path(path).read_bytes()
        found = self._table.findings_of([number])[number]
        raise OSError("; ".join(one.detail for one, _ in found if one.detail) or "not there")
