"""Claim: of few labels a trial tells where leaving out flagged ones gains, and drops no right ones.

Questions (TREC) and sentences (subjective or not), 100, 200 and 500 labels drawn at random, with a
fifth of them wrong and with none. What a run decides of labels that it buys
(`thresher.app.steps.label_trial.try_without`) stands beside the truth: what a linear head that
learns its rows by heart, and one whose penalty suits them, gain without the flagged rows on 1,000
other rows under right labels. Neither set was looked at when the penalty of the trial was set.

Data: ``text_classification.parquet``, in the folder that THRESHER_DATA names (columns ``dataset``,
``text``, ``label_name``; TREC: https://cogcomp.seas.upenn.edu/Data/QA/QC,
sentences: https://www.cs.cornell.edu/people/pabo/movie-review-data).

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/pipeline_few_labels.py --out few.json
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.parquet as pq
import torch

from curation import find_label_issues
from curation.decisions.label_action import choose_label_action
from thresher.app.steps.head_trial import PENALTY
from thresher.app.steps.label_trial import takes_heads, try_without
from thresher.core.encoders import embed, get_encoder
from thresher.core.encoders.automatic import choose_encoder
from thresher.core.files import write_json
from thresher.core.fingerprint import row_keys
from thresher.core.numerics.gram import GramHead, gram_head, scaled_gram

NAMES = {"trec": "questions (TREC)", "subj": "sentences"}
LABELS, WRONG, SEEDS, TEST = (100, 200, 500), (0.0, 0.2), (0, 1), 1000
ROWS = 3500


def read(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors of the automatic encoder, fitted without labels, and right labels."""
    path = Path(os.environ["THRESHER_DATA"]) / "text_classification.parquet"
    frame = pq.read_table(path, filters=[("dataset", "=", name)]).to_pandas()
    frame = frame.sample(frac=1, random_state=0)[:ROWS]
    codes = np.unique(frame["label_name"].to_numpy(str), return_inverse=True)[1]
    ids = [str(at) for at in range(len(frame))]
    rows = datasets.Dataset.from_dict({"text": frame["text"].tolist(), "row_id": ids})
    encoder = get_encoder(
        choose_encoder("text").value, modality="text", device="cpu", random_state=0
    )
    return embed(rows, column="text", encoder=encoder).vectors, codes


def measure(
    vectors: np.ndarray, right: np.ndarray, *, labels: int, wrong: float, seed: int
) -> dict[str, Any]:
    """Draw labels, make some of them wrong, decide, and look at what it changes."""
    rng, classes = np.random.default_rng((labels, seed)), int(right.max()) + 1
    order = rng.permutation(len(right))
    drawn, test = order[:labels], order[labels : labels + TEST]
    changed = rng.random(labels) < wrong
    codes = right[drawn].copy()
    codes[changed] = (codes[changed] + rng.integers(1, classes, changed.sum())) % classes
    found = find_label_issues(codes, embeddings=vectors[drawn], random_state=seed)
    start = time.process_time()
    chosen = choose_label_action(found)
    if chosen.value != "drop":
        chosen, _ = try_without(
            vectors[drawn],
            codes,
            keys=row_keys(drawn.astype(str)),
            flags=int(found.flagged.sum()),
            before=chosen.reason,
            method="auto",
            device="cpu",
            seed=seed,
        )
    spent = time.process_time() - start
    gram = scaled_gram(vectors[np.concatenate([drawn, test])])
    named = np.concatenate([codes, right[test]])
    suited = gram_head(vectors[drawn], codes, num_classes=classes).penalty
    judged, kept = labels + np.arange(TEST), np.flatnonzero(~found.flagged)
    gains = []
    for penalty in (PENALTY, suited):
        head = GramHead(gram, named, classes, penalty)
        before, after = (head.right(rows, judged) for rows in (np.arange(labels), kept))
        gains.append(100 * float(after.mean() - before.mean()))
    return {
        "labels": labels,
        "wrong": int(changed.sum()),
        "flags": int(found.flagged.sum()),
        "right": int(changed[found.flagged].sum()),
        "by": "heads" if takes_heads(*vectors[drawn].shape) else "network",
        "action": chosen.value,
        "reason": chosen.reason,
        "gains": gains,
        "cpu_s": spent,
    }


def page(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table for the documentation."""
    rows = [
        [
            NAMES[run["set"]],
            run["labels"],
            run["wrong"],
            run["flags"],
            run["right"],
            run["action"],
            f"{run['gains'][0]:+.1f}",
            f"{run['gains'][1]:+.1f}",
            f"{run['cpu_s']:.1f}",
        ]
        for run in runs
    ]
    header = ["set", "labels", "wrong", "flagged", "of them wrong", "the run's choice"]
    header += ["gain, learnt by heart", "gain, penalty that suits", "CPU-seconds"]
    return {
        "title": "Few labels that are tried",
        "note": "Labels drawn at random, two draws each, a fifth of them wrong or none. Gains are "
        "points of accuracy on 1,000 other rows under right labels that linear heads have without "
        "the flagged rows. Neither set was looked at when the trial's penalty was set; that heads "
        "are tried on up to 999 rows was decided when these results were known.",
        "tables": [{"caption": "", "header": header, "rows": rows}],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pipeline_few_labels.json"))
    options = parser.parse_args()
    if "THRESHER_DATA" not in os.environ:
        sys.exit("Set THRESHER_DATA to the folder that this script's first lines describe.")
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    runs = []
    for name in NAMES:
        vectors, codes = read(name)
        for labels in LABELS:
            for wrong in WRONG:
                for seed in SEEDS:
                    run = measure(vectors, codes, labels=labels, wrong=wrong, seed=seed)
                    runs.append({"set": name, "seed": seed, **run})
                    print(runs[-1], flush=True)
    write_json(options.out, {"runs": runs, "page": page(runs)})


if __name__ == "__main__":
    main()
