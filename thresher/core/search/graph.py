"""Neighbor graphs from embeddings: the search is chosen by its cost and says what it missed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..choice import DEVICES, choose_device
from ..counted import counted
from ..embeddings import Embeddings, as_embeddings
from ..errors import InputError, check_choice, check_count, check_number
from ..neighbors import NeighborGraph, Recall, compressed_rows
from ..numerics.ragged import positions
from ..randomness import RandomState, check_random_state
from ..signatures import checked
from .approximate import Nearest, Reached, approximate_pairs, approximate_top_k
from .exhaustive import Pairs, pairs_above, top_k
from .identical import first_equal

METHODS = ("auto", "exact", "approximate", "faiss")
# Multiply-adds that exhaustive search may cost before a partition is worth its own cost: about
# four seconds of one core, and half a minute of a current GPU.
CHEAP_ON_CPU = 1e11
CHEAP_ON_CUDA = 5e14
FEWEST_ROWS = 256
UNHELPFUL = "a partition reaches this recall only at a higher cost"


@checked
def neighbor_graph(
    embeddings: Embeddings | np.ndarray,
    *,
    threshold: float | None = None,
    k: int | None = None,
    method: str = "auto",
    recall: float = 0.999,
    device: str = "auto",
    random_state: RandomState = 0,
) -> NeighborGraph:
    """Find which rows are close to which, by cosine similarity.

    Parameters
    ----------
    embeddings : Embeddings or ndarray of float, shape (n, d)
        An array is scaled to unit length and its rows are named "0", "1", ….
    threshold : float, optional
        Find all pairs at least this similar, in (0, 1]. Give this or `k`, not both.
    k : int, optional
        Find the `k` most similar rows of each row.
    method : {"auto", "exact", "approximate", "faiss"}
        ``"exact"`` compares all rows. ``"approximate"`` compares the rows of nearby cells of a
        k-means partition with 2 √n cells, and ``"faiss"`` lets FAISS do so. ``"auto"`` takes the
        exact one while that is cheap, else the partition. Where a partition would not save work,
        the search is exact in any case.
    recall : float
        Share of true neighbors, in (0, 1), that an approximate search aims at. The share that it
        reached is measured on rows that are also searched exhaustively.
    device : {"auto", "cpu", "cuda"}
        Where exhaustive search runs; a partition is searched on the CPU.
    random_state : int, Generator or None
        Draws the centroids and the sampled rows of an approximate search.

    Returns
    -------
    NeighborGraph
        All-zero rows have no neighbors. Equal rows are searched once; see `NeighborGraph`.

    Raises
    ------
    InputError
        On a bad option, NaN or infinite values, or more than 50 million pairs of unequal rows.

    Examples
    --------
    >>> import numpy as np
    >>> from thresher.core import neighbor_graph
    >>> vectors = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    >>> graph = neighbor_graph(vectors, threshold=0.9)
    >>> graph.neighbors(0)[0].tolist()
    [1]
    """
    rows = as_embeddings(embeddings)
    _check_options(threshold=threshold, k=k, method=method, recall=recall)
    first = first_equal(rows.vectors)
    distinct = np.flatnonzero(first == np.arange(len(first)))
    repeated = len(distinct) < len(rows)
    vectors = rows.vectors[distinct] if repeated else rows.vectors
    plan = _choose(vectors, method=method, device=device, both_ways=threshold is None)
    rng = check_random_state(random_state)
    if threshold is not None:
        pairs, measured, reason = _find_pairs(vectors, threshold, plan=plan, recall=recall, rng=rng)
        return NeighborGraph.from_pairs(
            rows.row_ids,
            (distinct[pairs[0]], distinct[pairs[1]], pairs[2]),
            threshold=threshold,
            exact=measured is None,
            recall=measured,
            method=reason,
            same_as=first if repeated else None,
        )
    assert k is not None  # _check_options saw exactly one of the two
    found, measured, reason = _find_nearest(vectors, k, plan=plan, recall=recall, rng=rng)
    indptr, indices, similarities = _with_copies(found, first, distinct, k=k)
    return NeighborGraph(
        row_ids=rows.row_ids,
        indptr=indptr,
        indices=indices,
        similarities=similarities,
        threshold=None,
        k=k,
        exact=measured is None,
        recall=measured,
        method=reason,
    )


def cross_graph(
    queries: Embeddings,
    references: Embeddings,
    *,
    threshold: float,
    device: str = "auto",
) -> NeighborGraph:
    """Find all pairs of a query and a reference with a similarity of at least `threshold`.

    The search is exhaustive, n m d multiply-adds.

    Returns
    -------
    NeighborGraph
        Of the queries and, after them, the references; it holds no pair within either.

    Raises
    ------
    InputError
        When the two share row ids or differ in encoder or dimensions, or on too many pairs.
    """
    check_number("threshold", threshold, low=0, high=1, low_open=True)
    _check_comparable(queries, references)
    where = choose_device(device)
    first, second, similarities = pairs_above(
        queries.vectors, references.vectors, threshold=threshold, device=where.value
    )
    return NeighborGraph.from_pairs(
        np.concatenate([queries.row_ids, references.row_ids]),
        (first, second + len(queries), similarities),
        threshold=threshold,
        method=f"exact on {where.value}: every query against every reference",
    )


def _check_options(*, threshold: float | None, k: int | None, method: str, recall: float) -> None:
    check_choice("method", method, METHODS)
    if not 0 < recall < 1:
        raise InputError(
            f"`recall` must be between 0 and 1, got {recall!r}. To miss nothing give "
            "method='exact'."
        )
    if (threshold is None) == (k is None):
        raise InputError(f"Give one of `threshold` and `k`, got threshold={threshold}, k={k}.")
    if threshold is not None:
        check_number("threshold", threshold, low=0, high=1, low_open=True)
    elif k is not None:
        check_count("k", k)


def _check_comparable(queries: Embeddings, references: Embeddings) -> None:
    shapes = queries.vectors.shape[1], references.vectors.shape[1]
    if shapes[0] != shapes[1] or queries.fingerprint != references.fingerprint:
        raise InputError(
            "Queries and references must come from the same encoder: got "
            f"{queries.encoder} ({counted(shapes[0], 'dimension')}) and {references.encoder} "
            f"({shapes[1]})."
        )
    both = np.intersect1d(queries.row_ids, references.row_ids)
    if len(both):
        raise InputError(f"Row ids must differ between the two; in both: {', '.join(both[:5])}.")


@dataclass(frozen=True)
class _Plan:
    approximate: bool
    device: str
    reason: str
    faiss: bool = False


def _choose(vectors: np.ndarray, *, method: str, device: str, both_ways: bool) -> _Plan:
    n, d = vectors.shape
    check_choice("device", device, DEVICES)
    cost = float(n) * n * d * (1 if both_ways else 0.5)
    small = cost <= CHEAP_ON_CPU
    if method in ("approximate", "faiss") and n >= FEWEST_ROWS:
        return _Plan(True, device, "asked for", faiss=method == "faiss")
    # Asking whether there is a GPU loads PyTorch, which costs more than a small search.
    where = "cpu" if device == "auto" and small else choose_device(device).value
    if method == "exact":
        return _Plan(False, where, "asked for")
    if n < FEWEST_ROWS:
        return _Plan(False, where, f"{counted(n, 'distinct row is', 'distinct rows are')} few")
    if small or (where == "cuda" and cost <= CHEAP_ON_CUDA):
        return _Plan(False, where, f"{cost:.1e} multiply-adds are cheap")
    return _Plan(True, device, f"an exact search would cost {cost:.1e} multiply-adds")


def _find_pairs(
    vectors: np.ndarray,
    threshold: float,
    *,
    plan: _Plan,
    recall: float,
    rng: np.random.Generator,
) -> tuple[Pairs, Recall | None, str]:
    if plan.approximate:
        result = approximate_pairs(
            vectors, threshold=threshold, recall=recall, rng=rng, faiss=plan.faiss
        )
        if result is not None:
            return result[0], result[1].recall, _describe(result[1], plan)
        plan = _Plan(False, choose_device(plan.device).value, UNHELPFUL)
    pairs = pairs_above(vectors, threshold=threshold, device=plan.device)
    return pairs, None, f"exact on {plan.device}: {plan.reason}"


def _find_nearest(
    vectors: np.ndarray, k: int, *, plan: _Plan, recall: float, rng: np.random.Generator
) -> tuple[Nearest, Recall | None, str]:
    if plan.approximate:
        result = approximate_top_k(vectors, k=k, recall=recall, rng=rng, faiss=plan.faiss)
        if result is not None:
            return result[0], result[1].recall, _describe(result[1], plan)
        plan = _Plan(False, choose_device(plan.device).value, UNHELPFUL)
    nearest = top_k(vectors, k=k, device=plan.device)
    return nearest, None, f"exact on {plan.device}: {plan.reason}"


def _describe(reached: Reached, plan: _Plan) -> str:
    return (
        f"approximate on cpu{' with faiss' if plan.faiss else ''}, {reached.probes} of "
        f"{counted(reached.cells, 'cell')} searched for each row: {plan.reason}"
    )


def _with_copies(
    nearest: Nearest, first: np.ndarray, distinct: np.ndarray, *, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn neighbors among distinct rows into neighbors among all rows, copies included."""
    members, starts, copies = _grouped(first, distinct)
    # Of each distinct row: itself with similarity 1, then its neighbors; k + 1 rows of each.
    own = np.arange(len(distinct))[:, None]
    groups = np.concatenate([own, nearest[0]], axis=1)
    scores = np.concatenate([np.ones((len(own), 1), np.float32), nearest[1]], axis=1)
    counts = np.where(groups >= 0, np.minimum(copies[groups], k + 1), 0)
    row, column = np.nonzero(counts)
    repeats = counts[row, column]
    found = members[positions(starts[groups[row, column]], repeats)]
    entries = np.repeat(row, repeats), found, np.repeat(scores[row, column], repeats)
    return _cut_to_k(entries, first, distinct, k=k)


def _grouped(first: np.ndarray, distinct: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    members = np.argsort(first, kind="stable")
    copies = np.bincount(first, minlength=len(first))[distinct]
    return members, np.cumsum(copies) - copies, copies


def _cut_to_k(
    entries: tuple[np.ndarray, np.ndarray, np.ndarray],
    first: np.ndarray,
    distinct: np.ndarray,
    *,
    k: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hand the list of each distinct row to all its copies, without the copy itself, k long."""
    group, found, scores = entries
    indptr, order = compressed_rows(group, found, scores, n=len(distinct))
    found, scores = found[order], scores[order]
    place = np.searchsorted(distinct, first)
    lengths = np.minimum(np.diff(indptr)[place], k + 1)
    row = np.repeat(np.arange(len(first)), lengths)
    entry = positions(indptr[place], lengths)
    other = found[entry] != row
    row, entry = row[other], entry[other]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    row, entry = row[rank < k], entry[rank < k]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(first)))])
    return indptr.astype(np.int64), found[entry], scores[entry]
