"""Claim: the fast algorithms pick what the plain ones pick.

Over many small random pools, some rows labeled already:

* k-center: the order of 200 picks against the naive greedy algorithm (all distances, float64);
* MaxHerding: 40 picks against scikit-activeml's (full kernel), and against a brute-force greedy;
* BADGE: how often each pair of rows is drawn against the law of k-means++ on explicit gradients,
  by a chi-square test;
* torch tensors in place of numpy arrays: the same rows and the same bits of the scores;
* inner products by torch, as for tensors on a GPU but on the CPU: the same rows.

Peer: pip install scikit-activeml; without it its column is left out.

Run: OMP_NUM_THREADS=1 python benchmarks/active_learning_exactness.py --out FILE
"""

from __future__ import annotations

import argparse
import platform
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import chi2

from active_learning import STRATEGIES, get_strategy, query
from active_learning.pool.context import make_context
from active_learning.querying import query_context
from active_learning.strategies import MaxHerding
from thresher.core.embeddings import Embeddings
from thresher.core.files import write_json
from thresher.core.grid import exact_rows

ROWS, DIMENSIONS, LABELED = 600, 8, 5


def pool(seed: int) -> tuple[Embeddings, np.ndarray]:
    """Return unit vectors and the rows that are labeled."""
    rng = np.random.default_rng(seed)
    x = Embeddings.from_vectors(rng.normal(size=(ROWS, DIMENSIONS)))
    return x, rng.choice(ROWS, LABELED, replace=False)


def naive_k_center(x: np.ndarray, labeled: np.ndarray, n: int) -> list[int]:
    """Take the farthest row again and again."""
    distance = np.linalg.norm(x[:, None] - x[labeled], axis=2).min(axis=1)
    picks: list[int] = []
    for _ in range(n):
        picks.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(x - x[picks[-1]], axis=1))
    return picks


def naive_herding(x: np.ndarray, labeled: np.ndarray, n: int) -> list[int]:
    """Take the row of largest gain again and again, from the whole kernel."""
    kernel = np.exp(-((x[:, None] - x[None]) ** 2).sum(-1))
    best = kernel[labeled].max(axis=0)
    picks: list[int] = []
    for _ in range(n):
        gain = np.maximum(kernel - best, 0).sum(axis=1)
        gain[[*labeled, *picks]] = -1
        picks.append(int(gain.argmax()))
        best = np.maximum(best, kernel[picks[-1]])
    return picks


def peer_herding(x: np.ndarray, labeled: np.ndarray, n: int) -> list[int] | None:
    """Ask scikit-activeml with the same kernel; None where it is not installed."""
    try:
        from skactiveml.pool import MaxHerding as Peer
    except ImportError:
        return None
    labels = np.full(len(x), np.nan)
    labels[labeled] = 0
    found = Peer(metric_dict={"gamma": 1.0}, random_state=0).query(x, labels, batch_size=n)
    return [int(row) for row in found]


def badge_p_value(*, seed: int, draws: int, n: int = 6) -> float:
    """Return the p-value of the drawn pairs of rows under the law of k-means++."""
    rng = np.random.default_rng((seed, 1))
    x = Embeddings.from_vectors(rng.normal(size=(n, 3))).vectors
    probs = rng.dirichlet(np.ones(3), size=n)
    part = probs - np.eye(3)[probs.argmax(axis=1)]
    gradient = np.einsum("nc,nd->ncd", part, x.astype(float)).reshape(n, -1)
    distance = ((gradient[:, None] - gradient[None]) ** 2).sum(-1)
    first = (gradient**2).sum(axis=1)
    now = np.minimum(first, distance) * (1 - np.eye(n))
    expected = draws * first[:, None] / first.sum() * now / now.sum(axis=1, keepdims=True)
    seen = np.zeros((n, n))
    for _ in range(draws):
        found = query(strategy="badge", embeddings=x, pred_probs=probs, n=2, random_state=rng)
        seen[tuple(found.positions)] += 1
    mask = expected > 0
    statistic = ((seen - expected)[mask] ** 2 / expected[mask]).sum()
    return float(chi2.sf(statistic, mask.sum() - 1))


