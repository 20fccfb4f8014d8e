"""Learning curves of simulated active learning, and what is read off them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from thresher.core.errors import check_choice
from thresher.core.files import write_json, write_text
from thresher.core.shown import Shown

from .plots import Line, line_plot


@dataclass(frozen=True, repr=False)
class Curves(Shown):
    """Accuracy against labels.

    Attributes
    ----------
    strategies : tuple of str, length s
    budgets : tuple of int, length b
        Numbers of labels.
    seeds : tuple of int, length r
    accuracy : ndarray of float64, shape (s, r, b)
        On the test set.
    query_seconds : ndarray of float64, shape (s, r, b)
        CPU-seconds to choose each batch, a committee's training included.
    query_bytes : ndarray of int64, shape (s,), or None
        Most memory that the last query of the first seed had allocated at once.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from active_learning import Curves, simulate
    >>> pixels, labels = (array[:200] for array in load_digits(return_X_y=True))
    >>> curves = simulate(pixels, labels, strategies=["random"], budgets=(10, 20), seeds=2)
    >>> isinstance(curves, Curves), curves.accuracy.shape
    (True, (1, 2, 2))
    """

    strategies: tuple[str, ...]
    budgets: tuple[int, ...]
    seeds: tuple[int, ...]
    accuracy: np.ndarray
    query_seconds: np.ndarray
    query_bytes: np.ndarray | None = None

    def of(self, strategy: str) -> np.ndarray:
        """Return the accuracy of one strategy, shape (r, b)."""
        check_choice("strategy", strategy, self.strategies)
        return np.asarray(self.accuracy[self.strategies.index(strategy)])

    def area(self) -> dict[str, np.ndarray]:
        """Return the area under each curve over log(labels), divided by its width; shape (r,).

        It is a mean accuracy, in which each doubling of the labels counts the same.
        """
        if len(self.budgets) == 1:
            return {name: self.of(name)[:, 0] for name in self.strategies}
        x = np.log(np.array(self.budgets, dtype=float))
        return {
            name: np.trapezoid(self.of(name), x, axis=1) / (x[-1] - x[0])
            for name in self.strategies
        }

    def labels_to(self, accuracy: float) -> dict[str, float | None]:
        """Return the labels at which each mean curve first reaches `accuracy`.

        Interpolated over log(labels) between budgets; None when it is never reached.
        """
        return {
            name: labels_to_reach(self.budgets, self.of(name).mean(axis=0), target=accuracy)
            for name in self.strategies
        }

    def labels_to_match(self, reference: str = "random") -> dict[str, float | None]:
        """Return the labels each strategy needs for what `reference` reaches at its last budget."""
        return self.labels_to(float(self.of(reference).mean(axis=0)[-1]))

    def never_below(self, reference: str = "random") -> dict[str, float]:
        """Return the lowest (mean − reference's mean) / standard deviation over budgets.

        The deviation is that of the two together over the seeds; above −1, a strategy is nowhere
        more than one standard deviation below the reference.
        """
        base = self.of(reference)
        result = {}
        for name in self.strategies:
            own = self.of(name)
            spread = np.sqrt((own.var(axis=0) + base.var(axis=0)) / 2)
            gap = own.mean(axis=0) - base.mean(axis=0)
            result[name] = float((gap / np.maximum(spread, 1e-9)).min())
        return result

    def ranks(self) -> dict[str, float]:
        """Return each strategy's mean rank over seeds and budgets; 1 is best, ties share."""
        from scipy.stats import rankdata

        mean = rankdata(-self.accuracy, axis=0).mean(axis=(1, 2))
        return dict(zip(self.strategies, mean.tolist(), strict=True))

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each strategy and budget: mean, standard deviation, seconds."""
        return [
            {
                "strategy": name,
                "labels": budget,
                "accuracy": float(self.accuracy[s, :, b].mean()),
                "deviation": float(self.accuracy[s, :, b].std()),
                "query_seconds": float(np.median(self.query_seconds[s, :, b])),
            }
            for s, name in enumerate(self.strategies)
            for b, budget in enumerate(self.budgets)
        ]

    def summary(self) -> dict[str, Any]:
        """Return areas, mean ranks and, if random was run, labels to match it and gaps to it."""
        report: dict[str, Any] = {
            "area": {name: float(values.mean()) for name, values in self.area().items()},
            "mean_rank": self.ranks(),
        }
        if self.query_bytes is not None:
            sizes = (self.query_bytes / 2**20).round(3).tolist()
            report["query_megabytes"] = dict(zip(self.strategies, sizes, strict=True))
        if "random" in self.strategies:
            report["labels_to_match_random"] = self.labels_to_match()
            report["lowest_gap_to_random_in_deviations"] = self.never_below()
        return report

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write curves, rows and the summary as JSON, atomically."""
        report: dict[str, Any] = {
            "strategies": list(self.strategies),
            "budgets": list(self.budgets),
            "seeds": list(self.seeds),
            "accuracy": self.accuracy.tolist(),
            "query_seconds": self.query_seconds.tolist(),
            "rows": self.rows(),
            **self.summary(),
        }
        write_json(path, report)

    def to_svg(self, path: str | os.PathLike[str]) -> None:
        """Write the mean curves with a band of one standard deviation as an SVG image."""
        lines = [
            Line(
                name,
                np.array(self.budgets, dtype=float),
                self.of(name).mean(axis=0),
                self.of(name).std(axis=0),
            )
            for name in self.strategies
        ]
        write_text(path, line_plot(lines, x_title="labels", y_title="accuracy"))


def labels_to_reach(
    budgets: tuple[int, ...], accuracy: np.ndarray, *, target: float
) -> float | None:
    """Return where a curve first reaches `target`, interpolated over log(labels), or None."""
    above = np.flatnonzero(accuracy >= target)
    if not len(above):
        return None
    first = int(above[0])
    if first == 0:
        return float(budgets[0])
    low, high = accuracy[first - 1], accuracy[first]
    share = (target - low) / max(high - low, 1e-12)
    log = np.log(np.array(budgets[first - 1 : first + 1], dtype=float))
    return float(np.exp(log[0] + share * (log[1] - log[0])))
