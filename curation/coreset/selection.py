"""Choose a core set: `n` rows to train on, with the control methods beside the clever ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from thresher.core.classes import label_texts
from thresher.core.counted import counted, percent
from thresher.core.embeddings import Embeddings, as_embeddings
from thresher.core.errors import InputError, check_choice
from thresher.core.grid import exact_rows
from thresher.core.randomness import RandomState, check_random_state
from thresher.core.shown import Shown
from thresher.core.signatures import checked

from ..labels.training_record import RecordedRun
from . import greedy
from .difficulty import demand, probe_error, probe_probs
from .picking import CLUSTERED, GREEDY, UNCERTAIN, pick, weigh
from .recorded import KINDS, read_difficulty
from .token_budgets import checked_counts, choose_within
from .trial import Trial

SCORED = ("ccs", *KINDS)
BY_GEOMETRY = (*GREEDY, *CLUSTERED)
LONGEST = "longest"
METHODS = ("auto", "random", "balanced", LONGEST, UNCERTAIN, *BY_GEOMETRY, *SCORED)
# Multiply-adds of facility location's look at every row: about twenty seconds of one core.
DEAREST = 1e11
# Geometry pays where the embeddings know the classes: a network that learns from raw pixels or
# texts gains nothing where they do not, whatever a probe on them gains. Images of CIFAR-10 in the
# built-in embedding, told for .55, lose 2 to 3 points to random rows; texts of rt-polarity, told
# for .73, gain.
KNOWS_CLASSES = 0.7
Probe = Callable[[], np.ndarray]


@dataclass(frozen=True, repr=False)
class CoreSet(Shown):
    """Chosen rows, in the order of choice within each class, classes taking turns.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    positions : ndarray of int64, shape (n,)
    weights : ndarray of float32, shape (n,)
        How many rows of its class each chosen row stands for, divided by their mean: for a
        weighted loss. All 1 for methods that are meant to change the distribution.
    scores : ndarray of float32, shape (n,)
        1 for the first choice, down to 1/n for the last.
    method, reason : str
        The method, and why it was taken.
    """

    row_ids: np.ndarray
    positions: np.ndarray
    weights: np.ndarray
    scores: np.ndarray
    method: str
    reason: str

    def __len__(self) -> int:
        return len(self.row_ids)


@checked
def select_coreset(
    embeddings: Embeddings | np.ndarray,
    *,
    n: int | None = None,
    labels: np.ndarray | Sequence[int] | Sequence[str] | None = None,
    method: str = "auto",
    scores: np.ndarray | None = None,
    dynamics: str | os.PathLike[str] | RecordedRun | None = None,
    tokens: float | None = None,
    token_counts: np.ndarray | None = None,
    random_state: RandomState = 0,
) -> CoreSet:
    """Choose `n` rows to train on, or as many as have so many tokens.

    Parameters
    ----------
    embeddings : Embeddings or ndarray of float, shape (n_rows, d)
    n : int, optional
        Between 1 and the number of rows; this or `tokens`.
    labels : array, shape (n_rows,), optional
        With labels each class is chosen from on its own: in proportion to its size, at least one
        row each where `n` allows; for ``"balanced"`` evenly.
    method : str
        Controls: ``"random"``, ``"balanced"`` (random, the same number of each class),
        ``"longest"`` (most tokens first). By geometry: ``"k_center"``, ``"facility_location"``,
        ``"novelsum"``, ``"gip"``, ``"semdedup"``, ``"prototypes"``, ``"d4"``,
        ``"hierarchical_kmeans"``. By difficulty: ``"el2n"``, ``"forgetting"`` and ``"aum"`` (the
        hardest rows), ``"ccs"`` (all degrees, without the very hardest). By both:
        ``"uncertain_coverage"``, facility location in which a row counts the more, the less a
        leave-one-out probe can decide on its class (as uncertainty herding weighs coverage: Bae,
        Oliveira and Sutherland, 2025); needs `labels`. ``"auto"``: ccs when difficulties are
        given; random where the embeddings do not tell the classes apart or geometry costs too much;
        else uncertain coverage or facility location, whichever serves a probe better (see
        `trial`); facility location without labels.
    scores : ndarray of float, shape (n_rows,), optional
        Difficulty of each row, high = hard.
    dynamics : path-like or Dynamics, optional
        What each row did in a training run, or the file that `training.DynamicsRecorder` wrote;
        see `read_difficulty`. ccs takes the margins. With neither `scores` nor this, ccs and el2n
        judge by a leave-one-out probe on the embeddings, given `labels`.
    tokens : float, optional
        Rows are taken in the order of the method for as long as their tokens fit.
    token_counts : ndarray of int, shape (n_rows,), optional
        Tokens of each row, for `tokens` and ``"longest"``; see `thresher.core.TokenCounter`.
    random_state : int, numpy.random.Generator or None

    Returns
    -------
    CoreSet

    Raises
    ------
    InputError
        On `n` outside 1 … n_rows, both or neither of `n` and `tokens`, a wrong method, one that
        needs `labels` without them, missing or NaN scores, unequal lengths.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from curation import select_coreset
    >>> pixels, labels = load_digits(return_X_y=True)
    >>> chosen = select_coreset(pixels, n=100, labels=labels, method="balanced")
    >>> len(chosen.positions)
    100
    """
    check_choice("method", method, METHODS)
    if method == "balanced" and labels is None:
        raise InputError("The method 'balanced' needs `labels`; without them take 'random'.")
    embeddings = as_embeddings(embeddings)
    total = len(embeddings)
    counts = checked_counts(token_counts, total)
    _check_size(n, tokens, total)
    classes = _classes(labels, total)
    probe = None if labels is None else cache(lambda: probe_probs(embeddings.vectors, classes))
    given = scores is not None or dynamics is not None
    rng = check_random_state(random_state)
    chosen, reason = method, "asked for"
    if method == "auto":
        rows = n or _rows_within(tokens, counts)
        chosen, reason = _choose_method(embeddings, classes, probe, n=rows, given=given, rng=rng)
    values = None
    if chosen in SCORED:
        values = _hardness(chosen, embeddings, classes, probe, scores=scores, dynamics=dynamics)
    elif chosen in (UNCERTAIN, LONGEST):
        values = _demand(probe) if chosen == UNCERTAIN else _lengths(counts)
    vectors = exact_rows(embeddings.vectors)

    def choose(rows: int) -> np.ndarray:
        return pick(chosen, vectors, classes, n=rows, values=values, rng=rng)

    positions = choose(n) if n is not None else choose_within(choose, counts, tokens or 0)
    return CoreSet(
        row_ids=embeddings.row_ids[positions],
        positions=positions,
        weights=weigh(chosen, vectors, classes, positions),
        scores=(1 - np.arange(len(positions)) / len(positions)).astype(np.float32),
        method=chosen,
        reason=reason,
    )


def _check_size(n: int | None, tokens: float | None, total: int) -> None:
    if (n is None) == (tokens is None):
        raise InputError("Give the size of the core set: `n` rows, or `tokens`.")
    if n is not None and not 1 <= n <= total:
        raise InputError(f"`n` must be between 1 and the number of rows, {total}, got {n}.")


def _lengths(counts: np.ndarray | None) -> np.ndarray:
    if counts is None:
        raise InputError(f"The method {LONGEST!r} needs `token_counts`.")
    return counts.astype(np.float64)


def _rows_within(tokens: float | None, counts: np.ndarray | None) -> int:
    """Return about how many rows a budget holds."""
    if tokens is None or counts is None or not counts.any():
        return 1
    return max(1, min(len(counts), round(len(counts) * tokens / float(counts.sum()))))


def _classes(labels: np.ndarray | Sequence[int] | Sequence[str] | None, total: int) -> np.ndarray:
    if labels is None:
        return np.zeros(total, dtype=np.int64)
    names = label_texts(labels, rows=total)
    codes: np.ndarray = np.unique(names, return_inverse=True)[1]
    return codes.astype(np.int64)


def _choose_method(
    embeddings: Embeddings,
    classes: np.ndarray,
    probe: Probe | None,
    *,
    n: int,
    given: bool,
    rng: np.random.Generator,
) -> tuple[str, str]:
    if given:
        return "ccs", "difficulties were given"
    rows, d = embeddings.vectors.shape
    if rows * min(rows, greedy.SHARD) * d > DEAREST:
        return "random", f"facility location would be costly for {counted(rows, 'row')}"
    if probe is None:
        return "facility_location", "cheap for this many rows"
    trial = Trial(exact_rows(embeddings.vectors), classes, rng=rng)
    told = float((probe().argmax(axis=1) == classes).mean())
    told = told if told >= KNOWS_CLASSES else max(told, trial.accuracy())
    text = f"a probe on the embeddings tells {percent(told)} of the rows' classes"
    if told < KNOWS_CLASSES:
        return "random", f"{text}, too few to trust their geometry"
    best, reached = trial.best(n / rows, demand=_demand(probe))
    tried = ", ".join(f"{name} {percent(accuracy, digits=1)}" for name, accuracy in reached.items())
    return best, f"{text}; fitted to core sets of {len(trial.rows):,} of them: {tried}"


def _hardness(
    method: str,
    embeddings: Embeddings,
    classes: np.ndarray,
    probe: Probe | None,
    *,
    scores: np.ndarray | None,
    dynamics: str | os.PathLike[str] | RecordedRun | None,
) -> np.ndarray:
    if scores is not None and dynamics is not None:
        raise InputError("Give `scores` or `dynamics`, not both.")
    if dynamics is not None:
        kind = "aum" if method == "ccs" else method
        return read_difficulty(dynamics, kind, row_ids=embeddings.row_ids)
    if scores is not None:
        return _check_scores(scores, len(embeddings))
    if method in ("ccs", "el2n") and probe is not None:
        return probe_error(probe(), classes)
    needed = "`scores`, `dynamics` or `labels`" if method in ("ccs", "el2n") else "`dynamics`"
    raise InputError(f"The method {method!r} needs {needed}, to tell how hard each row is.")


def _demand(probe: Probe | None) -> np.ndarray:
    if probe is None:
        raise InputError(
            f"The method {UNCERTAIN!r} needs `labels`, to tell where classes meet; without them "
            "take 'facility_location'."
        )
    return demand(probe())


def _check_scores(scores: np.ndarray, total: int) -> np.ndarray:
    hardness = np.asarray(scores, dtype=np.float64)
    if hardness.shape != (total,) or not np.isfinite(hardness).all():
        raise InputError(
            f"`scores` must be {counted(total, 'finite number')}, got shape {hardness.shape} with "
            f"{int((~np.isfinite(hardness)).sum())} NaN or infinite values."
        )
    return hardness
