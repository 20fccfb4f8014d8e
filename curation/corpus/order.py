"""Whether the order of the rows carries meaning: sorted labels, content that drifts.

Rows that come in blocks, by day, camera or author, are not exchangeable: a split by position then
tests something else than it trains, and neighboring rows in two splits leak.
"""

from __future__ import annotations

import numpy as np

from thresher.core.counted import percent
from thresher.core.randomness import check_random_state
from thresher.core.ties import first_highest

from .result import CorpusIssue

BLOCKS = 20
FEWEST_ROWS = 10 * BLOCKS
DIRECTIONS = 16
PERMUTATIONS = 199
LARGEST_P = 0.01
# Share of the variance that lies between blocks, beyond chance, from which drift matters.
LEAST_SHARE = 0.01
# Excess of equal neighboring labels from which rows count as sorted.
LEAST_SORTED = 0.2


def sorted_labels(codes: np.ndarray) -> tuple[list[CorpusIssue], str]:
    """Compare how often neighbors in the order share their label, int (n,), with chance."""
    known = codes[codes >= 0]
    if len(known) < FEWEST_ROWS:
        return [], f"not assessable: fewer than {FEWEST_ROWS} labeled rows"
    shares = np.bincount(known) / len(known)
    chance = float((shares**2).sum())
    equal = float((known[1:] == known[:-1]).mean())
    excess = (equal - chance) / max(1 - chance, 1e-9)
    sentence = (
        f"neighbors share their label in {percent(equal, digits=1)} of the places, "
        f"{percent(chance, digits=1)} by chance"
    )
    if excess < LEAST_SORTED:
        return [], sentence
    message = (
        f"The rows are sorted by label: {sentence}. Shuffle them before a split by position or a "
        "pass over a stream."
    )
    evidence = {"equal_neighbors": equal, "by_chance": chance}
    return [CorpusIssue("sorted", 0.5 * (1 - excess), message, evidence)], sentence


def drift(
    embeddings: np.ndarray, codes: np.ndarray | None, *, random_state: int
) -> tuple[list[CorpusIssue], str]:
    """Test whether the content moves along the order, beyond what the labels explain.

    The rows are cut into twenty blocks; in the leading directions of variance within the classes,
    the share of variance between the blocks is compared with that of shuffled rows.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, d)
    codes : ndarray of int, shape (n,), optional
        Labels, −1 = missing, so that sorted labels do not count as drift.
    random_state : int
    """
    n = len(embeddings)
    if n < FEWEST_ROWS:
        return [], f"not assessable: fewer than {FEWEST_ROWS} rows"
    values = _directions(_within(embeddings, codes))
    if not values.shape[1]:
        return [], "not assessable: all rows of a class are equal"
    edges = np.linspace(0, n, BLOCKS + 1).astype(int)[:-1]
    share, means = _between(values, edges)
    rng = check_random_state(random_state)
    shuffled = [_between(values[rng.permutation(n)], edges)[0] for _ in range(PERMUTATIONS)]
    p = (1 + sum(other >= share for other in shuffled)) / (1 + PERMUTATIONS)
    beyond = share - float(np.mean(shuffled))
    sentence = f"{100 * max(beyond, 0):.2f} % of the variance lies along the order (p = {p:.3f})"
    if p > LARGEST_P or beyond < LEAST_SHARE:
        return [], sentence
    odd = int(first_highest(np.square(means).sum(axis=1)))
    first, last = int(edges[odd]), int(np.append(edges, n)[odd + 1]) - 1
    message = (
        f"The content changes along the order: {sentence}, most in rows {first:,} to {last:,}. "
        "Find out what changed there (source, date, camera), and split by that, not by position."
    )
    evidence = {"share": beyond, "p": p, "first_row": first, "last_row": last}
    return [CorpusIssue("drift", max(0.0, 0.5 - beyond), message, evidence)], sentence


def _within(embeddings: np.ndarray, codes: np.ndarray | None) -> np.ndarray:
    """Subtract from every row the mean of its class."""
    groups = np.zeros(len(embeddings), np.int64) if codes is None else codes + 1
    values = embeddings.astype(np.float64)
    for group in np.unique(groups):
        rows = groups == group
        values[rows] -= values[rows].mean(axis=0)
    return values


def _directions(values: np.ndarray) -> np.ndarray:
    """Project on the leading directions of variance, each scaled to unit variance."""
    eigenvalues, eigenvectors = np.linalg.eigh(values.T @ values / len(values))
    leading = np.flatnonzero(eigenvalues > 1e-9 * max(eigenvalues[-1], 1e-12))[-DIRECTIONS:]
    scales = np.sqrt(eigenvalues[leading])
    return np.asarray(values @ (eigenvectors[:, leading] / scales))


def _between(values: np.ndarray, edges: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the share of variance between blocks, and the blocks' means."""
    sizes = np.diff(np.append(edges, len(values)))
    means = np.add.reduceat(values, edges, axis=0) / sizes[:, None]
    return float((sizes[:, None] * means**2).sum() / values.size), means
