"""Claim: every strategy answers in under one CPU-second at 20,000 × 128, exact herding in ten.

One query on the same arrays (Gaussian blobs, 100 labeled rows, ten classes): 100 picks of 20,000 ×
128 and of 1,000,000 × 384 for all strategies, 1,000 picks of 50,000 × 384 for those that look at
embeddings. At 1,000,000 rows every strategy is to stay within 120 CPU-seconds (two cores for a
minute) and 4 GB. Each runs in a process of its own; the time is that of the query alone, checks of
the arrays included, and the peak is that of the process, the 1.5 GB of embeddings included.

Peer, on the first size: pip install scikit-activeml, then add --peer. Its strategies are given the
same arrays and a fitted logistic regression; one that takes more than --limit seconds is stopped.

Run: OMP_NUM_THREADS=1 python benchmarks/active_learning_speed.py --sizes 20k 50k 1m --peer
--log speed.jsonl --out speed.json. What the log holds already is not measured again.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
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
Run = dict[str, Any]
STEP = 1 << 16
ARRAYS = ("vectors", "probs", "codes", "labeled")


def arrays(n: int, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return unit vectors, probabilities, codes and labeled rows."""
    rng = np.random.default_rng(0)
    codes = rng.integers(CLASSES, size=n)
    centers = rng.standard_normal((CLASSES, d), dtype=np.float32)
    vectors = rng.standard_normal((n, d), dtype=np.float32)
    for start in range(0, n, STEP):  # in place, or the peak would be that of this function
        part = vectors[start : start + STEP]
        part += centers[codes[start : start + STEP]]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    probs = rng.dirichlet(np.full(CLASSES, 0.5), size=n).astype(np.float32)
    return vectors, probs, codes, rng.choice(n, 100, replace=False)


def write_arrays(size: str, folder: Path) -> None:
    """Make the arrays once for all processes of a size."""
    n, d, _ = SIZES[size]
    for name, array in zip(ARRAYS, arrays(n, d), strict=True):
        np.save(folder / f"{name}.npy", array)


def read_arrays(folder: Path) -> list[np.ndarray]:
    """Return vectors, probabilities, codes and labeled rows."""
    return [np.load(folder / f"{name}.npy") for name in ARRAYS]


def ours(name: str, size: str, folder: Path) -> dict[str, float]:
    """Time one of our queries in this process."""
    from active_learning import query
    from active_learning.strategies import MaxHerding
    from thresher.core.embeddings import Embeddings

    n, _, picks = SIZES[size]
    vectors, probs, _, labeled = read_arrays(folder)
    strategy: Any = MaxHerding(max_points=None) if name == "max_herding exact" else name
    members = {}
    if name in ("bald", "qbc", "power_bald"):
        members = {"ensemble_probs": np.stack([probs, probs[::-1], np.roll(probs, 7, axis=0)])}
    if name == "drop_query":
        members = {"dropout_probs": np.stack([probs, probs[::-1], np.roll(probs, 7, axis=0)])}
    embeddings = Embeddings(np.arange(n).astype(str), vectors)
    began = time.process_time()
    found = query(
        strategy=strategy,
        embeddings=embeddings,
        pred_probs=probs,
        labeled=labeled,
        n=picks,
        **members,
    )
    seconds = time.process_time() - began
    if len(set(found.positions.tolist())) != picks:
        raise RuntimeError(f"{name} picked a row twice")
    return _result(seconds)


def peer(name: str, size: str, folder: Path) -> dict[str, float]:
    """Time one query of scikit-activeml in this process."""
    import skactiveml.pool as pool
    from skactiveml.classifier import SklearnClassifier
    from sklearn.linear_model import LogisticRegression

    n, _, picks = SIZES[size]
    vectors, _, codes, labeled = read_arrays(folder)
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


