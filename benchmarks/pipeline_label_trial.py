"""Claim: a trial tells where leaving out flagged labels gains, and drops no right label for it.

The rows of `headline.py`'s sets, without copies and leaks, with their wrong labels and with right
ones. What a run decides (`thresher.app.steps.label_trial`) stands beside the truth: by how much the
same small network is better on test rows with right labels when it learns without the rows flagged
among all. The check's own choice is the one that `thresher curate` acts on.

Data: as in `headline.py`, in the folder that THRESHER_DATA names.

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/pipeline_label_trial.py --out trial.json
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from headline_parts.sets import SETS, Task

from curation import find_label_issues
from curation.decisions.label_action import choose_label_action
from thresher.app.steps.label_trial import gains_without_flags, is_right, judge_gains
from thresher.core.columns import take_rows
from thresher.core.encoders import embed, get_encoder
from thresher.core.encoders.automatic import choose_encoder
from thresher.core.files import write_json
from thresher.core.fingerprint import row_keys
from thresher.core.interval import Z

ROWS = {"banking77": 3000, "photographs": 800, "adult": 3000, "cifar10": 2000}
SEED = 11


def vectors(task: Task, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors of the training rows that are no copies, and of the test rows."""
    name = choose_encoder(task.modality).value
    encoder = get_encoder(name, modality=task.modality, device="cpu", random_state=0)
    held = len(task) + np.arange(len(task.test_rows))
    made = [
        embed(take_rows(task.table, rows), column=task.inputs_named, encoder=encoder).vectors
        for rows in (own, held)
    ]
    return made[0], made[1]


def measure(task: Task, learnt: np.ndarray, held: np.ndarray, codes: np.ndarray) -> dict[str, Any]:
    """Try the labels, and train with and without the flags to judge on rightly labeled rows."""
    own = np.flatnonzero(task.planted.kind == "own")
    found = find_label_issues(codes, embeddings=learnt)
    start = time.process_time()
    options: dict[str, Any] = {"device": "cpu", "seed": 0}
    keys = row_keys(task.row_ids[own])
    gains = gains_without_flags(learnt, codes, keys=keys, method="auto", **options)
    spent = time.process_time() - start
    every = np.concatenate([learnt, held])
    labels = np.concatenate([codes, task.test_codes])
    test = len(learnt) + np.arange(len(held))
    right = [
        is_right(every, labels, rows, test, **options).mean()
        for rows in (np.arange(len(learnt)), np.flatnonzero(~found.flagged))
    ]
    wrong = (codes != task.true_codes[own])[found.flagged]
    error = 100 * Z * gains.std() / np.sqrt(len(gains))
    return {
        "rows": len(learnt),
        "wrong": float((codes != task.true_codes[own]).mean()),
        "flags": int(found.flagged.sum()),
        "precision": float(wrong.mean()) if len(wrong) else None,
        "check": choose_label_action(found).value,
        "trial": judge_gains(gains, before="").value,
        "expected": [100 * float(gains.mean()), float(error)],
        "true": 100 * float(right[1] - right[0]),
        "cpu_s": spent,
    }


def page(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table for the documentation."""
    rows = [
        [
            run["set"],
            f"{run['rows']:,}",
            f"{run['wrong']:.0%}",
            run["flags"],
            "–" if run["precision"] is None else f"{run['precision']:.0%}",
            run["check"],
            f"{run['expected'][0]:+.1f} ± {run['expected'][1]:.1f}",
            run["trial"],
            f"{run['true']:+.1f}",
            f"{run['cpu_s']:.1f}",
        ]
        for run in runs
    ]
    header = ["set", "rows", "wrong labels", "flags", "of them wrong", "the check alone"]
    header += ["gain in the trial, points", "the trial", "gain on right labels", "CPU-seconds"]
    return {
        "title": "Flagged labels that are tried",
        "note": "The rows of the headline experiment without copies and leaks, with their wrong "
        "labels and with right ones; a small network on the encoder's vectors. The gain in the "
        "trial is on held-out rows under the labels as they are, that on right labels on the test "
        "rows.",
        "tables": [{"caption": "", "header": header, "rows": rows}],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pipeline_label_trial.json"))
    options = parser.parse_args()
    if "THRESHER_DATA" not in os.environ:
        sys.exit("Set THRESHER_DATA to the folder that headline.py's first lines describe.")
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    runs = []
    for name, rows in ROWS.items():
        task = SETS[name][0](SEED, rows)
        own = np.flatnonzero(task.planted.kind == "own")
        learnt, held = vectors(task, own)
        for codes in (task.codes, task.true_codes):
            runs.append({"set": name, **measure(task, learnt, held, codes[own])})
            print(runs[-1], flush=True)
    write_json(options.out, {"runs": runs, "page": page(runs)})


if __name__ == "__main__":
    main()
