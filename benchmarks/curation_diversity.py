"""Claim: what choosing for diversity gains on texts beside random rows and the longest ones.

Rows are chosen without labels, by embeddings alone, as for instruction data: 10 and 30 % of the
rows, or as many as have 10 and 30 % of all words. A ridge head is fitted to the chosen rows'
embeddings and judged on the test rows; figures are the mean and the deviation over three splits.

Data: the folder in THRESHER_DATA holds ``text_classification.parquet`` (columns ``dataset``,
``split``, ``id``, ``text``, ``label_name``) and ``emb_minilm_banking77.npz`` (``id``, ``emb``:
Banking77 by all-MiniLM-L6-v2); the other sets are embedded by ``meaning:text``.

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/curation_diversity.py --out diversity.json
"""

from __future__ import annotations

import argparse
import os
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.linear_model import RidgeClassifier

from curation import select_coreset
from thresher.core import TokenCounter, embed
from thresher.core.files import write_json

METHODS = ("random", "longest", "novelsum", "gip", "k_center", "facility_location")
SHARES = (0.1, 0.3)
SPLITS = 3
SETS = ("banking77", "trec", "subj", "rt_polarity")
TRAIN_ROWS = 2000


def read(root: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors, classes and words of a set."""
    table = pq.read_table(root / "text_classification.parquet").to_pandas()
    table = table[table["dataset"] == name]
    texts = table["text"].tolist()
    if name == "banking77":
        with np.load(root / "emb_minilm_banking77.npz") as file:
            place = {row: at for at, row in enumerate(file["id"].tolist())}
            vectors = file["emb"][[place[row] for row in table["id"]]].astype(np.float32)
    else:
        vectors = embed(texts, encoder="meaning:text").vectors
    classes = np.unique(table["label_name"], return_inverse=True)[1]
    return vectors, classes, TokenCounter.of().count(texts)


def accuracy(train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> float:
    if len(np.unique(train[1])) < 2:
        return float((test[1] == train[1][0]).mean())
    head = RidgeClassifier(alpha=1.0).fit(*train)
    return float(head.score(*test))


def measured(root: Path, name: str) -> list[dict[str, Any]]:
    vectors, classes, counts = read(root, name)
    found: dict[tuple[str, str, float], list[tuple[float, int, float]]] = {}
    whole = []
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(len(vectors))
        test, train = order[: len(order) // 5], order[len(order) // 5 :][:TRAIN_ROWS]
        X, y, words = vectors[train], classes[train], counts[train]
        held = vectors[test], classes[test]
        whole.append(accuracy((X, y), held))
        for share in SHARES:
            sizes: dict[str, dict[str, Any]] = {
                "rows": {"n": round(share * len(X))},
                "words": {"tokens": share * float(words.sum())},
            }
            for of, size in sizes.items():
                for method in METHODS:
                    start = time.process_time()
                    chosen = select_coreset(
                        X, method=method, token_counts=words, random_state=seed, **size
                    ).positions
                    cpu = time.process_time() - start
                    reached = accuracy((X[chosen], y[chosen]), held)
                    found.setdefault((method, of, share), []).append((reached, len(chosen), cpu))
    rows = []
    for (method, of, share), runs in found.items():
        reached, count, cpu = (np.array(values) for values in zip(*runs, strict=True))
        rows.append(
            {
                "set": name,
                "method": method,
                "of": of,
                "share": share,
                "accuracy": float(reached.mean()),
                "deviation": float(reached.std(ddof=1)),
                "rows": float(count.mean()),
                "cpu_s": float(np.median(cpu)),
                "all": float(np.mean(whole)),
            }
        )
        print(rows[-1], flush=True)
    return rows


def page(results: list[dict[str, Any]]) -> dict[str, Any]:
    tables = []
    for name in dict.fromkeys(row["set"] for row in results):
        mine = {(row["method"], row["of"], row["share"]): row for row in results
                if row["set"] == name}  # fmt: skip
        body = []
        for method in METHODS:
            cells = [mine[method, of, share] for of in ("rows", "words") for share in SHARES]
            body.append(
                [
                    method,
                    *(f"{100 * c['accuracy']:.1f} ± {100 * c['deviation']:.1f}" for c in cells),
                    f"{cells[3]['rows']:,.0f}",
                    f"{cells[1]['cpu_s']:.1f}",
                ]
            )
        first = next(iter(mine.values()))
        tables.append(
            {
                "caption": f"{name}: accuracy, all rows {100 * first['all']:.1f}",
                "header": ["method", *(f"{share:.0%} of the {of}" for of in ("rows", "words")
                                       for share in SHARES), "rows in 30 % of the words",
                           "CPU s, 30 % of the rows"],
                "rows": body,
            }
        )  # fmt: skip
    return {
        "title": "Texts chosen for diversity",
        "note": "Chosen without labels among 2,000 rows; a ridge head on frozen "
        "embeddings; mean and deviation over three splits; one thread, busy machine.",
        "tables": tables,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("curation_diversity.json"))
    parser.add_argument("--sets", nargs="*", default=SETS)
    options = parser.parse_args()
    root = Path(os.environ["THRESHER_DATA"])
    results = [row for name in options.sets for row in measured(root, name)]
    versions = {name: version(name) for name in ("numpy", "scipy", "scikit-learn")}
    write_json(options.out, {"results": results, "versions": versions, "page": page(results)})


if __name__ == "__main__":
    main()
