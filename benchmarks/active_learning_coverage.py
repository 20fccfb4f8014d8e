"""Claim: a session's 95 % interval of accuracy holds the truth in 93–97 % of sessions.

Each of many sessions labels 100 rows with ``strategy="auto"`` and an audit share of 0.2, in batches
of 20, then states the accuracy of its model. The truth is the accuracy of that model on all rows
without a label. Beside it: the error of the estimate, that of as many plain random labels (drawn
anew, used for nothing else), and the bias of just counting right answers over all labels.

Data: scikit-learn's digits; with THRESHER_DATA also phoneme (``tabular_small.npz``).

Run: OMP_NUM_THREADS=1 python benchmarks/active_learning_coverage.py --out coverage.json
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from active_learning import Session
from active_learning.crossfit import cross_fit
from active_learning.report import Audit
from thresher.core.embeddings import Embeddings
from thresher.core.files import write_json

BATCH, ROUNDS, AUDIT = 20, 5, 0.2


def sets() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, features and labels."""
    X, y = load_digits(return_X_y=True)
    yield "digits", X, y.astype(str)
    if "THRESHER_DATA" in os.environ:
        with np.load(Path(os.environ["THRESHER_DATA"]) / "tabular_small.npz") as file:
            X, y = file["phoneme_X"], file["phoneme_y"]
        yield "phoneme", (X - X.mean(axis=0)) / X.std(axis=0), y.astype(str)


def one_session(embeddings: Embeddings, y: np.ndarray, *, seed: int) -> dict[str, float]:
    """Label 100 rows and compare the estimate with the truth."""
    classes = np.unique(y).tolist()
    answer = dict(zip(embeddings.row_ids.tolist(), y.tolist(), strict=True))
    with (
        tempfile.TemporaryDirectory() as folder,
        Session(
            Path(folder) / "s.db",
            embeddings=embeddings,
            classes=classes,
            audit=AUDIT,
            random_state=seed,
            background=False,
        ) as session,
    ):
        for _ in range(ROUNDS):
            batch = session.ask(BATCH)
            session.tell({row: answer[row] for row in batch.row_ids.tolist()})
        state, policy = session.state, session.policy
        rows, codes = state.settled()
        found = Audit.of(policy, state, rows, codes).estimate()
        if found is None:
            raise RuntimeError("fewer than five audited rows")
        model = policy.learner(
            embeddings.vectors[rows], codes, n_classes=len(classes), random_state=policy.seed
        )
        rest = np.flatnonzero(~state.labeled)
        guesses = np.array(classes)[model(embeddings.vectors[rest]).argmax(axis=1)]
        naive = cross_fit(
            policy.learner,
            embeddings.vectors,
            rows=rows,
            targets=codes,
            n_classes=len(classes),
        )
        right = guesses == y[rest]
        sample = np.random.default_rng((seed, 1)).choice(len(rest), found.labels, replace=False)
        return {
            "truth": float(right.mean()),
            "value": found.value,
            "low": found.low,
            "high": found.high,
            "audited": found.labels,
            "random_labels": float(right[sample].mean()),
            "counted": float((naive.argmax(axis=1) == codes).mean()),
        }


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    """Coverage, errors and biases over sessions."""
    columns = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    truth = columns["truth"]

    def error(name: str) -> float:
        return round(float(np.sqrt(np.mean((columns[name] - truth) ** 2))), 4)

    held = (columns["low"] <= truth) & (truth <= columns["high"])
    return {
        "sessions": len(runs),
        "coverage": round(float(held.mean()), 4),
        "coverage_standard_error": round(float(np.sqrt(0.05 * 0.95 / len(runs))), 4),
        "audited_rows": round(float(columns["audited"].mean()), 1),
        "width": round(float((columns["high"] - columns["low"]).mean()), 4),
        "bias": round(float((columns["value"] - truth).mean()), 4),
        "error": error("value"),
        "error_of_as_many_random_labels": error("random_labels"),
        "bias_of_counting_all_labels": round(float((columns["counted"] - truth).mean()), 4),
        "true_accuracy": round(float(truth.mean()), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sessions", type=int, default=1000, help="sessions of each set")
    parser.add_argument("--quick", action="store_true", help="twenty sessions")
    arguments = parser.parse_args()
    number = 20 if arguments.quick else arguments.sessions
    results: dict[str, Any] = {}
    for name, X, y in sets():
        embeddings = Embeddings.from_vectors(X)
        began = time.process_time()
        runs = [one_session(embeddings, y, seed=seed) for seed in range(number)]
        results[name] = summary(runs)
        results[name]["cpu_seconds_a_session"] = round((time.process_time() - began) / number, 2)
        print(name, results[name], flush=True)
    if arguments.out:
        versions = {"python": platform.python_version(), "numpy": np.__version__}
        write_json(arguments.out, {"versions": versions, "sets": results})


if __name__ == "__main__":
    main()
