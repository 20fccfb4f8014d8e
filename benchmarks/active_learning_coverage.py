"""Claim: a session's 95 % interval of accuracy holds the truth in 93–97 % of sessions.

Each session labels 100 rows of a random pool of 600 with ``strategy="auto"`` and an audit share of
0.2, in batches of 20, then states the accuracy of its model. The truth is the accuracy of that
model on all rows of the pool without a label. Beside it: the error of the estimate, that of as many
plain random labels (drawn anew, used for nothing else), and the bias of just counting right answers
over all labels.

So that a thousand sessions are cheap, their model is a ridge regression in closed form with a
fitted temperature; fewer are run with the built-in head (``logistic``).

Data: scikit-learn's digits; with THRESHER_DATA also phoneme (``tabular_small.npz``), and sets that
nothing was chosen on: adult (``tabular_adult.parquet``), subj (``text_classification.parquet``, in
the built-in text vectors) and CIFAR-10 (``emb_cifar10_coates_pca128.npz``, unsupervised features,
labels in ``cifar10_train.parquet``).

The sessions are other ones than those on which the estimate was chosen. `--resummarize` states the
accuracy anew from a log of sessions without running any.

Run: OMP_NUM_THREADS=1 python benchmarks/active_learning_coverage.py --log runs.jsonl --out FILE
Sessions that the log holds already are not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sklearn.datasets import load_digits

from active_learning import Session, estimate_accuracy
from active_learning.learners.crossfit import cross_fit
from active_learning.learners.learner import Learner, Predictor, constant_predictor
from active_learning.learners.logistic import LogisticHead, softmax
from active_learning.sessions.audit_arm import Audit
from thresher.core import embed
from thresher.core.embeddings import Embeddings
from thresher.core.files import write_json
from thresher.core.numerics.temperature import fit_temperature

POOL, BATCH, ROUNDS, AUDIT = 600, 20, 5, 0.2
PENALTY = 0.1
# The estimate was chosen on sessions 0 to 1999, so that what is reported starts elsewhere.
FIRST_SEED = 2000


def ridge_head(
    vectors: np.ndarray, codes: np.ndarray, /, *, num_classes: int, random_state: int
) -> Predictor:
    """Fit a ridge regression on class indicators; its temperature on leave-one-out scores."""
    del random_state  # the solution is unique
    present = np.unique(codes)
    if len(present) == 1:
        return constant_predictor(int(present[0]), labels=len(codes), num_classes=num_classes)
    X = np.column_stack([vectors, np.ones(len(vectors))]).astype(np.float64)
    inverse = np.linalg.inv(X @ X.T + PENALTY * np.eye(len(X)))
    dual = inverse @ np.eye(num_classes)[codes]
    left_out = np.eye(num_classes)[codes] - dual / np.diag(inverse)[:, None]
    scale = 1.0 / fit_temperature(left_out * 10.0, codes) * 10.0
    weights = (X.T @ dual * scale).astype(np.float32)

    def predict(rows: np.ndarray) -> np.ndarray:
        return softmax(rows @ weights[:-1] + weights[-1])

    return predict


LEARNERS: dict[str, Learner] = {"ridge": ridge_head, "logistic": LogisticHead()}


@dataclass(frozen=True)
class Case:
    """A set and the head that sessions on it use."""

    name: str
    X: np.ndarray
    y: np.ndarray
    learner: str
    sessions: int


def cases(*, ridge: int, logistic: int) -> Iterator[Case]:
    """Yield sets with the heads to try."""
    found = [("digits", *load_digits(return_X_y=True))]
    if "THRESHER_DATA" in os.environ:
        with np.load(Path(os.environ["THRESHER_DATA"]) / "tabular_small.npz") as file:
            X, y = file["phoneme_X"], file["phoneme_y"]
        found.append(("phoneme", (X - X.mean(axis=0)) / X.std(axis=0), y))
        found += unseen(Path(os.environ["THRESHER_DATA"]))
    for learner, sessions in (("ridge", ridge), ("logistic", logistic)):
        for name, X, y in found:
            yield Case(name, X, y.astype(str), learner, sessions)


def unseen(root: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return sets that nothing was chosen on, up to 12,000 rows each."""
    table = pq.read_table(root / "tabular_adult.parquet").to_pandas()
    income = (table.pop("income").str.strip(" .") == ">50K").to_numpy().astype(int)
    wide = pd.get_dummies(table.drop(columns=["fnlwgt", "split"])).to_numpy(np.float32)
    wide = wide[:, wide.std(axis=0) > 0][:12_000]
    wide = (wide - wide.mean(axis=0)) / np.maximum(wide.std(axis=0), 1e-6)
    texts = pq.read_table(root / "text_classification.parquet").to_pandas()
    texts = texts[texts["dataset"] == "subj"]
    with np.load(root / "emb_cifar10_coates_pca128.npz") as file:
        images = file["emb"][:12_000].astype(np.float32)
    codes = pq.read_table(root / "cifar10_train.parquet", columns=["label"])["label"].to_numpy()
    return [
        ("adult", wide, income[:12_000]),
        ("subj", embed(texts["text"].tolist()).vectors, texts["label_name"].to_numpy(str)),
        ("cifar10", images, codes[:12_000]),
    ]


