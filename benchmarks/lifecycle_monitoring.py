"""Claim: a monitor that is looked at daily gives a false alarm in at most 5 % of years.

Data: vectors of banking77 (MiniLM), a ridge classifier on 2,000 rows, its temperature from 2,000
more, which also are the reference; days are drawn from all else, 200 rows each, 2,000 where a fall
is to be found; 20 of them get a label. The alarm is `lifecycle.Watch` on the first and the last
eight principal components of the vectors. Peers on the same days: Kolmogorov–Smirnov on the
confidence at 0.05, and a test of the week's labels against the reference's accuracy at 0.05.

Falls of 5 points: noise in the vectors, and intents whose meaning changed, which no input shows;
counted is who is found within 7 days and within 28.

Intervals: coverage of `estimate_accuracy` from 100 labels in four situations. Cost: one request to
`RequestRing`, in the thread of the server.

Data: the folder in THRESHER_DATA holds ``emb_minilm_banking77.npz`` (``id``, ``emb``) and
``text_classification.parquet`` (``dataset``, ``id``, ``label_name``).

Run: THRESHER_DATA=… python benchmarks/lifecycle_monitoring.py --out monitoring.json
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy.stats import ks_2samp

from lifecycle import RequestRing, Watch, estimate_accuracy
from thresher.core.files import write_json
from thresher.core.interval import wilson_interval
from thresher.core.numerics.softmax import softmax

WORLDS: list[Any] = []  # of a process
LABELS, DAYS, BEFORE = 20, 365, 30
ROWS, MORE_ROWS = 200, 2000  # of a day, in years without change and in falls


@dataclass(frozen=True)
class Rows:
    """What comes in use: components, confidence, whether the model is right."""

    parts: np.ndarray
    confidence: np.ndarray
    right: np.ndarray

    def take(self, rows: np.ndarray) -> Rows:
        """Return some of them."""
        return Rows(self.parts[rows], self.confidence[rows], self.right[rows])


class World:
    """A model, its reference, and rows that nobody has seen."""

    def __init__(self, folder: Path) -> None:
        table = pq.read_table(folder / "text_classification.parquet").to_pandas()
        table = table[table["dataset"] == "banking77"]
        with np.load(folder / "emb_minilm_banking77.npz") as file:
            place = {name: at for at, name in enumerate(file["id"])}
            vectors = file["emb"][[place[name] for name in table["id"]]].astype(np.float64)
        codes = np.unique(table["label_name"], return_inverse=True)[1]
        order = np.random.default_rng(0).permutation(len(codes))
        train, kept, rest = order[:2000], order[2000:4000], order[4000:]
        x, y = vectors[train], np.eye(codes.max() + 1)[codes[train]]
        self.weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y)
        _, _, axes = np.linalg.svd(x - x.mean(0), full_matrices=False)
        self.axes, self.temperature = np.vstack([axes[:8], axes[-8:]]).T, 1.0
        losses = {}
        for temperature in np.geomspace(0.01, 1, 60):
            shares = softmax(vectors[kept] @ self.weights / temperature)
            losses[temperature] = -np.log(shares[np.arange(2000), codes[kept]] + 1e-12).mean()
        self.temperature = min(losses, key=lambda each: losses[each])
        self.vectors, self.codes = vectors[rest], codes[rest]
        self.reference = self.rows(vectors[kept], codes[kept])

    def rows(self, vectors: np.ndarray, codes: np.ndarray) -> Rows:
        """Return what the model says of vectors."""
        shares = softmax(vectors @ self.weights / self.temperature)
        return Rows(vectors @ self.axes, shares.max(1), shares.argmax(1) == codes)

    def usual(self) -> Rows:
        """Return rows as in training."""
        return self.rows(self.vectors, self.codes)

    def noisy(self, size: float) -> Rows:
        """Return rows with noise in the vectors."""
        noise = np.random.default_rng(1).normal(size=self.vectors.shape)
        return self.rows(self.vectors + size * noise, self.codes)

    def few(self) -> Rows:
        """Return rows of 20 intents alone."""
        kept = self.codes < 20
        return self.rows(self.vectors[kept], self.codes[kept])

    def changed(self, intents: int) -> Rows:
        """Return rows of which some intents mean another."""
        codes = np.where(self.codes < intents, (self.codes + 1) % 77, self.codes)
        return self.rows(self.vectors, codes)

    def fallen(self, by: float) -> dict[str, Rows]:
        """Return rows on which the model is right less often by about `by`, for two reasons."""
        now = self.usual().right.mean()
        sizes = np.geomspace(0.005, 0.1, 30)
        size = min(sizes, key=lambda s: abs(now - self.noisy(s).right.mean() - by))
        intents = min(range(1, 20), key=lambda k: abs(now - self.changed(k).right.mean() - by))
        return {"noise in the inputs": self.noisy(size), "changed meaning": self.changed(intents)}


def life(
    world: World, rng: np.random.Generator, usual: Rows, after: Rows | None, days: int
) -> dict[str, int | None]:
    """Return the first day on which each way gives an alarm."""
    known = world.reference
    watch = Watch(known.parts, confidence=known.confidence, correct=known.right)
    first: dict[str, int | None] = {"ours": None, "smirnov": None, "labels": None}
    week: list[np.ndarray] = []
    base = known.right.mean()
    for day in range(days):
        pool = usual if after is None or day < BEFORE else after
        rows = pool.take(rng.integers(len(pool.right), size=ROWS if after is None else MORE_ROWS))
        watch.window(rows.parts, confidence=rows.confidence)
        watch.labels(rows.confidence[:LABELS], rows.right[:LABELS])
        week = [*week, rows.right[:LABELS]][-7:]
        said = {"ours": watch.state().alarm}
        if first["smirnov"] is None and after is None:
            said["smirnov"] = ks_2samp(rows.confidence, known.confidence).pvalue < 0.05
        labels = np.concatenate(week)
        z = (base - labels.mean()) / np.sqrt(base * (1 - base) / len(labels))
        said["labels"] = bool(z > 1.645)
        for name, alarm in said.items():
            if alarm and first[name] is None:
                first[name] = day
        if all(each is not None for each in first.values()):
            break
        if first["ours"] is not None and after is not None:
            break
    return first


def _begin() -> None:
    WORLDS.append(World(Path(os.environ["THRESHER_DATA"])))


def quiet_year(seed: int) -> dict[str, int | None]:
    """Return the first false alarm of each way in a year without change."""
    (world,) = WORLDS
    return life(world, np.random.default_rng([3, seed]), world.usual(), None, DAYS)


def coverage(world: World, repeats: int) -> dict[str, dict[str, float]]:
    """Return coverage and width of the intervals from 100 labels."""
    rng = np.random.default_rng(2)
    situations = {
        "as trained": world.usual(),
        "20 of 77 intents come": world.few(),
        "noisy vectors": world.noisy(0.05),
        "19 intents changed meaning": world.changed(19),
    }
    found = {}
    for name, rows in situations.items():
        truth, covered, wide, plain, worth = rows.right.mean(), 0, 0.0, 0.0, 0.0
        for _ in range(repeats):
            at = rng.choice(len(rows.right), 100, replace=False)
            one = estimate_accuracy(
                rows.confidence, labeled_confidence=rows.confidence[at], correct=rows.right[at]
            )
            assert one.low is not None
            assert one.high is not None
            covered += one.low <= truth <= one.high
            wide += (one.high - one.low) / 2 / repeats
            low, high = wilson_interval(float(rows.right[at].sum()), 100)
            plain += (high - low) / 2 / repeats
            worth += one.worth / repeats
        found[name] = {
            "true": float(truth),
            "hint": float(rows.confidence.mean()),
            "plain": plain,
            "half": wide,
            "coverage": covered / repeats,
            "worth": worth,
        }
    return found


def ring_cost() -> float:
    """Return microseconds of a request of one row in the thread of the server."""
    logits = np.zeros((1, 77), np.float32)
    served: Any = SimpleNamespace(
        model=SimpleNamespace(digest="0" * 64, classes=[str(k) for k in range(77)]),
        rows=None,
        answers=SimpleNamespace(logits=logits, errors={}),
        seconds=0.002,
    )
    with tempfile.TemporaryDirectory() as folder:
        ring = RequestRing(folder)
        began = time.thread_time()
        for _ in range(100_000):
            ring(served)
        spent = time.thread_time() - began
        ring.close()
    return 1e6 * spent / 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--years", type=int, default=1000)
    parser.add_argument("--falls", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=2000)
    options = parser.parse_args()
    world = World(Path(os.environ["THRESHER_DATA"]))
    covered = coverage(world, options.repeats)
    usual = world.usual()
    years: dict[str, int] = {"ours": 0, "smirnov": 0, "labels": 0}
    with ProcessPoolExecutor(initializer=_begin) as pool:
        for first in pool.map(quiet_year, range(options.years), chunksize=10):
            for name, day in first.items():
                years[name] += day is not None
    falls = {}
    for name, after in world.fallen(0.05).items():
        took: list[float] = []
        for seed in range(options.falls):
            rng = np.random.default_rng([4, seed])
            day = life(world, rng, usual, after, BEFORE + 60)["ours"]
            took.append(np.inf if day is None else day - BEFORE + 1)
        falls[name] = {
            "fall": float(usual.right.mean() - after.right.mean()),
            "days": sorted(took),
            "early": sum(each <= 0 for each in took),
        }
    write_json(options.out, report(covered, years, falls, ring_cost(), options))


def report(
    covered: dict[str, dict[str, float]],
    years: dict[str, int],
    falls: dict[str, dict[str, Any]],
    cost: float,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Return the numbers, and the tables for readers."""
    for one in falls.values():
        days = np.array(one.pop("days"))
        one |= {f"within_{k}": float(((days > 0) & (days <= k)).mean()) for k in (7, 14, 28)}
        one["median"] = float(np.median(np.minimum(days, 60)))
    names = {
        "ours": "`Watch`",
        "smirnov": "Kolmogorov–Smirnov on confidence, 0.05 a day",
        "labels": "labels of the week, 0.05 a day",
    }
    low_high = {name: wilson_interval(count, options.years) for name, count in years.items()}
    return {
        "coverage": covered,
        "years": years,
        "falls": falls,
        "ring_us": cost,
        "runs": {"years": options.years, "falls": options.falls, "repeats": options.repeats},
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "page": {
            "title": "A model watched",
            "note": f"banking77 vectors, {ROWS} rows a day, {MORE_ROWS:,} where a fall is to be "
            f"found, {LABELS} labels a day. A request costs the server {cost:.1f} µs for the log.",
            "tables": [
                {
                    "caption": f"Years with a false alarm, of {options.years:,}, looked at daily.",
                    "header": ["alarm", "years with a false alarm, 95 % interval"],
                    "rows": [
                        [
                            names[name],
                            f"{100 * count / options.years:.1f} % "
                            f"({100 * low_high[name][0]:.1f}–{100 * low_high[name][1]:.1f})",
                        ]
                        for name, count in years.items()
                    ],
                },
                {
                    "caption": f"Falls of about 5 points, {options.falls} each: found by `Watch`.",
                    "header": [
                        "cause",
                        "fall, points",
                        "in 7 days",
                        "in 14",
                        "in 28",
                        "median days",
                    ],
                    "rows": [
                        [
                            name,
                            f"{100 * one['fall']:.1f}",
                            *(f"{100 * one[f'within_{k}']:.0f} %" for k in (7, 14, 28)),
                            f"{one['median']:.0f}",
                        ]
                        for name, one in falls.items()
                    ],
                },
                {
                    "caption": f"Accuracy from 100 labels, {options.repeats:,} draws; half widths "
                    "of 95 % intervals in points.",
                    "header": [
                        "situation",
                        "true",
                        "mean confidence",
                        "labels alone",
                        "with confidence",
                        "coverage",
                        "worth labels",
                    ],
                    "rows": [
                        [
                            name,
                            f"{one['true']:.3f}",
                            f"{one['hint']:.3f}",
                            f"± {100 * one['plain']:.1f}",
                            f"± {100 * one['half']:.1f}",
                            f"{100 * one['coverage']:.1f} %",
                            f"{one['worth']:.0f}",
                        ]
                        for name, one in covered.items()
                    ],
                },
            ],
        },
    }


if __name__ == "__main__":
    main()
