"""Claim: every strategy answers in under one CPU-second at 20,000 × 128, exact herding in ten.

One query on the same arrays (Gaussian blobs, 100 labelled rows, ten classes): 100 picks of 20,000 ×
128 for all strategies; 1,000 picks of 50,000 × 384 and 100 of 1,000,000 × 384 for those that look
at embeddings. Each runs in a process of its own; the time is that of the query alone, checks of the
arrays included, and the peak is that of the process.

Peer, on the first size: pip install scikit-activeml, then add --peer. Its strategies are given the
same arrays and a fitted logistic regression; one that takes more than --limit seconds is stopped.

Run: OMP_NUM_THREADS=1 python benchmarks/active_learning_speed.py --out speed.json
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.files import write_json

SIZES = {
    "20k": (20_000, 128, 100),
    "50k": (50_000, 384, 1000),
    "1m": (1_000_000, 384, 100),
}
EMBEDDING = (
    "auto",
    "k_center",
    "badge",
    "k_means",
    "k_means_plus_plus",
    "typiclust",
    "prob_cover",
    "max_herding",
    "u_herding",
    "drop_query",
    "cal",
    "density_weighted",
    "refine",
)
PEERS = (
    "CoreSet",
    "Badge",
    "TypiClust",
    "ProbCover",
    "DropQuery",
    "MaxHerding",
    "Clue",
    "Falcun",
    "ContrastiveAL",
)
CLASSES = 10


def arrays(n: int, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return unit vectors, probabilities, codes and labelled rows, the same in every process."""
    rng = np.random.default_rng(0)
    codes = rng.integers(CLASSES, size=n)
    centers = rng.standard_normal((CLASSES, d), dtype=np.float32)
    vectors = rng.standard_normal((n, d), dtype=np.float32)
    vectors += centers[codes]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    probs = rng.dirichlet(np.full(CLASSES, 0.5), size=n).astype(np.float32)
    return vectors, probs, codes, rng.choice(n, 100, replace=False)


def ours(name: str, size: str) -> dict[str, float]:
    """Time one of our queries in this process."""
    from active_learning import query
    from active_learning.strategies.herding import MaxHerding
    from thresher.core.embeddings import Embeddings

    n, d, picks = SIZES[size]
    vectors, probs, _, labeled = arrays(n, d)
    strategy: Any = MaxHerding(max_points=None) if name == "max_herding exact" else name
    members = {}
    if name in ("bald", "qbc", "power_bald"):
        members = {"ensemble_probs": np.stack([probs, probs[::-1], np.roll(probs, 7, axis=0)])}
    if name == "drop_query":
        members = {"dropout_probs": np.stack([probs, probs[::-1], np.roll(probs, 7, axis=0)])}
    embeddings = Embeddings(np.arange(n).astype(str), vectors)
    began = time.process_time()
    found = query(
        strategy, embeddings=embeddings, pred_probs=probs, labeled=labeled, n=picks, **members
    )
    seconds = time.process_time() - began
    if len(set(found.positions.tolist())) != picks:
        raise RuntimeError(f"{name} picked a row twice")
    return _result(seconds)


def peer(name: str, size: str) -> dict[str, float]:
    """Time one query of scikit-activeml in this process."""
    import skactiveml.pool as pool
    from skactiveml.classifier import SklearnClassifier
    from sklearn.linear_model import LogisticRegression

    n, d, picks = SIZES[size]
    vectors, _, codes, labeled = arrays(n, d)
    vectors = vectors.astype(np.float64)
    labels = np.full(n, np.nan)
    labels[labeled] = codes[labeled]
    model = SklearnClassifier(
        LogisticRegression(C=20.0, max_iter=300), classes=np.arange(CLASSES), random_state=0
    ).fit(vectors, labels)
    options = {"n_classes": CLASSES} if name == "ProbCover" else {}
    strategy = getattr(pool, name)(random_state=0, **options)
    given: dict[str, Any] = {}
    if name == "Clue":
        given = {"estimator": model, "fit_estimator": False}
    elif name in ("Badge", "DropQuery", "Falcun", "ContrastiveAL"):
        given = {"clf": model, "fit_clf": False}
    began = time.process_time()
    strategy.query(vectors, labels, batch_size=picks, **given)
    return _result(time.process_time() - began)


