"""Claim: a monitor that is looked at daily gives a false alarm in at most 5 % of years.

Data: vectors of banking77 (MiniLM) and a ridge classifier on 2,000 rows. Each year, and each fall,
has a reference of its own: 2,000 rows drawn from all else, which also give the temperature; days
are drawn from the rest, 200 rows each, 2,000 where a fall is to be found; 20 of them get a label,
15 drawn at random and 5 of suspected answers, as `thresher monitor` chooses them. The alarm is
`lifecycle.Watch` on the first and the last eight principal components of the vectors. Peers on the
same days: Kolmogorov–Smirnov on the confidence at 0.05, and a test of the week's labels against
the reference's accuracy at 0.05, each with 20 labels drawn at random.

Falls of 5 points: noise in the vectors; intents, other ones each time, that from a day on mean
another; and labels that contradict the model on rows drawn at random from all. No input shows the
latter two. Counted is who is found within 7 days and within 28. Beside them, what a likelihood
ratio reaches that knows the chances of errors before and after a change of meaning exactly, by
confidence or not, where its threshold gives a false alarm in 5 % of simulated years.

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
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy.stats import ks_2samp

from lifecycle import RequestRing, Watch, estimate_accuracy
from lifecycle.monitoring.days import choose_suspected
from thresher.core.files import write_json
from thresher.core.interval import wilson_interval
from thresher.core.numerics.softmax import softmax

WORLDS: list[Any] = []  # of a process
LABELS, OF_SUSPECTS, DAYS, BEFORE = 20, 5, 365, 30
ROWS, MORE_ROWS = 200, 2000  # of a day, in years without change and in falls
FALL, INTENTS, BINS = 0.05, 77, 20
FALLS = {
    "noise in the inputs": (LABELS, OF_SUSPECTS),
    "changed meaning": (LABELS, OF_SUSPECTS),
    "changed meaning, all labels drawn at random": (LABELS, 0),
    "anywhere": (LABELS, OF_SUSPECTS),
    "anywhere, 100 labels a day": (100, OF_SUSPECTS),
}


@dataclass(frozen=True)
class Rows:
    """What comes in use: components, confidence, answers, whether the model is right."""

    parts: np.ndarray
    confidence: np.ndarray
    answers: np.ndarray
    right: np.ndarray

    def take(self, rows: np.ndarray) -> Rows:
        """Return some of them."""
        return Rows(self.parts[rows], self.confidence[rows], self.answers[rows], self.right[rows])


class World:
    """A model, and rows that it has not seen; some are its reference, the rest comes in use."""

    def __init__(self, folder: Path) -> None:
        table = pq.read_table(folder / "text_classification.parquet").to_pandas()
        table = table[table["dataset"] == "banking77"]
        with np.load(folder / "emb_minilm_banking77.npz") as file:
            place = {name: at for at, name in enumerate(file["id"])}
            vectors = file["emb"][[place[name] for name in table["id"]]].astype(np.float64)
        codes = np.unique(table["label_name"], return_inverse=True)[1]
        order = np.random.default_rng(0).permutation(len(codes))
        train, rest = order[:2000], order[2000:]
        x, y = vectors[train], np.eye(INTENTS)[codes[train]]
        self.weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y)
        _, _, axes = np.linalg.svd(x - x.mean(0), full_matrices=False)
        self.axes = np.vstack([axes[:8], axes[-8:]]).T
        self.vectors, self.codes = vectors[rest], codes[rest]
        self.scores = self.vectors @ self.weights
        self.split(np.arange(len(rest)))

    def split(self, order: np.ndarray) -> None:
        """Make the first 2,000 rows of `order` the reference, and fit the temperature to it."""
        kept, self.used = order[:2000], order[2000:]
        losses = {}
        for temperature in np.geomspace(0.02, 0.1, 25):
            shares = softmax(self.scores[kept] / temperature)
            losses[temperature] = -np.log(shares[np.arange(2000), self.codes[kept]] + 1e-12).mean()
        self.temperature = min(losses, key=lambda each: losses[each])
        self.reference, self._usual = (
            self.rows(self.vectors[part], self.scores[part], self.codes[part])
            for part in (kept, self.used)
        )

    def rows(self, vectors: np.ndarray, scores: np.ndarray, codes: np.ndarray) -> Rows:
        """Return what the model says of vectors."""
        shares = softmax(scores / self.temperature)
        answers = shares.argmax(1)
        return Rows(vectors @ self.axes, shares.max(1), answers, answers == codes)

    def usual(self) -> Rows:
        """Return rows as in training."""
        return self._usual

    def noisy(self, size: float) -> Rows:
        """Return rows with noise in the vectors."""
        noise = np.random.default_rng(1).normal(size=self.vectors.shape)
        vectors = (self.vectors + size * noise)[self.used]
        return self.rows(vectors, vectors @ self.weights, self.codes[self.used])

    def few(self) -> Rows:
        """Return rows of 20 intents alone."""
        kept = self.used[self.codes[self.used] < 20]
        return self.rows(self.vectors[kept], self.scores[kept], self.codes[kept])

    def changed(self, intents: np.ndarray) -> Rows:
        """Return rows of which some intents mean another."""
        usual, codes = self.usual(), self.codes[self.used]
        codes = np.where(np.isin(codes, intents), (codes + 1) % INTENTS, codes)
        return replace(usual, right=usual.answers == codes)

    def fallen(self, cause: str, rng: np.random.Generator) -> Rows:
        """Return rows on which the model is right less often by about 5 points."""
        usual = self.usual()
        goal = usual.right.mean() - FALL
        if cause.startswith("noise"):
            sizes = np.geomspace(0.02, 0.05, 12)
            return min(map(self.noisy, sizes), key=lambda rows: abs(rows.right.mean() - goal))
        if cause.startswith("changed"):
            order = rng.permutation(INTENTS)
            some = (self.changed(order[:count]) for count in range(1, 12))
            return min(some, key=lambda rows: abs(rows.right.mean() - goal))
        stays = rng.random(len(usual.right)) >= FALL / usual.right.mean()
        return replace(usual, right=usual.right & stays)


def life(
    world: World,
    rng: np.random.Generator,
    *,
    after: Rows | None,
    days: int,
    labels: tuple[int, int] = (LABELS, OF_SUSPECTS),
) -> dict[str, int | None]:
    """Return the first day on which each way gives an alarm."""
    known, usual = world.reference, world.usual()
    watch = Watch(
        known.parts,
        confidence=known.confidence,
        correct=known.right,
        answers=known.answers.astype(str).tolist(),
    )
    first: dict[str, int | None] = {"ours": None, "smirnov": None, "labels": None}
    week: list[np.ndarray] = []
    base = known.right.mean()
    for day in range(days):
        pool = usual if after is None or day < BEFORE else after
        rows = pool.take(rng.integers(len(pool.right), size=ROWS if after is None else MORE_ROWS))
        watch.window(rows.parts, confidence=rows.confidence)
        chosen = rows.take(audit(watch, rows, *labels, seed=day))
        watch.labels(chosen.confidence, chosen.right, answers=chosen.answers.astype(str).tolist())
        week = [*week, rows.right[:LABELS]][-7:]
        said = {"ours": watch.state().alarm}
        if first["smirnov"] is None and after is None:
            said["smirnov"] = ks_2samp(rows.confidence, known.confidence).pvalue < 0.05
        told = np.concatenate(week)
        z = (base - told.mean()) / np.sqrt(base * (1 - base) / len(told))
        said["labels"] = bool(z > 1.645)
        for name, alarm in said.items():
            if alarm and first[name] is None:
                first[name] = day
        if all(each is not None for each in first.values()):
            break
        if first["ours"] is not None and after is not None:
            break
    return first


def audit(watch: Watch, rows: Rows, labels: int, of_suspects: int, *, seed: int) -> np.ndarray:
    """Return the rows of a day that get a label; days come in random order already."""
    drawn = [str(at) for at in range(labels - of_suspects)]
    also = choose_suspected(
        [str(at) for at in range(len(rows.right))],
        rows.answers.astype(str).tolist(),
        rows.confidence.tolist(),
        n=of_suspects,
        asked=set(drawn),
        suspects=watch.suspects(),
        random_state=seed,
    )
    return np.array([int(name) for name in [*drawn, *also]])


def _begin() -> None:
    WORLDS[:] = [World(Path(os.environ["THRESHER_DATA"]))]


def quiet_year(seed: int) -> dict[str, int | None]:
    """Return the first false alarm of each way in a year without change."""
    (world,) = WORLDS
    rng = np.random.default_rng([3, seed])
    world.split(rng.permutation(len(world.codes)))
    return life(world, rng, after=None, days=DAYS)


def one_fall(job: tuple[str, int]) -> tuple[float, float]:
    """Return the size of a fall, and days until the alarm."""
    (world,), (cause, seed) = WORLDS, job
    rng = np.random.default_rng([4, seed])
    world.split(rng.permutation(len(world.codes)))
    after = world.fallen(cause, rng)
    day = life(world, rng, after=after, days=BEFORE + 60, labels=FALLS[cause])["ours"]
    fall = float(world.usual().right.mean() - after.right.mean())
    return fall, np.inf if day is None else float(day - BEFORE + 1)


def best(seed: int, *, years: int, by_confidence: bool) -> float:
    """Return the share of changes of meaning found in 7 days by the true likelihood ratio."""
    (world,) = WORLDS
    rng = np.random.default_rng(seed)
    world.split(np.arange(len(world.codes)))
    usual = world.usual()
    edges = np.quantile(usual.confidence, np.linspace(0, 1, BINS + 1)[1:-1])
    bins = np.digitize(usual.confidence, edges) if by_confidence else 0 * usual.answers
    most, paths = [], []
    for _ in range(years):
        after = world.fallen("changed", rng)
        chances = [
            np.clip(np.bincount(bins, 1 - each.right) / np.bincount(bins), 0.002, 0.998)[bins]
            for each in (usual, after)
        ]
        scores = np.log(chances[1] / chances[0]), np.log((1 - chances[1]) / (1 - chances[0]))
        quiet = daily(np.where(usual.right, *scores[::-1]), rng, DAYS)
        loud = daily(np.where(after.right, *scores[::-1]), rng, 7)
        most.append(max(detector(quiet)))
        paths.append(max(detector(np.concatenate([quiet[:BEFORE], loud]))[BEFORE:]))
    return float(np.mean(np.array(paths) >= np.quantile(most, 0.95)))


def daily(scores: np.ndarray, rng: np.random.Generator, days: int) -> np.ndarray:
    """Return the summed scores of the labels of each day."""
    found: np.ndarray = scores[rng.integers(len(scores), size=(days, LABELS))].sum(1)
    return found


def detector(scores: np.ndarray) -> list[float]:
    """Return Shiryaev and Roberts' statistic after each day."""
    values, value = [], 0.0
    for score in scores:
        value = (value + 1) * float(np.exp(min(score, 50.0)))
        values.append(value)
    return values


