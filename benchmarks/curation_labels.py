"""Claim: the automatic flag of wrong labels has a higher F1 than cleanlab's, human or made noise.

Each row gives, of the same noisy labels: average precision of the ranking, F1 of the flag, its
precision and recall, error of the estimated noise rate, and CPU-seconds. Ours also with 50 and 100
audited rows, answered with the truth. The peer gets the same probabilities, of given models or of
the four-fold logistic regression here (whose time counts for it), and from embeddings also its own
features-only check (Datalab); a check that fails is reported with its error.

Data: the folder in THRESHER_DATA holds ``cifar10n_labels_first25k.parquet`` (columns ``clean``,
``aggre``; http://noisylabels.com) and ``cifar10n_oof_pred_probs_first25k.npz`` (probabilities, n ×
10; https://github.com/cleanlab/label-error-detection-benchmarks), ``emb_minilm_banking77.npz``
(arrays ``id`` and ``emb``) and ``text_classification.parquet`` (columns ``dataset``, ``id``,
``label_name``; rows of banking77, https://github.com/PolyAI-LDN/task-specific-datasets).
Peer: pip install 'cleanlab>=2.9'

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/curation_labels.py --out labels.json
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from curation.labels import LabelIssues, find_label_issues
from curation.labels.logistic import out_of_fold_probs
from thresher.core.embeddings import unit_length
from thresher.core.files import write_json

AUDITS = (50, 100)


def figures(
    scores: np.ndarray, flagged: np.ndarray, rate: float | None, wrong: np.ndarray
) -> dict[str, float | None]:
    """Compare scores (low = bad), flags and the noise rate with the truth."""
    hits = int((flagged & wrong).sum())
    return {
        "AP": round(float(average_precision_score(wrong, -scores)), 4),
        "F1": round(2 * hits / max(1, int(flagged.sum() + wrong.sum())), 4),
        "precision": round(hits / max(1, int(flagged.sum())), 4),
        "recall": round(hits / max(1, int(wrong.sum())), 4),
        "rate_error": None if rate is None else round(abs(rate - float(wrong.mean())), 4),
    }


def ours(found: LabelIssues, wrong: np.ndarray, seconds: float) -> dict[str, Any]:
    """Our figures, without an audit and with each size of it."""
    rows = {"thresher": found}
    for n in AUDITS:
        audited = found.audit(n)
        at = np.flatnonzero(np.isin(found.row_ids, audited))
        rows[f"thresher, {n} audited"] = found.calibrate(found.row_ids[at], wrong[at])
    return {
        name: {
            **figures(issues.scores, issues.flagged, issues.noise_rate.estimate, wrong),
            "cpu_seconds": round(seconds, 2),
        }
        for name, issues in rows.items()
    }


def cleanlab_on_probs(
    labels: np.ndarray, probs: np.ndarray, wrong: np.ndarray, before: float
) -> dict[str, Any]:
    """Measure the default filter and score of cleanlab on given probabilities."""
    from cleanlab.count import num_label_issues
    from cleanlab.filter import find_label_issues as find
    from cleanlab.rank import get_label_quality_scores

    probs = probs.astype(np.float64)
    probs /= probs.sum(axis=1, keepdims=True)
    start = time.process_time()
    flagged = find(labels, probs, n_jobs=1)
    seconds = time.process_time() - start + before
    scores = get_label_quality_scores(labels, probs)
    rate = num_label_issues(labels, probs) / len(labels)
    return {**figures(scores, flagged, rate, wrong), "cpu_seconds": round(seconds, 2)}


def cleanlab_on_features(labels: np.ndarray, X: np.ndarray, wrong: np.ndarray) -> dict[str, Any]:
    """Measure the label check of cleanlab from features alone."""
    start, said = time.process_time(), io.StringIO()
    try:
        from cleanlab import Datalab

        with contextlib.redirect_stdout(said):
            lab = Datalab({"label": labels}, label_name="label", verbosity=0)
            lab.find_issues(features=X, issue_types={"label": {}})
            table = lab.get_issues("label")
    except (ImportError, ValueError, KeyError) as error:
        return {"failed": f"{type(error).__name__}: {str(error)[:200]} {said.getvalue()[-200:]}"}
    seconds = time.process_time() - start
    flagged = table["is_label_issue"].to_numpy()
    scores = table["label_score"].to_numpy()
    return {
        **figures(scores, flagged, float(flagged.mean()), wrong),
        "cpu_seconds": round(seconds, 2),
    }


def from_probs(
    labels: np.ndarray, models: list[np.ndarray], truth: np.ndarray, *, peer: bool
) -> dict[str, Any]:
    """Human labels judged by out-of-sample probabilities."""
    start = time.process_time()
    found = find_label_issues(labels, pred_probs=models)
    wrong = labels != truth
    result = ours(found, wrong, time.process_time() - start)
    if peer:
        result["cleanlab"] = cleanlab_on_probs(labels, np.mean(models, axis=0), wrong, 0.0)
    return result


def from_embeddings(
    labels: np.ndarray, X: np.ndarray, truth: np.ndarray, *, peer: bool
) -> dict[str, Any]:
    """Noisy labels judged by embeddings."""
    wrong = labels != truth
    start = time.process_time()
    found = find_label_issues(labels, embeddings=X)
    result = ours(found, wrong, time.process_time() - start)
    for method in ("loo_ridge", "knn"):
        start = time.process_time()
        single = find_label_issues(labels, embeddings=X, method=method)
        result[method] = ours(single, wrong, time.process_time() - start)["thresher"]
    if peer:
        start = time.process_time()
        probs = out_of_fold_probs(X, labels, int(truth.max()) + 1)
        spent = time.process_time() - start
        result["cleanlab on logistic"] = cleanlab_on_probs(labels, probs, wrong, spent)
        result["cleanlab on features"] = cleanlab_on_features(labels, X, wrong)
    return result


def add_noise(truth: np.ndarray, X: np.ndarray, rate: float, kind: str, seed: int) -> np.ndarray:
    """Swap labels for any other class, or for one of the three most similar classes."""
    rng = np.random.default_rng(seed)
    num_classes = int(truth.max()) + 1
    swapped = (truth + rng.integers(1, num_classes, len(truth))) % num_classes
    if kind == "confusable":
        means = unit_length(np.stack([X[truth == k].mean(axis=0) for k in range(num_classes)]))
        similarity = means @ means.T
        np.fill_diagonal(similarity, -2)
        near = np.argsort(-similarity, axis=1)[:, :3]
        swapped = near[truth, rng.integers(0, 3, len(truth))]
    return np.where(rng.random(len(truth)) < rate, swapped, truth)


def read_banking77(root: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(root / "emb_minilm_banking77.npz") as file:
        ids, X = file["id"], unit_length(file["emb"])
    table = pq.read_table(root / "text_classification.parquet").to_pandas()
    table = table[table["dataset"] == "banking77"].set_index("id").loc[ids]
    return X, np.unique(table["label_name"], return_inverse=True)[1]


def run(root: Path, *, seeds: int, rates: tuple[float, ...], peer: bool) -> dict[str, Any]:
    table = pq.read_table(root / "cifar10n_labels_first25k.parquet")
    labels, truth = (np.asarray(table[name]) for name in ("aggre", "clean"))
    with np.load(root / "cifar10n_oof_pred_probs_first25k.npz") as file:
        models = {name: file[name].astype(np.float32) for name in file.files}
    result: dict[str, Any] = {
        f"cifar10n {name}": [from_probs(labels, [probs], truth, peer=peer)]
        for name, probs in models.items()
    }
    result["cifar10n, both models"] = [from_probs(labels, [*models.values()], truth, peer=peer)]
    digits, digit = load_digits(return_X_y=True)
    sets = {
        "banking77 MiniLM": read_banking77(root),
        "digits pixels": (unit_length(digits), digit),
    }
    for name, (X, codes) in sets.items():
        for rate in rates:
            for kind in ("uniform", "confusable"):
                result[f"{name}, {rate:.0%} {kind}"] = [
                    from_embeddings(add_noise(codes, X, rate, kind, seed), X, codes, peer=peer)
                    for seed in range(seeds)
                ]
    return result


def summarise(runs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Median of each figure over the seeds, with the least and the greatest F1."""
    summary: dict[str, dict[str, Any]] = {}
    for method in runs[0]:
        kept = [one[method] for one in runs if "failed" not in one[method]]
        if not kept:
            summary[method] = runs[0][method]
            continue
        names = [name for name in kept[0] if kept[0][name] is not None]
        summary[method] = {
            name: round(float(np.median([one[name] for one in kept])), 4) for name in names
        }
        every = [one["F1"] for one in kept]
        summary[method] |= {"F1_range": [min(every), max(every)], "runs": len(kept)}
    return summary


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    parser.add_argument("--quick", action="store_true", help="one seed and one rate")
    arguments = parser.parse_args()
    peer = installed("cleanlab") is not None
    if not peer:
        print("cleanlab is not installed: only our figures")
    warnings.simplefilter("ignore")
    found = run(
        Path(os.environ["THRESHER_DATA"]),
        seeds=1 if arguments.quick else 3,
        rates=(0.05,) if arguments.quick else (0.05, 0.15),
        peer=peer,
    )
    summary = {name: summarise(runs) for name, runs in found.items()}
    for name, methods in summary.items():
        for method, row in methods.items():
            print(f"{name:32} {method:24} {row}")
    if arguments.out:
        packages = ("numpy", "scikit-learn", "scipy", "cleanlab")
        result = {
            "claim": __doc__.partition("\n")[0],
            "results": summary,
            "versions": {name: installed(name) for name in packages},
            "python": platform.python_version(),
            "cpu": platform.processor() or platform.machine(),
        }
        write_json(arguments.out, result)


if __name__ == "__main__":
    main()
