"""Claim: trying short schedules first finds out how long to train, at no loss, mostly for less.

The four sets of `headline.py` and four others, each with wrong labels and with right ones, three
seeds: accuracy on rightly labeled test rows and FLOPs of the teacher at its full length, and where
`training.recipes.durations` chooses by a tenth of the training rows, which have wrong labels too.
Of `headline.py`'s sets the rows without copies and leaks, and its lengths; of the others the
recipe's. Where labels are wrong, the length is chosen a second time by the held-out rows that are
not flagged as label errors.

Data: as in `headline.py` and `training_sizes.py`, in the folder that THRESHER_DATA names.

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/training_lengths.py --work FOLDER \
         --out training_lengths.json
Finished trainings are files in FOLDER and are not done again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from headline_parts.bench import Bench
from headline_parts.planting import wrong_labels
from headline_parts.sets import SETS
from pipeline_label_trial import vectors
from torch import nn
from training_sizes import SOURCES, parts

from augment import Augmenter, policies
from curation import find_label_issues
from thresher.core.files import atomic_path, write_json
from training import Samples, TrainingRun, fit
from training.evaluation import predict_logits
from training.recipes import Recipe, recipe
from training.recipes.durations import Tried, compared, following, lengths_of, taken
from training.recipes.sizes import Told

OTHERS = ("trec", "subj", "phoneme", "digits")
WRONG, RIGHT = "wrong", "right"
SHARE = 0.15


class Case:
    """Rows of one set and seed, and how its teacher is trained for so many epochs."""

    train: Samples
    validation: Samples
    test: Samples
    unflagged: np.ndarray
    epochs: int
    seed: int
    augment: Any = None

    def __init__(self, name: str, labels: str, seed: int, folder: Path) -> None:
        self.seed = seed
        if name in SETS:
            self._headline(name, labels, folder)
        else:
            self._other(name, labels)

    def _headline(self, name: str, labels: str, folder: Path) -> None:
        make, rows = SETS[name]
        task = make(self.seed, rows)
        place = folder / name / str(self.seed)
        place.mkdir(parents=True, exist_ok=True)
        bench = Bench(task, place, self.seed)
        if task.vectors_only:
            bench.vectors  # noqa: B018 - puts the inputs in place
        own = np.flatnonzero(task.planted.kind == "own")
        order = np.random.default_rng((self.seed, 9)).permutation(own)
        held, kept = np.sort(order[: len(own) // 10]), np.sort(order[len(own) // 10 :])
        codes = task.codes if labels == WRONG else task.true_codes
        self.train, self.validation = (task.samples(at, codes=codes) for at in (kept, held))
        self.test, self.epochs, self.augment = task.test, task.epochs, bench.augment()
        self.plan, self.build = (lambda n: bench.plan(len(kept), epochs=n)), bench.build
        self.unflagged = np.ones(len(held), bool)
        if labels == WRONG:
            found = find_label_issues(codes[own], embeddings=vectors(task, own)[0])
            self.unflagged = ~np.isin(held, own[found.flagged])

    def _other(self, name: str, labels: str) -> None:
        source, seed = SOURCES[name], self.seed
        self.train, self.validation, self.test = parts(source, seed)
        classes = 1 + int(max(part.targets.max() for part in (self.train, self.test)))
        if labels == WRONG:
            rng = np.random.default_rng((seed, 77))
            self.train, self.validation = (
                with_wrong(part, classes, rng) for part in (self.train, self.validation)
            )
        self.unflagged = np.ones(len(self.validation), bool)
        if source.pad:
            policy = policies.crop_flip(pad=source.pad, flip=source.flip)
            self.augment = Augmenter(policy, random_state=seed).for_training()
        shape = {"num_classes": classes, "input_shape": self.train.input_shape}

        def plan(epochs: int | None) -> Recipe:
            asked = {"role": "teacher", "epochs": epochs, "device": "cpu"}
            return recipe(self.train.modality, n_rows=len(self.train), **shape, **asked)

        self.plan = plan
        self.build = lambda chosen: chosen.build(**shape, random_state=seed)
        self.epochs = int(plan(None).options["epochs"])

    plan: Callable[[int | None], Recipe]
    build: Callable[[Recipe], nn.Module]

    def train_for(self, epochs: int) -> TrainingRun:
        """Train the teacher by one schedule."""
        plan = self.plan(epochs)
        return fit(
            self.build(plan),
            self.train,
            augment=self.augment,
            random_state=self.seed,
            device="cpu",
            **plan.fit_options(),
        )


def with_wrong(rows: Samples, classes: int, rng: np.random.Generator) -> Samples:
    codes = wrong_labels(rows.targets.numpy(), share=SHARE, classes=classes, rng=rng)
    return replace(rows, targets=torch.from_numpy(codes))


def train_all(case: Case) -> dict[str, Any]:
    """Train for every length and half of the full one, and keep what each model says."""
    lengths = lengths_of(case.epochs)
    found: dict[str, Any] = {
        "lengths": lengths,
        "validation": case.validation.targets.numpy(),
        "test": case.test.targets.numpy(),
        "unflagged": case.unflagged,
    }
    for epochs in sorted({*lengths, round(case.epochs / 2)}):
        run = case.train_for(epochs)
        found[f"{epochs} validation"] = predict_logits(run.model, case.validation)
        found[f"{epochs} test"] = predict_logits(run.model, case.test)
        found[f"{epochs} flops"] = run.flops
    return found


def choose(stored: Any, held: np.ndarray) -> dict[str, Any]:
    """Walk through the lengths as a run does, by some of the held-out rows."""
    lengths = stored["lengths"].tolist()
    tried: list[Tried] = []
    nothing: Any = None
    epochs: int | None = lengths[0]
    while epochs is not None:
        told = Told.of(stored[f"{epochs} validation"][held], stored["validation"][held])
        tried.append(compared(epochs, nothing, told, before=tried))
        epochs = following(lengths, tried[-1])
    flops = sum(float(stored[f"{one.epochs} flops"]) for one in tried)
    best = taken(tried).epochs
    return {
        "epochs": best,
        "accuracy": accuracy(stored, best),
        "flops": flops / float(stored[f"{lengths[-1]} flops"]),
        "tried": [one.to_json() for one in tried],
    }


def accuracy(stored: Any, epochs: int) -> float:
    return float((stored[f"{epochs} test"].argmax(1) == stored["test"]).mean())


def measure(name: str, labels: str, seed: int, work: Path) -> dict[str, Any]:
    """Train what is missing, and choose."""
    file = work / f"{name}-{labels}-{seed}.npz"
    if not file.exists():
        found = train_all(Case(name, labels, seed, work))
        with atomic_path(file) as temporary, open(temporary, "wb") as opened:
            np.savez(opened, **found)
    stored = np.load(file)
    every = np.ones(len(stored["validation"]), bool)
    lengths = stored["lengths"].tolist()
    return {
        "set": name,
        "labels": labels,
        "seed": seed,
        "held_out": len(every),
        "flagged": int((~stored["unflagged"]).sum()),
        "usual": accuracy(stored, lengths[-1]),
        "lengths": {str(n): accuracy(stored, n) for n in (*lengths, round(lengths[-1] / 2))},
        "chosen": choose(stored, every),
        "by_unflagged": choose(stored, stored["unflagged"]),
    }


def page(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table for the documentation."""
    rows = []
    for labels in (WRONG, RIGHT):
        for name in dict.fromkeys(run["set"] for run in runs):
            mine = [run for run in runs if (run["set"], run["labels"]) == (name, labels)]
            if not mine:
                continue
            gains = {
                way: [100 * (run[way]["accuracy"] - run["usual"]) for run in mine]
                for way in ("chosen", "by_unflagged")
            }
            best = [100 * (max(run["lengths"].values()) - run["usual"]) for run in mine]
            most = max(map(int, mine[0]["lengths"]))
            rows.append(
                [
                    name,
                    labels,
                    len(mine),
                    f"{100 * np.mean([run['usual'] for run in mine]):.1f} %",
                    shown(gains["chosen"]),
                    f"{np.mean([run['chosen']['flops'] for run in mine]):.2f}",
                    f"{' / '.join(str(run['chosen']['epochs']) for run in mine)} of {most}",
                    f"{np.mean(best):+.1f}",
                    shown(gains["by_unflagged"]) if any(run["flagged"] for run in mine) else "–",
                ]
            )
    header = ["set", "labels", "seeds", "full length", "chosen, points", "FLOPs", "epochs taken"]
    header += ["best of all lengths", "chosen by unflagged rows"]
    return {
        "title": "How long to train",
        "note": "Accuracy of the teacher on rightly labeled test rows, and by how many points the "
        "length that a tenth of the training rows choose, under their labels as they are, is ahead "
        "of the full length (lowest to highest of the seeds). FLOPs of all that was tried, as a "
        "share of the full length's. Best of all lengths: a 16th, an 8th, a quarter, half and all, "
        "known from the test rows. Unflagged: held-out rows that are no label errors to the check.",
        "tables": [{"caption": "", "header": header, "rows": rows}],
    }


def shown(gains: list[float]) -> str:
    return f"{np.mean(gains):+.1f} ({min(gains):+.1f} to {max(gains):+.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*SETS, *OTHERS]
    parser.add_argument("--sets", nargs="+", choices=names, default=names)
    parser.add_argument("--labels", nargs="+", choices=(WRONG, RIGHT), default=[WRONG, RIGHT])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--work", type=Path, help="keep trainings here, and go on from them")
    parser.add_argument("--out", type=Path, default=Path("training_lengths.json"))
    options = parser.parse_args()
    if "THRESHER_DATA" not in os.environ:
        sys.exit("Set THRESHER_DATA to the folder that headline.py's first lines describe.")
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    runs = []
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        for seed in options.seeds:
            for name in options.sets:
                for labels in options.labels:
                    runs.append(measure(name, labels, seed, work))
                    told = ("usual", "lengths", "chosen")
                    print(name, labels, seed, {key: runs[-1][key] for key in told}, flush=True)
    write_json(options.out, {"runs": runs, "page": page(runs)})


if __name__ == "__main__":
    main()
