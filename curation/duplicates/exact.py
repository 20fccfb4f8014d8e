"""Exact duplicates: rows of equal content, and equal content under different labels. O(n log n)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.classes import label_texts
from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.issues import Issues
from thresher.core.missing import id_texts, read_numbers, read_values
from thresher.core.shown import ShownRows
from thresher.core.signatures import checked
from thresher.core.text_arrays import text_array

PROTECTED_FIRST = ("test", "validation", "train")


@dataclass(frozen=True, repr=False)
class ExactDuplicates(ShownRows):
    """Groups of rows with equal content, the kept row of each, and label conflicts.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    kept : ndarray of bool, shape (n,)
        One row of each group of equal content.
    duplicate_of : ndarray of int64, shape (n,)
        Position of the kept row of the group; −1 for kept rows.
    group : ndarray of int64, shape (n,)
        Number of the row's group; rows without content have one each.
    conflict_with : ndarray of int64, shape (n,)
        Position of a row with equal content and another label; −1 where there is none.
    suggested : ndarray of str, shape (n,)
        Label of more than half of the group, for conflicting rows that have another; else empty.
    """

    row_ids: np.ndarray
    kept: np.ndarray
    duplicate_of: np.ndarray
    group: np.ndarray
    conflict_with: np.ndarray
    suggested: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """0 for dropped rows, 1 for kept ones; float32, shape (n,)."""
        return self.kept.astype(np.float32)

    @property
    def dropped(self) -> np.ndarray:
        """Positions of the rows that equal a kept one."""
        return np.flatnonzero(~self.kept)

    def groups(self) -> list[np.ndarray]:
        """Return the positions of each group of two or more rows, the kept row first."""
        order = np.lexsort((~self.kept, self.group))
        _, starts, counts = np.unique(self.group[order], return_index=True, return_counts=True)
        several = counts > 1
        spans = zip(starts[several], counts[several], strict=True)
        return [order[start : start + count] for start, count in spans]

    def to_issues(self) -> Issues:
        """Return an ``exact_duplicate`` issue a dropped row and a ``conflict`` one a conflict."""
        dropped = self.dropped
        copies = Issues.from_columns(
            "exact_duplicate",
            row_ids=self.row_ids[dropped],
            scores=np.zeros(len(dropped)),
            twins=self.row_ids[self.duplicate_of[dropped]],
            details=["content equal to the kept row"] * len(dropped),
        )
        torn = np.flatnonzero(self.conflict_with >= 0)
        conflicts = Issues.from_columns(
            "conflict",
            row_ids=self.row_ids[torn],
            scores=np.zeros(len(torn)),
            twins=self.row_ids[self.conflict_with[torn]],
            suggested=[label or None for label in self.suggested[torn].tolist()],
            details=["equal content has another label"] * len(torn),
        )
        return Issues.concat([copies, conflicts])


@checked
def find_exact_duplicates(
    content_hashes: np.ndarray,
    *,
    row_ids: np.ndarray | None = None,
    splits: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    priority: np.ndarray | None = None,
) -> ExactDuplicates:
    """Group rows by content.

    What counts as equal is what was hashed: file bytes, all samples of an image, a text, all
    columns; see `content_keys`.

    Parameters
    ----------
    content_hashes : ndarray of str or int, shape (n,)
        An empty string or None stands for a row without readable content, equal to no other.
    row_ids : ndarray of str, shape (n,), optional
        Default ``"0"``, ``"1"``, ….
    splits : ndarray of str, shape (n,), optional
        Of equal rows, one in ``test`` is kept before ``validation`` before ``train`` before others.
    labels : array or column of str or int, shape (n,), optional
        Missing ones (`thresher.core.missing`; −1 beside codes 0, 1, 2, …) conflict with none.
    priority : ndarray of float, shape (n,), optional
        Higher is kept; ties go to the smaller row id.

    Raises
    ------
    InputError
        When the arrays differ in length, row ids repeat, or `priority` holds NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from curation import find_exact_duplicates
    >>> found = find_exact_duplicates(np.array(["k1", "k2", "k1"]))
    >>> found.kept.tolist()
    [True, True, False]
    """
    hashes, blank = read_values(content_hashes, name="content_hashes")
    if hashes.dtype == object and not blank.any():
        hashes, _ = read_values(hashes.tolist(), name="content_hashes")
    n = len(hashes)
    ids = checked_ids(row_ids, rows=n)
    if hashes.ndim != 1:
        raise InputError(f"`content_hashes` must have one dimension, got {hashes.ndim}.")
    splits = None if splits is None else id_texts("splits", splits, unnamed=True)
    priority = None if priority is None else read_numbers("priority", priority)
    for name, values in {"splits": splits, "priority": priority}.items():
        if values is not None and values.shape != (n,):
            raise InputError(f"`{name}` must have shape ({n},), got {values.shape}.")
    group = group_by_content(hashes, blank)
    rank = _ranks(ids, splits, priority)
    order = np.lexsort((rank, group))
    numbers, starts = np.unique(group[order], return_index=True)
    head = np.empty(int(numbers.max(initial=-1)) + 1, np.int64)
    head[numbers] = order[starts]
    kept = head[group] == np.arange(n)
    conflict_with, suggested = _conflicts(group, labels, rank)
    return ExactDuplicates(
        ids, kept, np.where(kept, -1, head[group]), group, conflict_with, suggested
    )


def checked_ids(row_ids: np.ndarray | None, *, rows: int, name: str = "row_ids") -> np.ndarray:
    """Return row ids as text, shape (rows,), by default ``"0"``, ``"1"``, ….

    Raises
    ------
    InputError
        When there are too few or too many, or some repeat.
    """
    if row_ids is None:
        return np.arange(rows).astype(str)
    ids = id_texts(name, row_ids)
    if ids.shape != (rows,):
        raise InputError(f"`{name}` must have shape ({rows},), got {ids.shape}.")
    values, counts = np.unique(ids, return_counts=True)
    if len(values) < rows:
        twice = ", ".join(map(repr, values[counts > 1][:5].tolist()))
        raise InputError(f"`{name}` must be unique; given more than once: {twice}.")
    return ids


def group_by_content(hashes: np.ndarray, blank: np.ndarray | None = None) -> np.ndarray:
    """Give each row a number, int64, shape (n,); equal numbers mean equal, known content.

    `blank`, bool, shape (n,), says which rows have none; default those with a missing hash.
    """
    n = len(hashes)
    if blank is None:
        hashes, blank = read_values(hashes, name="content_hashes")
    if hashes.dtype == object:
        hashes = text_array(np.where(blank, "", hashes))
    _, group = np.unique(hashes, return_inverse=True)
    group = group.astype(np.int64)
    group[blank] = n + np.arange(int(blank.sum()))
    return group


def _ranks(ids: np.ndarray, splits: np.ndarray | None, priority: np.ndarray | None) -> np.ndarray:
    n = len(ids)
    importance = np.zeros(n) if priority is None else np.asarray(priority, float)
    if np.isnan(importance).any():
        raise InputError(
            f"`priority` holds NaN in {int(np.isnan(importance).sum())} of {counted(n, 'row')}."
        )
    split = np.full(n, len(PROTECTED_FIRST))
    if splits is not None:
        for place, name in enumerate(PROTECTED_FIRST):
            split[np.asarray(splits) == name] = place
    by_id = np.argsort(np.argsort(ids, kind="stable"), kind="stable")
    rank = np.empty(n, np.int64)
    rank[np.lexsort((by_id, -importance, split))] = np.arange(n)
    return rank


def _conflicts(
    group: np.ndarray, labels: np.ndarray | None, rank: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    n = len(group)
    conflict_with = np.full(n, -1, np.int64)
    suggested = np.full(n, "", dtype=object)
    if labels is None or not n:
        return conflict_with, suggested
    names = label_texts(labels, rows=n)
    known = np.flatnonzero(names != "")
    order = known[np.lexsort((rank[known], group[known]))]
    bounds = np.flatnonzero(np.diff(group[order])) + 1
    for members in np.split(order, bounds):
        if (names[members] != names[members[:1]]).any():
            _mark(members, names, conflict_with, suggested)
    return conflict_with, suggested


def _mark(
    members: np.ndarray, names: np.ndarray, conflict_with: np.ndarray, suggested: np.ndarray
) -> None:
    """Write down the conflict of one group: the best-ranked row with another label, each."""
    values, codes, counts = np.unique(names[members], return_inverse=True, return_counts=True)
    head, other = members[0], members[codes != codes[0]][0]
    conflict_with[members] = np.where(codes == codes[0], other, head)
    if counts.max() * 2 > len(members):
        majority = counts.argmax()
        suggested[members[codes != majority]] = values[majority]