def one_session(case: Case, *, seed: int) -> dict[str, Any]:
    """Label 100 rows; return what the audit arm saw and the truth."""
    rows = np.sort(np.random.default_rng((seed, 2)).permutation(len(case.X))[:POOL])
    embeddings, y = Embeddings.from_vectors(case.X[rows]), case.y[rows]
    answer = dict(zip(embeddings.row_ids.tolist(), y.tolist(), strict=True))
    classes = np.unique(case.y).tolist()
    with (
        tempfile.TemporaryDirectory() as folder,
        Session(
            Path(folder) / "s.db",
            embeddings=embeddings,
            classes=classes,
            learner=LEARNERS[case.learner],
            audit=AUDIT,
            random_state=seed,
            background=False,
        ) as session,
    ):
        for _ in range(ROUNDS):
            batch = session.ask(BATCH)
            session.tell({row: answer[row] for row in batch.row_ids.tolist()})
        state, policy = session.state, session.policy
        labeled, codes = state.settled()
        audit = Audit.of(policy, state, labeled, codes)
        drawn = audit.judged()
        rest = np.flatnonzero(~state.labeled)
        guesses = audit.outputs(np.arange(len(labeled)), rest).argmax(axis=1)
        right = np.array(classes)[guesses] == y[rest]
        outputs = cross_fit(
            policy.learner,
            embeddings.vectors,
            rows=labeled,
            targets=codes,
            num_classes=len(classes),
            folds=5,
        )
    sample = np.random.default_rng((seed, 1)).choice(len(rest), len(drawn.loss), replace=False)
    return {
        "set": case.name,
        "learner": case.learner,
        "seed": seed,
        "correct": (1.0 - drawn.loss).tolist(),
        "expected": (1.0 - drawn.expected).round(5).tolist(),
        "expected_mean": 1.0 - drawn.expected_mean,
        "weights": drawn.weights.tolist(),
        "pool_size": drawn.pool_size,
        "truth": float(right.mean()),
        "random_labels": float(right[sample].mean()),
        "counted": float((outputs.argmax(axis=1) == codes).mean()),
    }


def sessions(case: Case, log: Path) -> list[dict[str, Any]]:
    """Run the sessions that the log does not hold yet, and return all of the case."""
    lines = log.read_text().splitlines() if log.exists() else []
    done = [
        run
        for run in map(json.loads, lines)
        if (run["set"], run["learner"]) == (case.name, case.learner) and run["seed"] >= FIRST_SEED
    ]
    with log.open("a") as file:
        wanted = range(FIRST_SEED, FIRST_SEED + case.sessions)
        for seed in sorted(set(wanted) - {run["seed"] for run in done}):
            done.append(one_session(case, seed=seed))
            file.write(json.dumps(done[-1]) + "\n")
            file.flush()
    return done


