"""Claim: no two kept rows are close and every dropped one has a kept twin, in whatever order.

Rules on the same graph: ours (stars), connected components (union-find, as most MinHash tools
group), SemDeDup's rule (drop a row that is close to any earlier one), leaders in index order. Peers
on the same vectors, where they install: SemHash at the same threshold, and cleanlab's Datalab,
which chooses its own threshold and marks sets of rows, of which the first is kept. ``residual``
counts close pairs left among kept rows, ``orphans`` dropped rows without a close kept one, ``kept
sets`` the different outcomes over ten shuffles of the rows (three for SemHash, which is slow; none
for cleanlab).

Data: the folder in THRESHER_DATA holds ``text_classification.parquet`` and ``dup_records.parquet``
(columns ``dataset``, ``text``), ``emb_minilm_banking77.npz`` (array ``emb``, all-MiniLM-L6-v2
vectors of Banking77) and ``emb_cifar10_coates_pca128.npz`` (array ``emb``, 60,000 pictures).

Run: THRESHER_DATA=… python benchmarks/curation_guarantee.py --out guarantee.json
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from curation import find_near_duplicates
from curation.duplicates.texts.graph import text_graph
from thresher.core import NeighborGraph, neighbor_graph
from thresher.core.files import write_json


@dataclass(frozen=True)
class Corpus:
    """Close pairs of rows, and the vectors they were found by, where there are any."""

    graph: NeighborGraph
    vectors: np.ndarray | None = None

    def shuffled(self, order: np.ndarray) -> Corpus:
        """Return the rows in another order, with their ids."""
        first, second, similarities = self.graph.pairs()
        place = np.argsort(order)
        graph = NeighborGraph.from_pairs(
            self.graph.row_ids[order],
            (place[first], place[second], similarities),
            threshold=self.graph.threshold or 0.0,
        )
        return Corpus(graph, None if self.vectors is None else self.vectors[order])


Rule = Callable[[Corpus], np.ndarray]


def stars(corpus: Corpus) -> np.ndarray:
    return find_near_duplicates(corpus.graph).kept


def components(corpus: Corpus) -> np.ndarray:
    """Keep the first row of each connected component."""
    graph = corpus.graph
    shape = len(graph), len(graph)
    adjacency = sparse.csr_matrix((graph.similarities, graph.indices, graph.indptr), shape=shape)
    _, labels = sparse.csgraph.connected_components(adjacency, directed=False)
    kept = np.zeros(len(graph), bool)
    kept[np.unique(labels, return_index=True)[1]] = True
    return kept


def any_earlier(corpus: Corpus) -> np.ndarray:
    """Drop each row that is close to any earlier row, kept or not."""
    rows, neighbors, _ = corpus.graph.stored()
    kept = np.ones(len(corpus.graph), bool)
    kept[rows[neighbors < rows]] = False
    return kept


def leaders(corpus: Corpus) -> np.ndarray:
    """Keep each row that is close to no earlier kept row."""
    graph = corpus.graph
    kept = np.zeros(len(graph), bool)
    for row in range(len(graph)):
        kept[row] = not kept[graph.neighbors(row)[0]].any()
    return kept


def semhash(corpus: Corpus) -> np.ndarray:
    from semhash import SemHash

    assert corpus.vectors is not None
    ids = corpus.graph.row_ids.tolist()
    index = SemHash.from_embeddings(corpus.vectors, ids, model=None)
    found = index.self_deduplicate(threshold=corpus.graph.threshold)
    return np.isin(corpus.graph.row_ids, found.selected)


def cleanlab(corpus: Corpus) -> np.ndarray:
    from cleanlab import Datalab

    lab = Datalab({"row": corpus.graph.row_ids.tolist()}, verbosity=0)
    lab.find_issues(features=corpus.vectors, issue_types={"near_duplicate": {}})
    sets = lab.get_issues("near_duplicate")["near_duplicate_sets"]
    return np.array([not (np.asarray(rows) < row).any() for row, rows in enumerate(sets)])


RULES: dict[str, tuple[Rule, int]] = {
    "ours (stars)": (stars, 10),
    "components": (components, 10),
    "SemDeDup's rule": (any_earlier, 10),
    "leaders, index order": (leaders, 10),
}
PEERS: dict[str, tuple[Rule, int]] = {"semhash": (semhash, 3), "cleanlab": (cleanlab, 0)}


def judge(corpus: Corpus, rule: Rule, shuffles: int) -> dict[str, Any]:
    start = time.process_time()
    kept = rule(corpus)
    cpu = time.process_time() - start
    first, second, _ = corpus.graph.pairs()
    covered = kept.copy()
    covered[first[kept[second]]] = True
    covered[second[kept[first]]] = True
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(shuffles):
        mixed = corpus.shuffled(rng.permutation(len(kept)))
        outcomes.add(frozenset(mixed.graph.row_ids[rule(mixed)].tolist()))
    return {
        "kept": int(kept.sum()),
        "residual": int((kept[first] & kept[second]).sum()),
        "orphans": int((~covered).sum()),
        "kept sets": len(outcomes) if shuffles else None,
        "shuffles": shuffles,
        "cpu_s": round(cpu, 3),
    }


def close(vectors: np.ndarray, threshold: float = 0.9) -> Corpus:
    vectors = np.asarray(vectors, np.float32)
    return Corpus(neighbor_graph(vectors, threshold=threshold).expand(), vectors)


def tf_idf(rows: list[str]) -> Corpus:
    counts = TfidfVectorizer(sublinear_tf=True).fit_transform(rows)
    return close(TruncatedSVD(256, random_state=0).fit_transform(counts))


def corpora(folder: Path) -> dict[str, Callable[[], Corpus]]:
    labeled = pq.read_table(folder / "text_classification.parquet").to_pandas()
    records = pq.read_table(folder / "dup_records.parquet").to_pandas()

    def of(table: Any, name: str) -> list[str]:
        return list(table.loc[table["dataset"] == name, "text"])

    def vectors(name: str) -> np.ndarray:
        return np.load(folder / name)["emb"]

    def shingles(name: str) -> Corpus:
        return Corpus(text_graph(of(records, name), threshold=0.6).expand())

    known: dict[str, Callable[[], Corpus]] = {
        "banking77, MiniLM, .9": lambda: close(vectors("emb_minilm_banking77.npz")),
        "CIFAR-10, patches, .8": lambda: close(vectors("emb_cifar10_coates_pca128.npz"), 0.8),
    }
    for name in ("trec", "subj", "rt_polarity", "banking77"):
        known[f"{name}, TF-IDF, .9"] = lambda name=name: tf_idf(of(labeled, name))
    for name in ("cora", "cddb", "abt-buy", "febrl1"):
        known[f"{name}, shingles, .6"] = lambda name=name: shingles(name)
    return known


def installed() -> dict[str, str]:
    found = {}
    for name in PEERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            print(f"{name} is not installed and is left out")
    return found


def page(report: dict[str, Any]) -> dict[str, Any]:
    rows = [
        [f"{name} ({corpus['rows']:,} rows, {corpus['pairs']:,} pairs)" if place == 0 else "", rule]
        + [f"{values[key]:,}" for key in ("kept", "residual", "orphans")]
        + [f"{values['kept sets']} of {values['shuffles']}" if values["shuffles"] else "—"]
        for name, corpus in report["corpora"].items()
        for place, rule in enumerate(rule for rule in [*RULES, *PEERS] if rule in corpus["rules"])
        for values in [corpus["rules"][rule]]
    ]
    header = ["corpus", "rule", "kept", "close pairs left", "dropped without a twin"]
    peers = ", ".join(f"{name} {number}" for name, number in report["peers"].items()) or "none"
    return {
        "title": "What deduplication guarantees",
        "note": "Close pairs left among kept rows, and dropped rows without a close kept one, "
        "should be 0; different outcomes over shuffles of the rows should be 1. Peers on the same "
        f"vectors: {peers}; cleanlab chooses its own threshold.",
        "tables": [{"caption": "", "header": [*header, "outcomes of shuffles"], "rows": rows}],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="the first corpus only")
    parser.add_argument(
        "--largest",
        type=int,
        default=14_000,
        help="rows up to which peers run, since they are slow",
    )
    options = parser.parse_args()
    if "THRESHER_DATA" not in os.environ:
        sys.exit("Set THRESHER_DATA to the folder that this script's first lines describe.")
    report: dict[str, Any] = {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "scikit-learn", "scipy")},
        "peers": installed(),
        "corpora": {},
    }
    for name, load in corpora(Path(os.environ["THRESHER_DATA"])).items():
        corpus = load()
        rules = dict(RULES)
        if corpus.vectors is not None and len(corpus.vectors) <= options.largest:
            rules |= {peer: PEERS[peer] for peer in report["peers"]}
        outcome = {rule: judge(corpus, *arguments) for rule, arguments in rules.items()}
        graph = corpus.graph
        report["corpora"][name] = {"rows": len(graph), "pairs": graph.pair_count, "rules": outcome}
        print(f"{name}: {len(graph)} rows, {graph.pair_count} pairs", flush=True)
        for rule, values in outcome.items():
            print(f"  {rule:22}", values, flush=True)
        if options.quick:
            break
    if options.out:
        write_json(options.out, report | {"page": page(report)})


if __name__ == "__main__":
    main()
