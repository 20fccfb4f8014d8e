"""Claim: nearly all pairs at cosine .9 for less CPU than FAISS IVF set up by its guide.

Each method gets the same distinct unit vectors. Recall is the share of all pairs, which exhaustive
search found; ours also reports its own measurement of it with a 95 % interval. SemHash gives no
pairs but kept rows: the pairs left among them are counted, and rows dropped without a kept twin.

Data: the folder in THRESHER_DATA holds ``text_classification.parquet`` (column ``text``; Banking77,
TREC, SUBJ, movie reviews), ``text_pairs.parquet`` (``text1``, ``text2``; MRPC, STS-B, SICK) and
``dup_records.parquet`` (``text``; Cora, Abt-Buy, Febrl, CDDB), embedded here by TF-IDF and SVD, and
``emb_cifar10_coates_pca128.npz`` (``emb``, 60,000 × 128 patch features of CIFAR-10) and
``emb_minilm_banking77.npz`` (``emb``, 13,083 × 384). 200,000 × 128 rows are made here.

As on a processor with AVX2 only: OPENBLAS_CORETYPE=Haswell FAISS_OPT_LEVEL=avx2 (without the second
FAISS goes on using AVX-512).

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/curation_search.py --out search.json
A Python that has semhash may be given: --peer-python VENV/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow.parquet as pq
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from thresher.core import Embeddings, NeighborGraph, neighbor_graph
from thresher.core.embeddings import unit_length
from thresher.core.files import write_json

TRAINED = 40

PEER = """
import json, sys, time
import numpy as np
from importlib.metadata import version
from semhash import SemHash
vectors, threshold = np.load(sys.argv[1]), float(sys.argv[2])
records = [str(row) for row in range(len(vectors))]
start = time.process_time()
found = SemHash.from_embeddings(vectors, records, model=None).self_deduplicate(threshold=threshold)
cpu = time.process_time() - start
kept = [int(record) for record in found.selected]
print(json.dumps({"cpu_s": cpu, "kept_rows": kept, "version": version("semhash")}))
"""


def texts(folder: Path) -> np.ndarray:
    rows = [
        text
        for name, columns in (
            ("text_classification", ["text"]),
            ("dup_records", ["text"]),
            ("text_pairs", ["text1", "text2"]),
        )
        for column in pq.read_table(folder / f"{name}.parquet", columns=columns).columns
        for text in column.to_pylist()
    ]
    counts = TfidfVectorizer(sublinear_tf=True, min_df=2).fit_transform(rows)
    return np.asarray(TruncatedSVD(256, random_state=0).fit_transform(counts), np.float32)


def images(folder: Path) -> np.ndarray:
    return np.asarray(np.load(folder / "emb_cifar10_coates_pca128.npz")["emb"], np.float32)


def sentences(folder: Path) -> np.ndarray:
    return np.asarray(np.load(folder / "emb_minilm_banking77.npz")["emb"], np.float32)


def made(folder: Path) -> np.ndarray:
    """200,000 rows around 20,000 centers, a tenth of them nearly equal to another."""
    del folder
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(20_000, 128))
    rows = centers[rng.integers(0, len(centers), 200_000)] + 0.8 * rng.normal(size=(200_000, 128))
    rows[180_000:] = rows[:20_000] + 0.1 * rng.normal(size=(20_000, 128))
    return rows.astype(np.float32)


def distinct_rows(vectors: np.ndarray, limit: int | None) -> np.ndarray:
    unit = np.unique(unit_length(vectors[:limit]), axis=0)
    rows = unit[unit.any(axis=1)]
    return rows[np.random.default_rng(0).permutation(len(rows))]


def timed(
    works: dict[str, Callable[[], Any]], repeats: int
) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Run all by turns; return each last result, median and range of CPU-seconds of all threads."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    results = {}
    for _ in range(repeats):
        for name, work in works.items():
            start = time.process_time()
            results[name] = work()
            seconds[name].append(time.process_time() - start)
    return {
        name: (
            results[name],
            {
                "cpu_s": round(statistics.median(spent), 2),
                "cpu_s_range": [round(min(spent), 2), round(max(spent), 2)],
            },
        )
        for name, spent in seconds.items()
    }


def pair_keys(graph: NeighborGraph) -> np.ndarray:
    first, second, _ = graph.pairs()
    return first * np.int64(len(graph)) + second


def ivf(vectors: np.ndarray, threshold: float, probes: int, *, lists: int) -> np.ndarray:
    """Search with FAISS as its guide advises: train on 40 rows a list, a sample of all."""
    quantizer = faiss.IndexFlatIP(vectors.shape[1])
    index = faiss.IndexIVFFlat(quantizer, vectors.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[: TRAINED * lists])  # rows come in random order
    index.add(vectors)
    index.nprobe = probes
    limits, _, found = index.range_search(vectors, threshold)
    rows = np.repeat(np.arange(len(vectors)), np.diff(limits.astype(np.int64)))
    low, high = np.minimum(rows, found), np.maximum(rows, found)
    return np.unique((low * np.int64(len(vectors)) + high)[low < high])


def semhash(
    python: str, vectors: np.ndarray, threshold: float, truth: NeighborGraph
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        np.save(path, vectors)
        command = [python, "-c", PEER, str(path), str(threshold)]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
    answer = json.loads(run.stdout.splitlines()[-1])
    kept = np.zeros(len(vectors), bool)
    kept[answer.pop("kept_rows")] = True
    first, second, _ = truth.pairs()
    covered = kept.copy()
    covered[first[kept[second]]] = True
    covered[second[kept[first]]] = True
    return {
        "cpu_s": round(answer["cpu_s"], 2),
        "version": answer["version"],
        "kept": int(kept.sum()),
        "residual_pairs": int((kept[first] & kept[second]).sum()),
        "orphans": int((~covered).sum()),
    }


def compare(vectors: np.ndarray, options: argparse.Namespace) -> dict[str, Any]:
    rows, threshold = Embeddings.from_vectors(vectors), options.threshold
    start = time.process_time()
    truth = neighbor_graph(rows, threshold=threshold, method="exact")
    exact_cpu = round(time.process_time() - start, 2)
    keys = pair_keys(truth)
    results: dict[str, Any] = {"exact": {"cpu_s": exact_cpu, "recall": 1.0}}

    def recall(found: np.ndarray) -> float:
        return round(float(np.isin(keys, found).mean()), 6) if len(keys) else 1.0

    works: dict[str, Callable[[], Any]] = {
        f"ours, {name}": lambda name=name: neighbor_graph(rows, threshold=threshold, method=name)
        for name in ("auto", "approximate")
    }
    few = 2 ** round(np.log2(2 * len(vectors) ** 0.5))
    for lists, tried in ((few, (2, 4, 6, 8)), (int(4 * len(vectors) ** 0.5), (4, 16))):
        for probes in tried:
            works[f"FAISS IVF, {lists} lists, nprobe {probes}"] = (
                lambda lists=lists, probes=probes: ivf(vectors, threshold, probes, lists=lists)
            )
    for name, (found, cost) in timed(works, options.repeats).items():
        if isinstance(found, NeighborGraph):
            results[name] = {
                **cost,
                "recall": recall(pair_keys(found)),
                "reported": None if found.recall is None else vars(found.recall),
                "method": found.method,
            }
        else:
            results[name] = {**cost, "recall": recall(found)}
    if options.peer_python:
        results["SemHash"] = semhash(options.peer_python, vectors, threshold, truth)
    return {"shape": list(vectors.shape), "pairs": len(keys), "methods": results}


def page(report: dict[str, Any]) -> dict[str, Any]:
    """Return the table for the documentation."""
    rows = []
    for name, found in report["corpora"].items():
        count, width = found["shape"]
        for method, values in found["methods"].items():
            low, high = values.get("cpu_s_range", (values["cpu_s"], values["cpu_s"]))
            rows.append(
                [
                    f"{name}, {count:,} × {width}, {found['pairs']:,} pairs",
                    method,
                    f"{values['cpu_s']:.1f} ({low:.1f}–{high:.1f})",
                    f"{values['recall']:.5f}" if "recall" in values else "",
                    _reported(values.get("reported")),
                    f"{values['residual_pairs']}, {values['orphans']}"
                    if "orphans" in values
                    else "",
                ]
            )
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    return {
        "title": "Search for near pairs",
        "note": f"Cosine {report['threshold']}, distinct rows, one thread, median and range of "
        f"{report['repeats']} runs (exhaustive search and SemHash: one). {versions}. FAISS IVF: "
        "trained on 40 rows a list, as its guide advises; SemHash gives kept rows only, so that "
        "the pairs left among them and the rows dropped without a kept twin are counted.",
        "tables": [
            {
                "caption": "",
                "header": [
                    "vectors",
                    "method",
                    "CPU-seconds",
                    "recall of pairs",
                    "recall that the result reports",
                    "pairs left, dropped without a twin",
                ],
                "rows": rows,
            }
        ],
    }


def _reported(recall: dict[str, Any] | None) -> str:
    if recall is None:
        return ""
    return f"{recall['estimate']:.4f} ({recall['low']:.4f} to {recall['high']:.4f})"


CORPORA = {
    "texts": texts,
    "CIFAR-10 patch features": images,
    "Banking77, MiniLM": sentences,
    "made": made,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--threshold", type=float, default=0.9)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer-python")
    parser.add_argument("--only", action="append", choices=CORPORA, help="one of the sets")
    parser.add_argument("--quick", action="store_true", help="8,000 rows, once")
    options = parser.parse_args()
    if "THRESHER_DATA" not in os.environ:
        sys.exit("Set THRESHER_DATA to the folder that this script's first lines describe.")
    folder = Path(os.environ["THRESHER_DATA"])
    limit = 8000 if options.quick else None
    options.repeats = 1 if options.quick else options.repeats
    faiss.omp_set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    report: dict[str, Any] = {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "faiss-cpu", "scikit-learn")},
        "threshold": options.threshold,
        "repeats": options.repeats,
        "corpora": {},
    }
    for name, load in CORPORA.items():
        if options.only and name not in options.only:
            continue
        outcome = compare(distinct_rows(load(folder), limit), options)
        report["corpora"][name] = outcome
        print(name, outcome["shape"], outcome["pairs"], "pairs")
        for method, values in outcome["methods"].items():
            print(f"  {method:22}", values)
    if options.out:
        write_json(options.out, report | {"page": page(report)})


if __name__ == "__main__":
    main()
