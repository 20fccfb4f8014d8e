"""Claim: texts kept by a head on a few hundred judged ones are as often good as was asked for.

The judged rows are drawn at random, the head is fitted on vectors of the shipped encoder, and rows
from its threshold on are compared with the truth of all rows that were not judged. A draw keeps its
promise if the share of good rows is the one asked for or more; with 95 % confidence, one in twenty
may not. Where no threshold is sure enough, all rows stay: that is no promise.

Peer: scikit-learn's logistic regression on the same vectors and judged rows, with the threshold at
which the precision of its own scores, out of five folds, reaches what was asked for.

Sets: SUBJ (objective sentences are good), reviews (positive ones), TREC (questions for a number),
and Banking77 (questions about cards).

Run: THRESHER_DATA=… python benchmarks/curation_score.py --out score.json
Data: ``text_classification.parquet`` in THRESHER_DATA.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from curation import fit_quality_head
from thresher.core import embed
from thresher.core.files import write_json

GOOD = {"subj": "objective", "rt_polarity": "positive", "trec": "NUM", "banking77": "card"}
ASKED = (0.8, 0.9)
JUDGED = (300, 600)


def read(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    rows = pq.read_table(folder / "text_classification.parquet").to_pylist()
    own = [row for row in rows if row["dataset"] == name]
    vectors = embed([row["text"] for row in own], encoder="meaning:text").vectors
    good = np.array([GOOD[name] in row["label_name"] for row in own])
    return np.asarray(vectors, np.float64), good


def by_us(vectors: np.ndarray, good: np.ndarray, judged: np.ndarray, asked: float) -> np.ndarray:
    head = fit_quality_head(vectors[judged], good[judged])
    limit = head.threshold(asked)
    none = np.zeros(len(good), bool)
    return none if limit.value is None else head.scores(vectors) >= limit.value


def by_sklearn(
    vectors: np.ndarray, good: np.ndarray, judged: np.ndarray, asked: float
) -> np.ndarray:
    model = LogisticRegression(max_iter=1000, C=10)
    own = good[judged]
    scores = cross_val_predict(model, vectors[judged], own, cv=5, method="predict_proba")[:, 1]
    order = np.argsort(-scores, kind="stable")
    precision = np.cumsum(own[order]) / np.arange(1, len(own) + 1)
    reached = np.flatnonzero(precision >= asked)
    if not len(reached):
        return np.zeros(len(good), bool)
    limit = scores[order][reached[-1]]
    return np.asarray(model.fit(vectors[judged], own).predict_proba(vectors)[:, 1] >= limit)


def measured(folder: Path, draws: int) -> list[dict[str, Any]]:
    found = []
    for name in GOOD:
        vectors, good = read(folder, name)
        for judged_rows in JUDGED:
            for asked in ASKED:
                for tool, choose in (("Thresher", by_us), ("scikit-learn", by_sklearn)):
                    start = time.process_time()
                    runs = []
                    for seed in range(draws):
                        rng = np.random.default_rng(seed)
                        judged = np.sort(rng.choice(len(good), judged_rows, replace=False))
                        rest = np.ones(len(good), bool)
                        rest[judged] = False
                        kept = choose(vectors, good, judged, asked) & rest
                        if kept.any():
                            precision = float(good[kept].mean())
                            runs.append((precision, float(kept[good & rest].mean())))
                    spent = (time.process_time() - start) / draws
                    found.append(
                        {
                            "data": name,
                            "good": float(good.mean()),
                            "judged": judged_rows,
                            "asked": asked,
                            "tool": tool,
                            "draws": draws,
                            "with a threshold": len(runs),
                            "kept its promise": sum(run[0] >= asked for run in runs),
                            "precision": float(np.mean([r[0] for r in runs])) if runs else None,
                            "good rows kept": float(np.mean([r[1] for r in runs])) if runs else 0.0,
                            "cpu_s": spent,
                        }
                    )
                    print(found[-1], flush=True)
    return found


def page(found: list[dict[str, Any]]) -> dict[str, Any]:
    header = ["data", "good", "judged", "asked for", "tool", "with a threshold", "kept the promise"]
    header += ["precision", "good rows kept", "CPU-s"]
    rows = [
        [
            row["data"],
            f"{row['good']:.0%}",
            row["judged"],
            f"{row['asked']:.2f}",
            row["tool"],
            f"{row['with a threshold']} of {row['draws']}",
            f"{row['kept its promise']} of {row['with a threshold']}",
            "" if row["precision"] is None else f"{row['precision']:.3f}",
            f"{row['good rows kept']:.0%}",
            f"{row['cpu_s']:.2f}",
        ]
        for row in found
    ]
    return {
        "title": "Texts kept by a few hundred judgments",
        "note": "Judged rows at random, vectors of the shipped encoder; precision and share of the "
        "good rows among all that were not judged. A promise is kept where the precision is what "
        "was asked for. scikit-learn takes the threshold at which its out-of-fold scores reach it. "
        f"scikit-learn {version('scikit-learn')}.",
        "tables": [{"caption": "", "header": header, "rows": rows}],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("curation_score.json"))
    parser.add_argument("--draws", type=int, default=40)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    found = measured(Path(os.environ["THRESHER_DATA"]), options.draws)
    write_json(options.out, {"results": found, "page": page(found)})


if __name__ == "__main__":
    main()