def coverage(world: World, repeats: int) -> dict[str, dict[str, float]]:
    """Return coverage and width of the intervals from 100 labels."""
    rng = np.random.default_rng(2)
    situations = {
        "as trained": world.usual(),
        "20 of 77 intents come": world.few(),
        "noisy vectors": world.noisy(0.05),
        "19 intents changed meaning": world.changed(np.arange(19)),
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
    _begin()
    (world,) = WORLDS
    covered = coverage(world, options.repeats)
    bound = {
        name: best(5, years=options.falls, by_confidence=name != "labels")
        for name in ("labels", "labels and confidence")
    }
    years: dict[str, int] = {"ours": 0, "smirnov": 0, "labels": 0}
    falls: dict[str, dict[str, Any]] = {}
    with ProcessPoolExecutor(initializer=_begin) as pool:
        for cause in FALLS:
            jobs = [(cause, seed) for seed in range(options.falls)]
            sizes, took = zip(*pool.map(one_fall, jobs, chunksize=5), strict=True)
            falls[cause] = {
                "fall": float(np.mean(sizes)),
                "days": sorted(took),
                "early": sum(each <= 0 for each in took),
            }
        for first in pool.map(quiet_year, range(options.years), chunksize=10):
            for name, day in first.items():
                years[name] += day is not None
    write_json(options.out, report(covered, years, falls, bound, ring_cost(), options))


def report(
    covered: dict[str, dict[str, float]],
    years: dict[str, int],
    falls: dict[str, dict[str, Any]],
    bound: dict[str, float],
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
        "best_within_7": bound,
        "ring_us": cost,
        "runs": {"years": options.years, "falls": options.falls, "repeats": options.repeats},
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "page": {
            "title": "A model watched",
            "note": f"banking77 vectors, {ROWS} rows a day, {MORE_ROWS:,} where a fall is to be "
            f"found, {LABELS} labels a day. A request costs the server {cost:.1f} µs for the log. "
            "Of the changes of meaning, a likelihood ratio that knows the chances of errors finds "
            f"{100 * bound['labels']:.0f} % in 7 days from labels drawn at random, and "
            f"{100 * bound['labels and confidence']:.0f} % where it knows them by confidence.",
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
