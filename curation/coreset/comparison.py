"""Core sets beside random rows and beside fewer epochs over all rows: a trial that predicts.

A small network (`network`) is trained on a sample of the rows: on all of them, on all of them for
fewer epochs, and on core sets of them; it is judged on other rows, in pairs with the same start.
Fewer epochs cost as much training as the core set does, so they belong into every comparison: they
lost nothing where half of the rows lost points (`benchmarks/curation_coreset.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from thresher.core.classes import label_texts
from thresher.core.counted import counted, percent
from thresher.core.embeddings import Embeddings, as_embeddings
from thresher.core.errors import InputError, check_choice, check_count, check_number
from thresher.core.grid import exact_rows
from thresher.core.interval import Z
from thresher.core.randomness import RandomState, check_random_state
from thresher.core.shown import Shown
from thresher.core.signatures import checked

from .difficulty import demand, probe_probs
from .network import fit_network
from .picking import CLUSTERED, GREEDY, RANDOM, UNCERTAIN, pick, weigh
from .selection import CoreSet

FEWER = "fewer epochs"
TRIED = ("random", UNCERTAIN, "facility_location")
ALLOWED = (*RANDOM, UNCERTAIN, *GREEDY, *CLUSTERED)
# Rows that networks learn at most, rows that judge them at most, and networks of each kind.
SAMPLE, JUDGES, RUNS = 2000, 4000, 2
LEAST = 40
# What is lost on a sample shrinks with the rows that there are, by a power of their ratio: slowly
# for most core sets, faster for one that takes the borders between classes first, and for fewer
# epochs, which are more steps then. Chosen on subj, trec, adult and phoneme.
SHRINKS = {UNCERTAIN: 0.75, FEWER: 1.0}
SHRINKS_ELSE = 0.25
# Points by which the user's network differs from the trial's, as a standard deviation, and as a
# share of the loss.
OFF, OFF_SHARE = 1.0, 0.35


@dataclass(frozen=True)
class Saving:
    """One way to train for less, and what it is expected to cost.

    Attributes
    ----------
    way : str
        ``"fewer epochs"`` over all rows, or the method of a core set.
    share : float
        Share of the training cost that is left: of the epochs, or of the rows.
    lost, low, high : float
        Points of accuracy lost to all rows in all epochs, with a 95 % interval; below 0 is a gain.
    """

    way: str
    share: float
    lost: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.way} {self.lost:.1f} points ({self.low:.1f} to {self.high:.1f})"


@dataclass(frozen=True, repr=False)
class CoreSetComparison(Shown):
    """What ways to train for less are expected to cost.

    Attributes
    ----------
    savings : tuple of Saving
        The least loss first.
    share : float
    accuracy : float
        Of the trial's network with all rows of the sample and all epochs.
    rows, judged : int
        Rows that it learned, and rows that it was judged on.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from curation.coreset import CoreSetComparison, compare_coresets
    >>> pixels, labels = load_digits(return_X_y=True)
    >>> found = compare_coresets(pixels, labels=labels, share=0.3)
    >>> isinstance(found, CoreSetComparison), found.rows
    (True, 1348)
    """

    savings: tuple[Saving, ...]
    share: float
    accuracy: float
    rows: int
    judged: int

    @property
    def best(self) -> Saving:
        """The way that is expected to lose least."""
        return self.savings[0]

    @property
    def best_rows(self) -> Saving:
        """The core set that is expected to lose least: for when rows must go."""
        return next(one for one in self.savings if one.way != FEWER)

    @property
    def reason(self) -> str:
        """What was found, in a sentence."""
        said = ", ".join(map(str, self.savings))
        fewer = next((one for one in self.savings if one.way == FEWER), None)
        better = fewer is not None and fewer.lost < self.best_rows.lost
        advice = (
            "; to save training time alone, train on all rows for fewer epochs" if better else ""
        )
        return (
            f"expected loss at {percent(self.share)} of the cost, by small networks on "
            f"{counted(self.rows, 'row')}: {said}{advice}"
        )


@checked
def compare_coresets(
    embeddings: Embeddings | np.ndarray,
    *,
    labels: np.ndarray | Sequence[int] | Sequence[str],
    share: float,
    epochs: int = 20,
    methods: Sequence[str] = TRIED,
    random_state: RandomState = 0,
) -> CoreSetComparison:
    """Say what core sets would cost, beside random rows and fewer epochs over all rows.

    Parameters
    ----------
    embeddings : Embeddings or ndarray of float, shape (n_rows, d)
        At least 40 rows of classes of two rows or more; the only row of a class is left out.
    labels : array, shape (n_rows,)
    share : float
        Share of the rows, or of the epochs, that is left, in (0, 1].
    epochs : int
        Of a training on all rows.
    methods : sequence of str
        Core sets to try, as in `select_coreset`; those that need neither a recorded run nor tokens.
    random_state : int, numpy.random.Generator or None

    Returns
    -------
    CoreSetComparison

    Raises
    ------
    InputError
        On fewer rows or classes than a trial needs, a `share` outside (0, 1], an unknown method or
        none.

    Notes
    -----
    Networks learn up to 2,000 rows and are judged on up to 4,000 others, in two pairs each. With
    more rows than these, losses are taken to shrink (see `SHRINKS`). The intervals hold the scatter
    of the judged rows and of the starts, and what other networks differ by; a network that learns
    from raw pixels or texts may lose more than one on embeddings.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from curation import compare_coresets
    >>> pixels, labels = load_digits(return_X_y=True)
    >>> found = compare_coresets(pixels, labels=labels, share=0.3)
    >>> sorted(saving.way for saving in found.savings)
    ['facility_location', 'fewer epochs', 'random', 'uncertain_coverage']
    """
    vectors = as_embeddings(embeddings).vectors
    names = label_texts(labels, rows=len(vectors))
    check_number("share", share, low=0, high=1, low_open=True)
    check_count("epochs", epochs, low=1)
    for method in methods:
        check_choice("methods", method, ALLOWED)
    if not len(methods):
        raise InputError(f"`methods` must name at least one of {', '.join(ALLOWED)}.")
    several = _of_several(names)
    names = names[several]
    codes = np.unique(names, return_inverse=True)[1]
    if len(codes) < LEAST or codes.max(initial=0) < 1:
        raise InputError(
            f"A trial needs at least {LEAST} rows of two classes, got "
            f"{counted(len(codes), 'row')} and "
            f"{counted(codes.max(initial=-1) + 1, 'class', 'classes')} of two rows or more."
        )
    rng = check_random_state(random_state)
    trial = _Trial(vectors[several], codes, epochs=epochs, rng=rng)
    ways = (FEWER, *dict.fromkeys(methods))
    return trial.compare(ways, share=share)


def comparable(embeddings: Embeddings, labels: np.ndarray | None, *, n: int) -> bool:
    """Whether `compare_coresets` can say anything: rows and classes enough, and some left out."""
    if labels is None or n >= len(embeddings):
        return False
    told = labels[_of_several(labels)]
    return len(told) >= LEAST and len(np.unique(told)) > 1


def compare_chosen(
    embeddings: Embeddings, chosen: CoreSet, *, labels: np.ndarray | None, random_state: RandomState
) -> CoreSetComparison | None:
    """Compare the method that was chosen with random rows and fewer epochs.

    None where a trial can say nothing.
    """
    if labels is None or not comparable(embeddings, labels, n=len(chosen)):
        return None
    return compare_coresets(
        embeddings,
        labels=labels,
        share=len(chosen) / len(embeddings),
        methods=tuple(dict.fromkeys(("random", chosen.method))),
        random_state=random_state,
    )


def _of_several(labels: np.ndarray) -> np.ndarray:
    """Mark rows whose class has another row: a class of one cannot be both learned and judged."""
    codes, counts = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    return np.asarray(counts[codes] > 1)


class _Trial:
    """Rows to learn, rows to judge by, and the networks with all of the former."""

    def __init__(
        self, vectors: np.ndarray, codes: np.ndarray, *, epochs: int, rng: np.random.Generator
    ) -> None:
        learned = min(SAMPLE, 3 * len(vectors) // 4)
        drawn = rng.permutation(len(vectors))[: learned + JUDGES]
        self.total, self.epochs, self.rng = len(vectors), epochs, rng
        self.count = int(codes.max()) + 1
        self.codes, rows = codes[drawn], vectors[drawn]
        self.own, self.others = np.arange(learned), np.arange(learned, len(drawn))
        spread = rows[:learned].std(axis=0)
        self.X = (rows - rows[:learned].mean(axis=0)) / np.maximum(spread, 1e-6)
        self.vectors = exact_rows(rows[:learned])
        # Classes that the sample lacks would have no rows to choose from.
        self.own_codes = np.unique(self.codes[:learned], return_inverse=True)[1]

    @cached_property
    def demand(self) -> np.ndarray:
        """How much each own row is asked for by those that a probe is unsure of, (n,)."""
        return demand(probe_probs(self.vectors, self.own_codes))

    def compare(self, ways: Sequence[str], *, share: float) -> CoreSetComparison:
        """Train every way in pairs with all rows, and sum up."""
        lost = np.empty((len(ways), RUNS, len(self.others)))
        right = np.empty(RUNS)
        seeds = self.rng.integers(2**32, size=RUNS)
        for run, seed in enumerate(seeds.tolist()):
            everything = np.arange(len(self.own))
            whole = self._right(everything, None, epochs=self.epochs, seed=seed)
            right[run] = whole.mean()
            for number, way in enumerate(ways):
                rows, weights, epochs = self._less(way, share)
                found = self._right(rows, weights, epochs=epochs, seed=seed)
                lost[number, run] = 100.0 * (whole - found)
        ratio = len(self.own) / self.total
        shrink = np.array([ratio ** SHRINKS.get(way, SHRINKS_ELSE) for way in ways])
        savings = _savings(ways, lost, share=share, shrink=shrink)
        return CoreSetComparison(
            savings, share, float(right.mean()), len(self.own), len(self.others)
        )

    def _less(self, way: str, share: float) -> tuple[np.ndarray, np.ndarray | None, int]:
        """Return rows, their weights, and epochs of one way."""
        if way == FEWER:
            return np.arange(len(self.own)), None, max(1, round(share * self.epochs))
        n = max(1, round(share * len(self.own)))
        values = self.demand if way == UNCERTAIN else None
        rows = pick(way, self.vectors, self.own_codes, n=n, values=values, rng=self.rng)
        return rows, weigh(way, self.vectors, self.own_codes, rows), self.epochs

    def _right(
        self, rows: np.ndarray, weights: np.ndarray | None, *, epochs: int, seed: int
    ) -> np.ndarray:
        """Train on some of the own rows; return which of the others are right, float64."""
        learned = self.own[rows]
        scores = fit_network(
            self.X[learned],
            self.codes[learned],
            count=self.count,
            epochs=epochs,
            weights=np.ones(len(rows), dtype=np.float32) if weights is None else weights,
            rng=np.random.default_rng(seed),
        )
        guesses = scores(self.X[self.others]).argmax(axis=1)
        return np.asarray(guesses == self.codes[self.others], dtype=np.float64)


def _savings(
    ways: Sequence[str], lost: np.ndarray, *, share: float, shrink: np.ndarray
) -> tuple[Saving, ...]:
    """Sum up losses in points, shape (ways, runs, rows), the least first."""
    by_start = lost.mean(axis=2)
    starts = float(by_start.var(axis=1, ddof=1).mean()) / RUNS
    found = []
    for way, rows, factor in zip(ways, lost.mean(axis=1), shrink.tolist(), strict=True):
        value = factor * float(rows.mean())
        scatter = factor**2 * (float(rows.var(ddof=1)) / len(rows) + starts)
        half = Z * float(np.sqrt(scatter + OFF**2 + (OFF_SHARE * value) ** 2))
        found.append(Saving(way, share, value, value - half, value + half))
    return tuple(sorted(found, key=lambda one: one.lost))
