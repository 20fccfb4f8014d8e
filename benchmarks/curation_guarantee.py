"""Claim: no two kept rows are close and every dropped one has a kept twin, in whatever order.

Rules on the same graph: ours (stars), connected components (union-find, as most MinHash tools
group), SemDeDup's rule (drop a row that is close to any earlier one), leaders in index order.
``residual`` counts close pairs left among kept rows, ``orphans`` dropped rows without a close kept
one, ``kept sets`` the different outcomes over ten shuffles of the rows.

Data: the folder in THRESHER_DATA holds ``text_classification.parquet`` (columns ``dataset``,
``text``), ``dup_records.parquet`` (columns ``dataset``, ``text``) and
``emb_minilm_banking77.npz`` (array ``emb``, all-MiniLM-L6-v2 vectors of Banking77).

Run: THRESHER_DATA=… python benchmarks/curation_guarantee.py --out guarantee.json
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from curation import find_near_duplicates
from curation.text_duplicates import text_graph
from thresher.core import NeighborGraph, neighbor_graph
from thresher.core.files import write_json

SHUFFLES = 10


def stars(graph: NeighborGraph) -> np.ndarray:
    return find_near_duplicates(graph).kept


def components(graph: NeighborGraph) -> np.ndarray:
    """Keep the first row of each connected component."""
    shape = len(graph), len(graph)
    adjacency = sparse.csr_matrix((graph.similarities, graph.indices, graph.indptr), shape=shape)
    _, labels = sparse.csgraph.connected_components(adjacency, directed=False)
    kept = np.zeros(len(graph), bool)
    kept[np.unique(labels, return_index=True)[1]] = True
    return kept


def any_earlier(graph: NeighborGraph) -> np.ndarray:
    """Drop each row that is close to any earlier row, kept or not."""
    rows, neighbours, _ = graph.stored()
    kept = np.ones(len(graph), bool)
    kept[rows[neighbours < rows]] = False
    return kept


def leaders(graph: NeighborGraph) -> np.ndarray:
    """Keep each row that is close to no earlier kept row."""
    kept = np.zeros(len(graph), bool)
    for row in range(len(graph)):
        kept[row] = not kept[graph.neighbors(row)[0]].any()
    return kept


RULES: dict[str, Callable[[NeighborGraph], np.ndarray]] = {
    "ours (stars)": stars,
    "components": components,
    "SemDeDup's rule": any_earlier,
    "leaders, index order": leaders,
}


def shuffled(graph: NeighborGraph, order: np.ndarray) -> NeighborGraph:
    first, second, similarities = graph.pairs()
    place = np.argsort(order)
    return NeighborGraph.from_pairs(
        graph.row_ids[order],
        (place[first], place[second], similarities),
        threshold=graph.threshold or 0.0,
    )


def judge(graph: NeighborGraph, rule: Callable[[NeighborGraph], np.ndarray]) -> dict[str, Any]:
    start = time.process_time()
    kept = rule(graph)
    cpu = time.process_time() - start
    first, second, _ = graph.pairs()
    covered = kept.copy()
    covered[first[kept[second]]] = True
    covered[second[kept[first]]] = True
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(SHUFFLES):
        mixed = shuffled(graph, rng.permutation(len(graph)))
        outcomes.add(frozenset(mixed.row_ids[rule(mixed)].tolist()))
    return {
        "kept": int(kept.sum()),
        "residual": int((kept[first] & kept[second]).sum()),
        "orphans": int((~covered).sum()),
        "kept sets": len(outcomes),
        "cpu_s": round(cpu, 3),
    }


def tf_idf_graph(rows: list[str]) -> NeighborGraph:
    counts = TfidfVectorizer(sublinear_tf=True).fit_transform(rows)
    vectors = TruncatedSVD(256, random_state=0).fit_transform(counts)
    return neighbor_graph(vectors, threshold=0.9).expand()


def corpora(folder: Path) -> dict[str, Callable[[], NeighborGraph]]:
    labelled = pq.read_table(folder / "text_classification.parquet").to_pandas()
    records = pq.read_table(folder / "dup_records.parquet").to_pandas()

    def of(table: Any, name: str) -> list[str]:
        return list(table.loc[table["dataset"] == name, "text"])

    vectors = np.load(folder / "emb_minilm_banking77.npz")["emb"]
    return {
        "banking77, MiniLM, .9": lambda: neighbor_graph(vectors, threshold=0.9).expand(),
        "banking77, TF-IDF, .9": lambda: tf_idf_graph(of(labelled, "banking77")),
        "trec, TF-IDF, .9": lambda: tf_idf_graph(of(labelled, "trec")),
        "subj, TF-IDF, .9": lambda: tf_idf_graph(of(labelled, "subj")),
        "cora, shingles, .6": lambda: text_graph(of(records, "cora"), threshold=0.6).expand(),
        "cddb, shingles, .6": lambda: text_graph(of(records, "cddb"), threshold=0.6).expand(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="the first corpus only")
    options = parser.parse_args()
    if "THRESHER_DATA" not in os.environ:
        sys.exit("Set THRESHER_DATA to the folder that this script's first lines describe.")
    report: dict[str, Any] = {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "scikit-learn", "scipy")},
        "corpora": {},
    }
    for name, load in list(corpora(Path(os.environ["THRESHER_DATA"])).items()):
        graph = load()
        outcome = {rule: judge(graph, function) for rule, function in RULES.items()}
        report["corpora"][name] = {"rows": len(graph), "pairs": graph.pair_count, "rules": outcome}
        print(f"{name}: {len(graph)} rows, {graph.pair_count} pairs")
        for rule, values in outcome.items():
            print(f"  {rule:22}", values)
        if options.quick:
            break
    if options.out:
        write_json(options.out, report)


if __name__ == "__main__":
    main()