def measure(job: tuple[str, str, str], folder: Path, *, limit: float, repeats: int) -> Run:
    """Run one query in processes of its own; the median of the repeats, or why there is none."""
    found = []
    command = [sys.executable, __file__, "--one", *job, str(folder)]
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
    parser.add_argument("--log", type=Path, help="runs, one a line; resumed")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sizes", nargs="*", choices=list(SIZES), default=["20k", "50k"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=float, default=300.0, help="seconds a query may take")
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--quick", action="store_true", help="20k only, once")
    parser.add_argument("--names", nargs="*", help="only these strategies, ours and the peer's")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        kind, name, size, folder = arguments.one
        warnings.simplefilter("ignore")
        print(json.dumps((ours if kind == "ours" else peer)(name, size, Path(folder))))
        return
    if arguments.log is None:
        parser.error("--log is needed")
    _measure_all(arguments)


def _measure_all(arguments: argparse.Namespace) -> None:
    log: Path = arguments.log
    runs = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    known = {(run["kind"], run["name"], run["size"]) for run in runs}
    for size in SIZES:
        jobs = [job for job in _jobs(arguments) if job[2] == size and job not in known]
        with tempfile.TemporaryDirectory() as folder:
            if jobs:
                write_arrays(size, Path(folder))
            for job in jobs:
                runs.append(_measure_one(job, Path(folder), arguments))
    if arguments.out:
        versions = {"python": platform.python_version(), "numpy": np.__version__}
        versions["scikit-activeml"] = _peer_version()
        found = {"versions": versions, "sizes": SIZES, "runs": runs}
        write_json(arguments.out, {**found, "page": _page(runs, versions)})


def _measure_one(job: tuple[str, str, str], folder: Path, arguments: argparse.Namespace) -> Run:
    kind, name, size = job
    repeats = 1 if arguments.quick else arguments.repeats
    found = measure(job, folder, limit=arguments.limit, repeats=repeats)
    print(f"{size:4} {kind:5} {name:20} {found}", flush=True)
    run = {"kind": kind, "name": name, "size": size, **found}
    with arguments.log.open("a") as file:
        file.write(json.dumps(run) + "\n")
    return run


def _jobs(arguments: argparse.Namespace) -> list[tuple[str, str, str]]:
    from active_learning import STRATEGIES

    jobs = []
    for size in ["20k"] if arguments.quick else arguments.sizes:
        names = list(EMBEDDING) if size == "50k" else list(STRATEGIES)
        jobs += [("ours", name, size) for name in names]
    if "20k" in arguments.sizes:
        jobs.append(("ours", "max_herding exact", "20k"))
    if arguments.peer:
        jobs += [("peer", name, "20k") for name in PEERS]
    return [job for job in jobs if not arguments.names or job[1] in arguments.names]


def _peer_version() -> str:
    try:
        return version("scikit-activeml")
    except PackageNotFoundError:
        return "not installed"


def _page(runs: list[Run], versions: dict[str, str]) -> dict[str, Any]:
    shown = {"ours": "ours", "peer": "scikit-activeml"}
    rows = [
        [
            f"{SIZES[size][0]:,} × {SIZES[size][1]}, {SIZES[size][2]} picks",
            shown[kind],
            run["name"],
            run.get("cpu_seconds", run.get("failed")),
            run.get("n", ""),
            run.get("peak_mb", ""),
        ]
        for size in SIZES
        for kind in shown
        for run in runs
        if (run["size"], run["kind"]) == (size, kind)
    ]
    return {
        "title": "Active learning: time of one query",
        "note": "Gaussian blobs, 100 rows labeled, each query in its own process, one thread. "
        f"scikit-activeml {versions['scikit-activeml']}.",
        "tables": [
            {
                "caption": "CPU-seconds of one query, median of the runs, and peak memory of its "
                "process",
                "header": ["pool", "library", "strategy", "CPU-seconds", "runs", "MB"],
                "rows": rows,
            }
        ],
    }


if __name__ == "__main__":
    main()