def arrays(seed: int) -> dict[str, np.ndarray]:
    """Return everything that any strategy asks for, of 300 rows."""
    rng = np.random.default_rng(seed)
    return {
        "embeddings": rng.normal(size=(300, 6)).astype(np.float32),
        "pred_probs": rng.dirichlet(np.ones(3), size=300).astype(np.float32),
        "ensemble_probs": rng.dirichlet(np.ones(3), size=(4, 300)).astype(np.float32),
        "dropout_probs": rng.dirichlet(np.ones(3), size=(3, 300)).astype(np.float32),
    }


def tensors_agree(name: str, seed: int) -> bool:
    """Whether a strategy gives the same rows and bits for torch tensors."""
    import torch

    given = arrays(seed)
    tensors = {key: torch.from_numpy(value) for key, value in given.items()}
    first = query(strategy=name, **given, labeled=np.arange(9), n=30, random_state=seed)
    second = query(strategy=name, **tensors, labeled=torch.arange(9), n=30, random_state=seed)
    same_bits = first.scores.tobytes() == second.scores.tobytes()
    return same_bits and first.positions.tolist() == second.positions.tolist()


def devices_agree(name: str, seed: int) -> bool:
    """Whether a strategy gives the same rows when torch multiplies the embeddings."""
    found = []
    for device in (None, "cpu"):
        context = make_context(**arrays(seed), labeled=np.arange(9), random_state=seed)
        picks = query_context(get_strategy(name), replace(context, device=device), n=30)
        found.append(picks.positions.tolist())
    return found[0] == found[1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--pools", type=int, default=50)
    parser.add_argument("--draws", type=int, default=4000, help="batches that BADGE draws")
    parser.add_argument("--quick", action="store_true", help="three pools, few draws")
    arguments = parser.parse_args()
    pools, draws = (3, 500) if arguments.quick else (arguments.pools, arguments.draws)
    center, brute, peer = 0, 0, 0
    with_peer = True
    for seed in range(pools):
        x, labeled = pool(seed)
        exact = exact_rows(x.vectors).astype(np.float64)  # as strategies see them
        found = query(strategy="k_center", embeddings=x, labeled=labeled, n=200).positions.tolist()
        center += found == naive_k_center(exact, labeled, 200)
        herded = query(
            strategy=MaxHerding(), embeddings=x, labeled=labeled, n=40
        ).positions.tolist()
        brute += herded == naive_herding(exact, labeled, 40)
        theirs = peer_herding(exact, labeled, 40)
        with_peer = theirs is not None
        peer += herded == theirs
    p_values = [badge_p_value(seed=seed, draws=draws) for seed in range(5)]
    queries = [(name, seed) for name in STRATEGIES for seed in range(3)]
    tensors = sum(tensors_agree(*one) for one in queries)
    devices = sum(devices_agree(*one) for one in queries)
    rows: list[list[Any]] = [
        ["k-center, 200 picks", "naive greedy", f"{center} of {pools} pools"],
        ["MaxHerding, 40 picks", "brute-force greedy", f"{brute} of {pools} pools"],
        ["numpy", "torch tensors", f"{tensors} of {len(queries)} queries"],
        ["numpy", "inner products by torch", f"{devices} of {len(queries)} queries"],
        [
            f"BADGE, {draws} draws of two rows",
            "law of k-means++, chi-square",
            "p = " + ", ".join(f"{p:.2f}" for p in p_values),
        ],
    ]
    if with_peer:
        rows.insert(2, ["MaxHerding, 40 picks", "scikit-activeml", f"{peer} of {pools} pools"])
    for row in rows:
        print(*row, sep=" | ")
    if arguments.out:
        write_json(arguments.out, _report(rows))


def _report(rows: list[list[Any]]) -> dict[str, Any]:
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    for package in ("scikit-activeml", "torch"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "versions": versions,
        "page": {
            "title": "Active learning: exactness",
            "note": f"Random pools of {ROWS} × {DIMENSIONS}, {LABELED} rows labeled; "
            f"scikit-activeml {versions['scikit-activeml']}. Small p-values would speak against "
            "the same law.",
            "tables": [
                {
                    "caption": "How often the same rows are picked in the same order",
                    "header": ["ours", "against", "same"],
                    "rows": rows,
                }
            ],
        },
    }


if __name__ == "__main__":
    main()