def _result(seconds: float) -> dict[str, float]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {"cpu_seconds": round(seconds, 3), "peak_mb": round(peak)}


def measure(kind: str, name: str, size: str, *, limit: float, repeats: int) -> dict[str, Any]:
    """Run one query in processes of its own; the median of the repeats, or why there is none."""
    found = []
    command = [sys.executable, __file__, "--one", kind, name, size]
    for _ in range(repeats):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired:
            return {"failed": f"stopped after {limit:g} s"}
        if done.returncode:
            return {"failed": done.stderr.strip().splitlines()[-1][:200]}
        found.append(json.loads(done.stdout.splitlines()[-1]))
    seconds = sorted(run["cpu_seconds"] for run in found)
    return {
        "cpu_seconds": seconds[len(seconds) // 2],
        "spread": [seconds[0], seconds[-1]],
        "peak_mb": max(run["peak_mb"] for run in found),
        "n": repeats,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sizes", nargs="*", choices=list(SIZES), default=["20k", "50k"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=float, default=300.0, help="seconds a query may take")
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--quick", action="store_true", help="20k only, once")
    parser.add_argument("--names", nargs="*", help="only these strategies, ours and the peer's")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        kind, name, size = arguments.one
        warnings.simplefilter("ignore")
        print(json.dumps((ours if kind == "ours" else peer)(name, size)))
        return
    _measure_all(arguments)


def _measure_all(arguments: argparse.Namespace) -> None:
    from active_learning import STRATEGIES

    sizes, repeats = (["20k"], 1) if arguments.quick else (arguments.sizes, arguments.repeats)
    jobs = []
    for size in sizes:
        names = [*STRATEGIES, "max_herding exact"] if size == "20k" else list(EMBEDDING)
        jobs += [("ours", name, size) for name in names]
    if arguments.peer:
        jobs += [("peer", name, "20k") for name in PEERS]
    if arguments.names:
        jobs = [job for job in jobs if job[1] in arguments.names]
    results: dict[str, Any] = {}
    for kind, name, size in jobs:
        found = measure(kind, name, size, limit=arguments.limit, repeats=repeats)
        results.setdefault(size, {}).setdefault(kind, {})[name] = found
        print(f"{size:4} {kind:5} {name:20} {found}", flush=True)
    if arguments.out:
        versions = {"python": platform.python_version(), "numpy": np.__version__}
        versions["scikit-activeml"] = _peer_version()
        found = {"versions": versions, "sizes": SIZES, "results": results}
        write_json(arguments.out, {**found, "page": _page(results, versions, repeats=repeats)})


def _peer_version() -> str:
    try:
        return version("scikit-activeml")
    except PackageNotFoundError:
        return "not installed"


def _page(results: dict[str, Any], versions: dict[str, str], *, repeats: int) -> dict[str, Any]:
    shown = {"ours": "ours", "peer": "scikit-activeml"}
    rows = [
        [
            f"{SIZES[size][0]:,} × {SIZES[size][1]}, {SIZES[size][2]} picks",
            shown[kind],
            name,
            found.get("cpu_seconds", found.get("failed")),
            found.get("peak_mb", ""),
        ]
        for size, kinds in results.items()
        for kind, runs in kinds.items()
        for name, found in runs.items()
    ]
    return {
        "title": "Active learning: time of one query",
        "note": "Gaussian blobs, 100 rows labelled, each query in its own process, one thread, "
        f"median of {repeats}. scikit-activeml {versions['scikit-activeml']}.",
        "tables": [
            {
                "caption": "CPU-seconds of one query and peak memory of its process",
                "header": ["pool", "library", "strategy", "CPU-seconds", "MB"],
                "rows": rows,
            }
        ],
    }


if __name__ == "__main__":
    main()
