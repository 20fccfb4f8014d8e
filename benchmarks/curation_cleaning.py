"""Claim: cleaning wrong labels as `decide` does makes a better model than leaving them in.

CIFAR-10N holds labels that people gave CIFAR-10's pictures: 9 % of ``aggre`` and 17 % of
``random1`` are wrong. The same network is trained on them as they are, without the rows that
cleanlab's `find_label_issues` flags (its defaults), with ours (the flagged rows dropped, relabeled
or every row weighted by the probability that its label is right), without the rows that truly are
wrong, and with the true labels. Both sides get the same out-of-sample probabilities where they get
any. Figures are means over seeds of the accuracy on CIFAR-10's 10,000 test rows.

Data: the folder in THRESHER_DATA holds ``cifar10_train.parquet`` and ``cifar10_test.parquet``
(columns ``label``, ``jpeg``), ``cifar10n_labels_first25k.parquet`` (columns ``clean``, ``aggre``,
``random1``; https://github.com/UCSC-REAL/cifar-10-100n) and
``cifar10n_oof_pred_probs_first25k.npz`` (out-of-fold probabilities of two large networks on
``aggre``; https://github.com/cleanlab/label-error-detection-benchmarks).

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/curation_cleaning.py --out cleaning.json
Needs ``pip install cleanlab``. Finished runs are kept in ``cleaning.jsonl`` beside the result; a
run that was stopped goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from cleanlab.filter import find_label_issues as cleanlab_issues

from augment import Augmenter, policies
from curation import decide, find_label_issues
from curation.labels.logistic import out_of_fold_probs
from curation.labels.result import LabelIssues
from thresher.core import embed, get_encoder
from thresher.core.files import write_json
from thresher.core.images import decode_image
from training import Samples, compact_model, evaluate, fit, samples_from_arrays

ARMS = (
    "no cleaning",
    "cleanlab, pruned",
    "ours, dropped",
    "ours, relabeled",
    "ours, weighted",
    "wrong rows dropped",
    "true labels",
)
CONTROLS = ("no cleaning", "wrong rows dropped", "true labels")
NET_ROWS = 5_000
FOLDS = 3


@dataclass(frozen=True)
class Pictures:
    """Pictures, their embeddings and true labels; training rows first 25,000 of CIFAR-10."""

    images: np.ndarray
    vectors: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class Setting:
    """One network, one set of labels, one kind of evidence."""

    network: str
    labels: str
    evidence: str


SETTINGS = (
    Setting("head", "aggre", "embeddings"),
    Setting("head", "random1", "embeddings"),
    Setting("head", "aggre", "large networks"),
    Setting("resnet8", "random1", "own folds"),
    Setting("resnet8", "aggre", "large networks"),
)


def read(root: Path) -> tuple[Pictures, Pictures]:
    """Read the training and the test pictures."""
    encoder, parts = get_encoder("builtin:image", modality="image"), []
    for split, rows in (("train", 25_000), ("test", 10_000)):
        table = pq.read_table(root / f"cifar10_{split}.parquet").slice(0, rows)
        images = np.stack([decode_image(data) for data in table["jpeg"].to_pylist()])
        vectors = embed(images, encoder=encoder).vectors
        parts.append(Pictures(images, vectors, table["label"].to_numpy().astype(np.int64)))
    return parts[0], parts[1]


def samples(
    network: str, part: Pictures, rows: np.ndarray, labels: np.ndarray, weights: np.ndarray | None
) -> Samples:
    return samples_from_arrays(
        part.vectors[rows] if network == "head" else part.images[rows],
        row_ids=rows.astype(str),
        targets=labels[rows],
        weights=None if weights is None else weights[rows],
    )


def train(network: str, rows: Samples, seed: int) -> Any:
    """Train one network: a perceptron on frozen embeddings, or ResNet-8 on pixels."""
    name, width = ("mlp", 256) if network == "head" else ("resnet8", 16)
    model = compact_model(
        name, num_classes=10, input_shape=rows.input_shape, width=width, random_state=seed
    )
    if network == "head":
        options: dict[str, Any] = {"epochs": 10, "batch_size": 256, "optimizer": "adamw"}
        options |= {"lr": 3e-3, "weight_decay": 0.02}
    else:
        augment = Augmenter(policies.crop_flip(pad=4), random_state=seed).for_training()
        options = {"epochs": 10, "batch_size": 128, "lr": 0.2, "weight_decay": 2e-4, "ema": 0.97}
        options["augment"] = augment
    fit(model, rows, random_state=seed, **options)
    return model


def own_folds(part: Pictures, labels: np.ndarray, count: int) -> np.ndarray:
    """Return out-of-fold probabilities of the network itself, float32 (count, 10)."""
    fold = np.random.default_rng(0).permutation(count) % FOLDS
    probs = np.empty((count, 10), np.float32)
    for number in range(FOLDS):
        rest, held_out = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        model = train("resnet8", samples("resnet8", part, rest, labels, None), seed=100 + number)
        judged = evaluate(model, samples("resnet8", part, held_out, labels, None))
        probs[held_out] = judged.pred_probs
    return probs


@dataclass(frozen=True)
class Judged:
    """What both sides say of the labels of one setting."""

    labels: np.ndarray
    wrong: np.ndarray
    ours: LabelIssues
    theirs: np.ndarray
    cpu_s: float

    def quality(self) -> dict[str, Any]:
        """Precision and recall of both sides' flags."""
        found = {}
        for name, flagged in (("ours", self.ours.flagged), ("cleanlab", self.theirs)):
            hits = float((flagged & self.wrong).sum())
            found[name] = {
                "flagged": int(flagged.sum()),
                "precision": round(hits / max(1, int(flagged.sum())), 3),
                "recall": round(hits / int(self.wrong.sum()), 3),
            }
        return found


