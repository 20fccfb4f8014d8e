"""What the user says of each row (split, label, priority), from an array or from Parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.executor.serial import SerialExecutor
from thresher.core.fingerprint import fingerprint
from thresher.core.text_arrays import in_texts, text_array

from ..duplicates.stars import checked_rows
from ..labels.inputs import encode_labels
from .columns import Column, Parts
from .facts import RowFacts
from .kept import Joined, Kept
from .parquet_files import READ_ROWS, ShardColumn
from .work import Work


class Values(Protocol):
    """One value for each row, read a part at a time."""

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the values of rows `start` to `stop`."""

    def stamp(self) -> Any:
        """Return JSON types that change when the values do."""


@dataclass(frozen=True)
class ArrayValues:
    """Values that the user holds in memory."""

    array: np.ndarray

    def __len__(self) -> int:
        return len(self.array)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the values of rows `start` to `stop`."""
        return self.array[start:stop]

    def stamp(self) -> Any:
        """Return a fingerprint of all values."""
        return fingerprint(self.array)


@dataclass(frozen=True)
class InSplits:
    """Whether the split of a row is one of those named."""

    splits: Values
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.splits)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return which of rows `start` to `stop` are in these splits; bool."""
        return in_texts(self.splits.read(start, stop), self.names)

    def stamp(self) -> Any:
        """Return JSON types that change when the splits do."""
        return [self.splits.stamp(), list(self.names)]


@dataclass(frozen=True)
class CodedColumn:
    """The codes of a column's texts: `codes` are those of `texts`; −1 = missing."""

    column: ShardColumn
    texts: pa.Array
    codes: np.ndarray

    def __len__(self) -> int:
        return len(self.column)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the codes of rows `start` to `stop`."""
        place = pc.index_in(self.column.texts(start, stop), value_set=self.texts)
        codes: np.ndarray = self.codes[place.to_numpy(zero_copy_only=False)]
        return codes

    def stamp(self) -> Any:
        """Return names and times of the files, and the codes."""
        return [self.column.stamp(), self.texts.to_pylist(), self.codes.tolist()]


@dataclass(frozen=True)
class Given:
    """What is known of the rows beforehand.

    Attributes
    ----------
    splits, protect, codes, priority : Values or None
        Whether a row's split is protected; codes of labels are −1 where one is missing.
    classes : tuple of str
    """

    splits: Values | None
    protect: Values | None
    codes: Values | None
    priority: Values | None
    classes: tuple[str, ...]


def read_given(
    rows: int,
    *,
    splits: np.ndarray | Sequence[str] | ShardColumn | None,
    labels: np.ndarray | Sequence[int] | Sequence[str] | ShardColumn | None,
    priority: np.ndarray | None,
    classes: Sequence[str] | None,
    width: int,
    protected: tuple[str, ...],
) -> Given:
    """Check lengths and encode labels; `width` is the number of columns of the probabilities.

    Raises
    ------
    InputError
        On unequal lengths, and on labels outside the classes.
    """
    for name, values in (("splits", splits), ("labels", labels)):
        if values is not None and len(values) != rows:
            raise InputError(f"There are {counted(rows, 'row')}, but {len(values)} {name}.")
    order = None
    if priority is not None:
        order = ArrayValues(checked_rows("priority", priority, rows, float))
    split_of: Values | None = None
    if splits is not None:
        split_of = splits if isinstance(splits, ShardColumn) else ArrayValues(text_array(splits))
    protect = None if split_of is None else InSplits(split_of, protected)
    if labels is None:
        return Given(split_of, protect, None, order, ())
    coded, names = _coded(labels, classes=classes, width=width)
    return Given(split_of, protect, coded, order, names)


def _coded(labels: Any, *, classes: Sequence[str] | None, width: int) -> tuple[Values, Any]:
    if not isinstance(labels, ShardColumn):
        codes, names = encode_labels(labels, classes=classes, width=width)
        return ArrayValues(codes), names
    texts = labels.distinct()
    codes, names = encode_labels(text_array(texts.to_pylist()), classes=classes, width=width)
    return CodedColumn(labels, texts, codes), names


def check_arrival(given: Given, kept: Kept | None, *, judged: bool) -> None:
    """Refuse what cannot be decided row after row.

    Raises
    ------
    InputError
        On priorities and probabilities; and on rows to add that are protected, or of which other
        things are known than of the rows before.
    """
    if given.priority is not None:
        raise InputError("In the order of arrival the earlier row is kept: leave out `priority`.")
    if judged:
        raise InputError(
            "Wrong labels are found by looking at all rows at once: leave out `pred_probs`, or "
            "the order of arrival."
        )
    if kept is None:
        return
    for name, there, now in (
        ("labels", kept.classes is not None, given.codes is not None),
        ("splits", "protect" in kept.columns, given.splits is not None),
    ):
        if there != now:
            raise InputError(
                f"The rows before have {'' if there else 'no '}{name}: give these rows "
                f"{'some' if there else 'none'} too."
            )
    if given.protect is not None and given.splits is not None:
        _check_unprotected(given.protect, given.splits)


def _check_unprotected(protect: Values, splits: Values) -> None:
    """Refuse protected rows, since what is close to them and came before would have to go."""
    for start in range(0, len(protect), READ_ROWS):
        bad = start + np.flatnonzero(protect.read(start, min(start + READ_ROWS, len(protect))))
        if len(bad):
            split = splits.read(int(bad[0]), int(bad[0]) + 1)[0]
            raise InputError(
                f"Row {bad[0]} of the rows to add is in the split {split!r}, which is protected: "
                "rows that were kept before would have to go for it. Give all protected rows in "
                "the first curation, or curate all rows anew."
            )


def joined(kept: Kept, given: Given) -> Given:
    """Return what is known of the rows before and of those that are added."""
    codes, classes = given.codes, given.classes
    if codes is not None and kept.classes is not None:
        names = sorted({*kept.classes, *classes})
        place = {name: at for at, name in enumerate(names)}
        before = np.array([*(place[name] for name in kept.classes), -1])
        now = np.array([*(place[name] for name in classes), -1])
        later = Renamed(codes, now)
        codes, classes = Joined(kept.rows, kept.columns["codes"], later, before), tuple(names)
    protect = given.protect
    if protect is not None:
        protect = Joined(kept.rows, kept.columns["protect"], protect)
    return Given(given.splits, protect, codes, None, classes)


@dataclass(frozen=True)
class Renamed:
    """Codes that mean other ones, the last one of `codes` for −1."""

    later: Values
    codes: np.ndarray

    def __len__(self) -> int:
        return len(self.later)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the codes of rows `start` to `stop`."""
        found: np.ndarray = self.codes[self.later.read(start, stop)]
        return found

    def stamp(self) -> Any:
        """Return JSON types that change when the codes do."""
        return [self.later.stamp(), self.codes.tolist()]


