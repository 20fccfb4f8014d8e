"""Claim: with few rows the text network comes nearer to TF-IDF since its vectors start small.

The network of the teacher's recipe is trained on a random part of four sets of short texts and
judged on other rows: as it is, and with token vectors of normal length at the start, as PyTorch
makes them. The peer is what anyone tries first: scikit-learn's TF-IDF of words and pairs of words
with logistic regression.

Data: ``text_classification.parquet`` (columns ``dataset``, ``split``, ``id``, ``text``,
``label_name``) in the folder that ``THRESHER_DATA`` names: Banking77 (PolyAI), and TREC, Subj and
the movie reviews of ``harvardnlp/sent-conv-torch``.

Run: python benchmarks/training_small_text.py --out small.json     (--quick: one seed)
"""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier

from thresher.core.files import write_json
from training import HashTokenizer, Samples, evaluate, fit, recipe, samples_from_arrays
from training.models import text

SETS = {"trec": 600, "subj": 600, "rt_polarity": 1000, "banking77": 2000}
JUDGED = 2000


def parts(rows: pd.DataFrame, *, count: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw training rows and others to judge by."""
    mixed = rows.sample(frac=1, random_state=seed)
    return mixed[:count], mixed[count : count + JUDGED]


def samples(rows: pd.DataFrame, classes: np.ndarray) -> Samples:
    return samples_from_arrays(
        HashTokenizer().encode(rows["text"].tolist()),
        row_ids=np.arange(len(rows)).astype(str),
        targets=np.searchsorted(classes, rows["label_name"]),
    )


def network(train: Samples, judged: Samples, *, classes: int, start: float, seed: int) -> float:
    """Return the accuracy of the recipe's network; `start` scales its first token vectors."""
    plan = recipe(
        "text",
        n_rows=len(train),
        input_shape=train.input_shape,
        num_classes=classes,
        role="teacher",
        device="cpu",
    )
    model = plan.build(num_classes=classes, input_shape=train.input_shape, random_state=seed)
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, text.TokenBag):
                part.table.weight.mul_(start)
    run = fit(model, train, random_state=seed, device="cpu", **plan.fit_options())
    return evaluate(run.model, judged, device="cpu").accuracy


def reference(train: pd.DataFrame, judged: pd.DataFrame) -> float:
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))
    model = SGDClassifier(loss="log_loss", alpha=1e-5, random_state=0)
    model.fit(words.fit_transform(train["text"]), train["label_name"])
    return float((model.predict(words.transform(judged["text"])) == judged["label_name"]).mean())


def one(rows: pd.DataFrame, *, count: int, seed: int) -> dict[str, float]:
    classes = np.unique(rows["label_name"])
    train, judged = parts(rows, count=count, seed=seed)
    given = samples(train, classes), samples(judged, classes)
    options: dict[str, Any] = {"classes": len(classes), "seed": seed}
    return {
        "TF-IDF": reference(train, judged),
        "vectors of normal length": network(*given, start=1 / text.START, **options),
        "as it is": network(*given, start=1.0, **options),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = pd.read_parquet(Path(os.environ["THRESHER_DATA"]) / "text_classification.parquet")
    found = {}
    for name, count in SETS.items():
        rows = table[table["dataset"] == name]
        found[name] = [
            one(rows, count=count, seed=seed) for seed in range(1 if options.quick else 5)
        ]
        print(name, found[name], flush=True)
    write_json(options.out, report(found))


def report(found: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    names = list(next(iter(found.values()))[0])

    def cell(runs: list[dict[str, float]], name: str) -> str:
        values = np.array([100 * run[name] for run in runs])
        return f"{values.mean():.1f} ± {values.std():.1f}"

    return {
        "runs": found,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "page": {
            "title": "Text networks with few rows",
            "note": "Test accuracy in percent, mean and deviation over random parts; "
            f"{JUDGED:,} other rows judge. The network is the teacher of `thresher run`, alone.",
            "tables": [
                {
                    "caption": "",
                    "header": ["set", "rows", *names],
                    "rows": [
                        [name, f"{SETS[name]:,}", *(cell(runs, other) for other in names)]
                        for name, runs in found.items()
                    ],
                }
            ],
        },
    }


if __name__ == "__main__":
    main()
