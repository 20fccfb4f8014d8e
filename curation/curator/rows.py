"""What the checks read from a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from thresher.core.arrow_kinds import is_string
from thresher.core.columns import (
    class_names,
    read_column,
    read_features,
    read_row_ids,
    read_splits,
    read_texts,
    take_rows,
    with_column,
)
from thresher.core.content import content_hashes
from thresher.core.encoders.values import ColumnSource, open_source
from thresher.core.errors import InputError, check_column
from thresher.core.images import (
    UnreadableImage,
    decode_image,
    fit_square,
    image_bytes,
)
from thresher.core.rows import with_row_ids
from thresher.core.schema import TASKS
from thresher.core.text_arrays import text_array

from ..containers.further_frames import frames_beyond_the_first
from ..duplicates.tables.rows import describes, other_columns

if TYPE_CHECKING:
    import datasets


@dataclass(frozen=True)
class Rows:
    """A dataset with row ids, and what its columns mean.

    Attributes
    ----------
    dataset : datasets.Dataset
    modality : str
    columns : tuple of str
        The image column, the text column, or the columns of numbers.
    described : tuple of str
        Further columns of a table: text, dates.
    labels : list of str or None
        Names, None for a missing one; None for all without a label column.
    label : str or None
        The label column.
    ignored : tuple of str
        Columns in which copies may differ.
    known_hashes : ndarray of str
        Content hashes of the first rows, where they are known already.
    task : str
        What the labels are, as in `thresher.core.schema.Schema`; several classes of a row are
        joined by ``|`` in `labels`.
    """

    dataset: datasets.Dataset
    modality: str
    columns: tuple[str, ...]
    labels: list[str | None] | None
    label: str | None = None
    described: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    known_hashes: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=object))
    task: str = TASKS[0]

    @classmethod
    def open(
        cls,
        dataset: datasets.Dataset,
        *,
        column: str | Sequence[str] | None,
        label: str | Sequence[str] | None,
        ignored: tuple[str, ...] = (),
        known_hashes: np.ndarray | None = None,
        task: str | None = None,
    ) -> Rows:
        """Settle ids, columns and labels, and what the labels are where `task` does not say it."""
        dataset, column = _with_one_text(with_row_ids(dataset), column)
        if label is not None and not isinstance(label, str):
            dataset, label = _with_one_label(dataset, list(label))
        if label is not None:
            check_column(label, dataset.column_names, role="label column")
        seen = dataset.remove_columns([label]) if label and column is None else dataset
        column, described = _described(seen, column)
        source = open_source(seen, column=column, row_ids=None)
        if not isinstance(source, ColumnSource):
            raise InputError(f"A datasets.Dataset is needed, got {type(dataset).__name__}.")
        labels = None
        if label is not None:
            named = class_names(dataset, label).cast(pa.string()).to_pylist()
            labels = [name or None for name in named]
        known = {} if known_hashes is None else {"known_hashes": known_hashes}
        columns = tuple(source.columns)
        kind = TASKS[0] if label is None else task_of(dataset, label, source.modality, task)
        return cls(
            dataset,
            source.modality,
            columns,
            labels,
            label,
            described,
            ignored,
            task=kind,
            **known,
        )

    def __len__(self) -> int:
        return len(self.dataset)

    @cached_property
    def ids(self) -> np.ndarray:
        """Row ids, ndarray of str, shape (n,)."""
        return read_row_ids(self.dataset)

    @cached_property
    def splits(self) -> np.ndarray:
        """Splits, ndarray of str, shape (n,)."""
        return read_splits(self.dataset)

    @cached_property
    def names(self) -> np.ndarray | None:
        """Labels as ndarray of str, shape (n,), missing ones empty; None without labels."""
        if self.labels is None:
            return None
        return text_array([name or "" for name in self.labels])

    @property
    def classes(self) -> np.ndarray | None:
        """Labels as `names` where they are one class a row; else None."""
        return self.names if self.task == TASKS[0] else None

    @cached_property
    def hashes(self) -> np.ndarray:
        """Hashes of the content, ndarray of str, shape (n,)."""
        known = self.known_hashes
        new = take_rows(self.dataset, np.arange(len(known), len(self)))
        return np.concatenate([known, content_hashes(new, self.columns)])

    @cached_property
    def others(self) -> np.ndarray | None:
        """Hashes of what vectors do not show, uint64, shape (n,); None where that is nothing.

        Of a table, the other columns; of images, all frames but the first.
        """
        if self.modality == "image":
            return frames_beyond_the_first(self.dataset, self.columns[0])
        return other_columns(self.dataset, self.columns, label=self.label, ignored=self.ignored)

    def values(self) -> Any:
        """Return what quality is judged by: texts, features, or images decoded one at a time."""
        if self.modality == "image":
            return DecodedImages(self.dataset, self.columns[0])
        if self.modality == "text":
            return read_texts(self.dataset, self.columns[0])
        return read_features(self.dataset, self.columns)


def task_of(dataset: datasets.Dataset, label: str, modality: str, task: str | None) -> str:
    """Return what the labels are: as said, or as `thresher.core.loading.targets` finds out."""
    from thresher.core.loading.targets import choose_task

    named = getattr(dataset.features[label], "names", None) is not None
    column = read_column(dataset, label)
    return choose_task(column, label, modality=modality, named=named, wanted=task).value


def _with_one_text(
    dataset: datasets.Dataset, column: str | Sequence[str] | None
) -> tuple[datasets.Dataset, str | Sequence[str] | None]:
    """Join several columns of text into one more."""
    if column is None or isinstance(column, str) or len(column) < 2:
        return dataset, column
    columns = {name: read_column(dataset, name) for name in column}
    if not all(is_string(values.type) for values in columns.values()):
        return dataset, column
    from thresher.core.loading.several_texts import join_texts

    joined, name = join_texts(pa.table(columns), list(columns))
    return with_column(dataset, name, joined.combine_chunks()), name


def _with_one_label(
    dataset: datasets.Dataset, label: list[str]
) -> tuple[datasets.Dataset, str | None]:
    """Put one column of sets of classes in the place of several of 0 and 1."""
    from thresher.core.loading.label_columns import join_labels

    columns = {name: read_column(dataset, name) for name in label}
    sets, name = join_labels(pa.table(columns), label)
    return with_column(dataset.remove_columns(label), name, sets), name


def _described(
    dataset: datasets.Dataset, column: str | Sequence[str] | None
) -> tuple[str | Sequence[str] | None, tuple[str, ...]]:
    """Take from several columns those that are no numbers, where others are."""
    if column is None or isinstance(column, str):
        return column, ()
    words = tuple(name for name in column if describes(read_column(dataset, name).type))
    numbers = [name for name in column if name not in words]
    return (numbers, words) if numbers else (column, ())


@dataclass(frozen=True)
class DecodedImages(Sequence[Any]):
    """Images at their own size, or at `size` pixels square, decoded one at a time.

    Unreadable ones are None, or black with `size`.
    """

    dataset: datasets.Dataset
    column: str
    size: int | None = None

    @cached_property
    def files(self) -> pa.ChunkedArray:
        """The encoded images."""
        return image_bytes(self.dataset, self.column)

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Iterator[np.ndarray | None]:
        for batch in self.files.chunks:
            for scalar in batch:
                yield self._decode(scalar.as_py())

    def __getitem__(self, row: Any) -> Any:
        if not 0 <= row < len(self):
            raise IndexError(row)
        return self._decode(self.files[int(row)].as_py())

    def _decode(self, data: bytes | None) -> np.ndarray | None:
        try:
            image = decode_image(data, shrink_to=self.size) if data else None
        except UnreadableImage:
            image = None
        if self.size is None:
            return image
        black = np.zeros((self.size, self.size, 3), dtype=np.uint8)
        return black if image is None else fit_square(image, self.size)