@dataclass(frozen=True)
class SaveRows:
    """Task over parts: ``protect.npy``, ``priority.npy``, ``codes.npy``, those that are given."""

    given: Given
    parts: Parts

    def __call__(self, at: int, folder: Path) -> None:
        """Fill the folder."""
        span = self.parts.span(at)
        if self.given.protect is not None:
            np.save(folder / "protect.npy", self.given.protect.read(*span))
        if self.given.priority is not None:
            np.save(folder / "priority.npy", self.given.priority.read(*span))
        if self.given.codes is not None:
            np.save(folder / "codes.npy", self.given.codes.read(*span).astype(np.int64))


@dataclass(frozen=True)
class SavedRows:
    """What `SaveRows` wrote, one value a row."""

    protect: Column | None
    priority: Column | None
    codes: Column | None
    key: str

    def facts(self, place: Any) -> RowFacts:
        """Return what rows are ranked by; `place` as in `RowFacts`."""
        return RowFacts(self.protect, self.priority, place)


def save_given(given: Given, work: Work, *, rows: int, key: Any) -> SavedRows:
    """Write what is given in parts; in this process, so that no worker gets whole arrays."""
    parts = work.parts(rows)
    sources = (given.protect, given.priority, given.codes)
    stamps = [None if values is None else values.stamp() for values in sources]
    made = fingerprint([key, stamps, list(given.classes)])
    task = work.task("rows", SaveRows(given, parts), [made, parts.size])
    folders = tuple(SerialExecutor().map(task, parts.named()))
    names = ("protect", "priority", "codes")
    protect, priority, codes = (
        None if values is None else Column(folders, name, parts.size)
        for name, values in zip(names, sources, strict=True)
    )
    return SavedRows(protect, priority, codes, made)
