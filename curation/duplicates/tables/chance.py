"""Whether the rows of a table are equal, or close, more often than by chance.

Rows of few values are equal by chance: of 3,218 counties with nothing but a rate of unemployment
3,008 have the rate of an earlier one, and none is a copy. Shuffling each column by itself breaks
what a row is and keeps how often each value comes, so that rows which are equal after it are so by
chance. Within classes, for rows of one class are more alike. Neighboring columns of which no row
fills two, as the flags of a category, are shuffled as one: apart they would make rows without any
flag, which are equal to each other and in no table. What other columns have in common makes more
rows equal than this counts. O(shuffles · columns · n log n), and it ends at the column after which
no two rows are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from thresher.core.arrow_kinds import is_list, is_number
from thresher.core.columns import numeric_matrix, read_column
from thresher.core.neighbors import NeighborGraph
from thresher.core.rows import row_hashes

from .rows import telling_columns, where_equal

if TYPE_CHECKING:
    import datasets

# Where half or more of what was found is there by chance, a row that was found is likelier none.
BY_CHANCE = 0.5
FEWEST_SHUFFLES, MOST_SHUFFLES, SHUFFLED_ROWS = 3, 50, 100_000
# Where a column alone tells nine of ten rows apart, no rows are equal in it by chance. Of a single
# column a shuffle says nothing: it has as many equal entries in any order.
REPEATED = 0.1
# In smaller classes a shuffle hardly moves anything, so that their rows are shuffled together.
FEWEST_IN_CLASS = 20
# Close pairs are counted among so many shuffled rows.
MOST_SEARCHED = 10_000


@dataclass(frozen=True)
class Coincidence:
    """How much was found, and how much is there by chance.

    Attributes
    ----------
    found : int
        Rows that equal an earlier one, or pairs of close rows.
    shuffled : float
        The same where each column is shuffled by itself, on average; 0 where one column alone tells
        nearly all rows apart.
    """

    found: int
    shuffled: float

    def __bool__(self) -> bool:
        return self.found > 0 and self.shuffled >= BY_CHANCE * self.found


def copies_by_chance(
    dataset: datasets.Dataset,
    *,
    inputs: Sequence[str],
    label: str | None,
    ignored: Sequence[str] = (),
    classes: np.ndarray | None,
    found: int,
) -> Coincidence:
    """Count the rows of a table that equal an earlier one where its columns are shuffled.

    Parameters
    ----------
    dataset : datasets.Dataset
    inputs, label, ignored :
        As in `other_columns`.
    classes : ndarray of str, shape (n,), or None
        Within which the columns are shuffled.
    found : int
        How many rows equal an earlier one as they are.
    """
    if not found:
        return Coincidence(0, 0.0)
    rows, others = len(dataset), telling_columns(dataset, {*inputs, *ignored, label})
    codes, filled = zip(*_coded(dataset, inputs, others), strict=True)
    columns = [reduce(_paired, (codes[at] for at in block)) for block in _exclusive(filled)]
    columns.sort(key=_distinct, reverse=True)
    if rows - _distinct(columns[0]) < REPEATED * rows:
        return Coincidence(found, 0.0)
    groups = _groups(classes, rows)
    times = int(np.clip(SHUFFLED_ROWS // rows, FEWEST_SHUFFLES, MOST_SHUFFLES))
    rng = np.random.default_rng(0)
    counts = [_equal_rows(codes[_shuffled(groups, rng)] for codes in columns) for _ in range(times)]
    return Coincidence(found, float(np.mean(counts)))


def pairs_by_chance(
    numbers: np.ndarray,
    others: np.ndarray | None,
    *,
    classes: np.ndarray | None,
    search: Callable[[np.ndarray], NeighborGraph],
    found: int,
) -> Coincidence:
    """Count the close pairs of a table whose columns are shuffled, equal rows aside.

    Parameters
    ----------
    numbers : ndarray of float, shape (n, d)
        Without rows that lack numbers.
    others : ndarray of uint64, shape (n,), or None
        Hashes of the other columns, which stay together: a pair has them equal.
    classes : ndarray of str, shape (n,), or None
    search : callable
        Finds the close pairs of such rows.
    found : int
        How many pairs of different rows are close as they are.
    """
    if not found or len(numbers) < 2:
        return Coincidence(found, 0.0)
    rng = np.random.default_rng(0)
    groups = _groups(classes, len(numbers))
    mixed = np.empty_like(numbers)
    for block in _exclusive(numbers.T != 0):
        mixed[:, block] = numbers[_shuffled(groups, rng)[:, None], block]
    mixed_others = None if others is None else others[_shuffled(groups, rng)]
    part = rng.permutation(len(mixed))[:MOST_SEARCHED]
    graph = search(mixed[part])
    graph = where_equal(graph, None if mixed_others is None else mixed_others[part])
    scale = (len(mixed) / len(part)) ** 2
    return Coincidence(found, different_pairs(graph) * scale)


def different_pairs(graph: NeighborGraph) -> int:
    """Return how many pairs of a graph join rows that are not equal, equal rows counted once."""
    return len(graph.indices) // 2


def _coded(
    dataset: datasets.Dataset, inputs: Sequence[str], others: Sequence[str]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each column, of lists of numbers each entry, as codes, and where it is not 0.

    Codes are those of the numbers as they are stored: seconds of a day are one in float32.
    """
    for name in (*inputs, *others):
        column = read_column(dataset, name)
        if name in inputs and is_list(column.type):
            yield from ((_codes(one), one != 0) for one in numeric_matrix(column, name=name).T)
            continue
        filled = np.ones(len(column), bool)
        if is_number(column.type):
            filled = numeric_matrix(column, name=name)[:, 0] != 0
        yield _codes(row_hashes(dataset, [name])), filled


def _exclusive(filled: Iterable[np.ndarray]) -> list[list[int]]:
    """Return neighboring columns together of which no row fills two, by their positions."""
    blocks: list[list[int]] = []
    taken = np.zeros(0, bool)
    for at, own in enumerate(filled):
        if blocks and not (taken & own).any():
            blocks[-1].append(at)
            taken = taken | own
        else:
            blocks.append([at])
            taken = own
    return blocks


def _codes(column: np.ndarray) -> np.ndarray:
    return np.unique(column, return_inverse=True)[1]


def _distinct(codes: np.ndarray) -> int:
    return int(codes.max(initial=-1)) + 1


def _groups(classes: np.ndarray | None, rows: int) -> np.ndarray:
    """Return the class of each row as a number, all small classes as one."""
    if classes is None:
        return np.zeros(rows, np.int64)
    _, codes, counts = np.unique(classes, return_inverse=True, return_counts=True)
    return np.where(counts[codes] >= FEWEST_IN_CLASS, codes, -1)


def _shuffled(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return which row's entry each row gets, of its own group."""
    order = np.empty(len(groups), np.int64)
    order[np.argsort(groups, kind="stable")] = np.lexsort((rng.random(len(groups)), groups))
    return order


def _equal_rows(columns: Iterator[np.ndarray]) -> int:
    """Return how many rows equal an earlier one in all columns of codes."""
    known = next(columns)
    for codes in columns:
        if _distinct(known) == len(known):
            break
        known = _paired(known, codes)
    return len(known) - _distinct(known)


def _paired(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return codes of the pairs of two columns of codes."""
    return _codes(one.astype(np.int64) * _distinct(other) + other)