def judge(setting: Setting, part: Pictures, root: Path) -> Judged:
    """Find wrong labels with both sides."""
    count = len(part.truth) if setting.network == "head" else NET_ROWS
    table = pq.read_table(root / "cifar10n_labels_first25k.parquet")
    labels = table[setting.labels].to_numpy()[:count].astype(np.int64)
    start = time.process_time()
    if setting.evidence == "embeddings":
        vectors = part.vectors[:count]
        ours = find_label_issues(labels, embeddings=vectors)
        probs = out_of_fold_probs(vectors, labels, 10, random_state=0)
    else:
        if setting.evidence == "own folds":
            probs = own_folds(part, labels, count)
        else:
            with np.load(root / "cifar10n_oof_pred_probs_first25k.npz") as file:
                probs = np.mean([file[name][:count] for name in file.files], axis=0, dtype=float)
            probs = (probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)
        ours = find_label_issues(labels, pred_probs=probs)
    spent = time.process_time() - start
    return Judged(labels, labels != part.truth[:count], ours, cleanlab_issues(labels, probs), spent)


def arm_samples(arm: str, setting: Setting, judged: Judged, part: Pictures) -> Samples:
    """Return the rows and labels that one arm trains on."""
    rows, labels, weights = np.arange(len(judged.labels)), judged.labels, None
    if arm == "cleanlab, pruned":
        rows = np.flatnonzero(~judged.theirs)
    elif arm in ("ours, dropped", "ours, relabeled"):
        rows, labels = decided(judged, "drop" if arm.endswith("dropped") else "relabel")
    elif arm == "ours, weighted":
        weights = judged.ours.scores.astype(np.float32)
    elif arm == "wrong rows dropped":
        rows = np.flatnonzero(~judged.wrong)
    elif arm == "true labels":
        labels = part.truth[: len(judged.labels)]
    return samples(setting.network, part, rows, labels, weights)