def summary(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Coverage, errors and biases over sessions."""
    found = [
        estimate_accuracy(
            np.array(run["correct"]),
            weights=np.array(run["weights"]),
            expected=np.array(run["expected"]),
            expected_mean=run["expected_mean"],
            pool_size=run["pool_size"],
            cross_fitted=True,
        )
        for run in runs
    ]
    truth = np.array([run["truth"] for run in runs])
    value, low, high = (
        np.array([getattr(estimate, name) for estimate in found])
        for name in ("value", "low", "high")
    )
    plain = np.array([run["random_labels"] for run in runs])
    counted = np.array([run["counted"] for run in runs])
    held = float(((low <= truth) & (truth <= high)).mean())
    return {
        "sessions": len(runs),
        "coverage": round(held, 4),
        "coverage_standard_error": round(float(np.sqrt(held * (1 - held) / len(runs))), 4),
        "audited_rows": round(float(np.mean([estimate.labels for estimate in found])), 1),
        "width": round(float((high - low).mean()), 4),
        "bias": round(float((value - truth).mean()), 4),
        "error": round(float(np.sqrt(((value - truth) ** 2).mean())), 4),
        "error_of_as_many_random_labels": round(float(np.sqrt(((plain - truth) ** 2).mean())), 4),
        "bias_of_counting_all_labels": round(float((counted - truth).mean()), 4),
        "true_accuracy": round(float(truth.mean()), 4),
    }


def _page(results: dict[str, dict[str, float]]) -> dict[str, Any]:
    return {
        "title": "Active learning: honest accuracy from chosen labels",
        "note": "Sessions of 100 labels from a random pool of 600 (`auto`, audit share 0.2). The "
        "truth is the model's accuracy on all rows without a label; errors are root mean squares.",
        "tables": [
            {
                "caption": "How often the 95 % interval holds the truth",
                "header": [
                    "set",
                    "sessions",
                    "true accuracy",
                    "held",
                    "interval's width",
                    "error",
                    "of as many random labels",
                    "bias",
                    "bias of counting all labels",
                ],
                "rows": [
                    [
                        name,
                        found["sessions"],
                        f"{found['true_accuracy']:.3f}",
                        f"{100 * found['coverage']:.1f} %",
                        f"{found['width']:.3f}",
                        f"{found['error']:.4f}",
                        f"{found['error_of_as_many_random_labels']:.4f}",
                        f"{found['bias']:+.4f}",
                        f"{found['bias_of_counting_all_labels']:+.4f}",
                    ]
                    for name, found in results.items()
                ],
            }
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--log", type=Path, required=True, help="sessions, one a line; resumed")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sessions", type=int, default=1000, help="of each set")
    parser.add_argument("--logistic", type=int, default=100, help="with the built-in head")
    parser.add_argument("--quick", action="store_true", help="twenty sessions of each set")
    parser.add_argument("--resummarize", action="store_true", help="run no session")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.sessions, arguments.logistic = 20, 0
    if arguments.resummarize:
        arguments.sessions = arguments.logistic = 0
    results: dict[str, dict[str, float]] = {}
    for case in cases(ridge=arguments.sessions, logistic=arguments.logistic):
        began = time.process_time()
        runs = sessions(case, arguments.log)
        if runs:
            results[f"{case.name}, {case.learner}"] = summary(runs)
            print(case.name, case.learner, results[f"{case.name}, {case.learner}"], flush=True)
            print(f"{time.process_time() - began:.1f} CPU-seconds", flush=True)
    if arguments.out:
        versions = {"python": platform.python_version(), "numpy": np.__version__}
        found = {"versions": versions, "sets": results, "page": _page(results)}
        write_json(arguments.out, found)


if __name__ == "__main__":
    main()