def decided(judged: Judged, action: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that `decide` keeps, and all labels as it leaves them."""
    manifest = decide(
        judged.ours.to_issues(),
        row_ids=judged.ours.row_ids,
        labels=judged.labels.astype(str),
        policy={"label": action},
    )
    labels = judged.labels.copy()
    new = manifest.table["new_label"].to_pylist()
    for row in np.flatnonzero(manifest.actions == "relabel"):
        labels[row] = int(new[row])
    return np.flatnonzero(manifest.actions != "drop"), labels


def measure(
    setting: Setting,
    judged: Judged,
    train_part: Pictures,
    test: Samples,
    *,
    runs: Runs,
    arms: list[str],
    seed: int,
) -> None:
    """Do the runs of one setting and seed that are not done yet."""
    for arm in arms:
        key = runs.key(setting, arm, seed)
        if key in runs.done:
            continue
        rows = arm_samples(arm, setting, judged, train_part)
        start = time.process_time()
        accuracy = evaluate(train(setting.network, rows, seed), test).accuracy
        figures: dict[str, Any] = {
            "rows": len(rows),
            "accuracy": accuracy,
            "train_cpu_s": round(time.process_time() - start, 2),
        }
        if arm not in CONTROLS:
            figures |= {"judge_cpu_s": round(judged.cpu_s, 2), "quality": judged.quality()}
        runs.add(key, figures)


class Runs:
    """Finished runs, one JSON line each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.done: dict[str, dict[str, Any]] = dict(json.loads(line) for line in lines)

    @staticmethod
    def key(setting: Setting, arm: str, seed: int) -> str:
        """Name a run; the controls are the same whatever the evidence."""
        evidence = "-" if arm in CONTROLS else setting.evidence
        return "|".join((setting.network, setting.labels, evidence, arm, str(seed)))

    def add(self, key: str, figures: dict[str, Any]) -> None:
        """Keep a finished run."""
        self.done[key] = figures
        print(key, figures, flush=True)
        with self.path.open("a") as file:
            file.write(json.dumps([key, figures]) + "\n")


def summary(runs: Runs) -> list[dict[str, Any]]:
    """Return mean and spread of every arm that has a run."""
    rows = []
    for setting in SETTINGS:
        for arm in ARMS:
            keys = [runs.key(setting, arm, seed) for seed in range(len(runs.done))]
            found = [runs.done[key] for key in keys if key in runs.done]
            if not found:
                continue
            accuracies = [run["accuracy"] for run in found]
            rows.append(
                {
                    **vars(setting),
                    "arm": arm,
                    "seeds": len(found),
                    "rows": found[0]["rows"],
                    "accuracy": round(float(np.mean(accuracies)), 4),
                    "spread": [round(min(accuracies), 4), round(max(accuracies), 4)],
                    "train_cpu_s": round(float(np.median([r["train_cpu_s"] for r in found])), 1),
                    "judge_cpu_s": found[0].get("judge_cpu_s"),
                    "quality": found[0].get("quality"),
                }
            )
    return rows


def page(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the tables for readers."""
    settings = [s for s in SETTINGS if any(_of(row, s) for row in rows)]
    body = []
    for arm in ARMS:
        cells = []
        for setting in settings:
            found = [row for row in rows if _of(row, setting) and row["arm"] == arm]
            low, high = found[0]["spread"] if found else (0, 0)
            cells.append(f"{found[0]['accuracy']:.2%} ({low:.1%}–{high:.1%})" if found else "")
        body.append([arm, *cells])
    flags = []
    for setting in settings:
        found = [row["quality"] for row in rows if _of(row, setting) and row["quality"]]
        for side, figures in found[0].items() if found else ():
            flags.append([_title(setting), side, *figures.values()])
    fewest = min(row["seeds"] for row in rows)
    on_pixels = any(setting.network == "resnet8" for setting in settings)
    pixels = f"resnet8: width 16, the first {NET_ROWS:,} rows, 10 passes. " if on_pixels else ""
    return {
        "title": "Training on cleaned labels",
        "note": f"CIFAR-10N, test accuracy on clean labels, mean and spread over {fewest} or more "
        "seeds. Head: a perceptron on the built-in image embeddings, 25,000 rows, 10 passes. "
        f"{pixels}aggre: 9 % of the labels are wrong; random1: 17 %. cleanlab "
        f"{version('cleanlab')} with its defaults. Large networks: both sides get the same "
        "out-of-fold probabilities. Embeddings: cleanlab gets those of a logistic regression on "
        "them, ours judges by its probes.",
        "tables": [
            {
                "caption": "Test accuracy",
                "header": ["training rows", *(_title(setting) for setting in settings)],
                "rows": body,
            },
            {
                "caption": "What was flagged",
                "header": ["setting", "by", "flagged", "precision", "recall"],
                "rows": flags,
            },
        ],
    }


def _of(row: dict[str, Any], setting: Setting) -> bool:
    return all(row[name] == value for name, value in vars(setting).items())


def _title(setting: Setting) -> str:
    return f"{setting.network}, {setting.labels}, {setting.evidence}"


def report(runs: Runs) -> dict[str, Any]:
    """Return what is written: tables for readers, all figures, and what they were made with."""
    found = summary(runs)
    return {
        "claim": __doc__.partition("\n")[0],
        "page": page(found),
        "results": found,
        "versions": {name: version(name) for name in ("numpy", "torch", "cleanlab")},
        "python": platform.python_version(),
        "cpu": platform.processor() or platform.machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("curation_cleaning.json"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--networks", nargs="+", default=["head", "resnet8"])
    parser.add_argument("--arms", nargs="+", default=list(ARMS))
    parser.add_argument("--labels", nargs="+", default=["aggre", "random1"])
    parser.add_argument("--quick", action="store_true", help="the head on aggre, one seed")
    options = parser.parse_args()
    root = Path(os.environ["THRESHER_DATA"])
    runs = Runs(options.out.with_suffix(".jsonl"))
    train_part, test_part = read(root)
    settings = [s for s in SETTINGS if s.network in options.networks and s.labels in options.labels]
    if options.quick:
        settings, options.seeds = [SETTINGS[0]], 1
    rows = np.arange(len(test_part.truth))
    judged: dict[Setting, Judged] = {}
    for seed in range(options.seeds):
        for setting in settings:
            if all(runs.key(setting, arm, seed) in runs.done for arm in options.arms):
                continue
            if setting not in judged:
                judged[setting] = judge(setting, train_part, root)
            test = samples(setting.network, test_part, rows, test_part.truth, None)
            measure(
                setting,
                judged[setting],
                train_part,
                test,
                runs=runs,
                arms=options.arms,
                seed=seed,
            )
    write_json(options.out, report(runs))


if __name__ == "__main__":
    main()
