"""Claim: an int8 student of chosen width is within a point of its teacher, in twice the time.

For each set and seed: a teacher by `recipe`; the usual student, as it was taken before in any
case; and ever wider ones as a run tries them (`training.recipes.sizes`, by a tenth of the training
rows as validation rows, with the 1 point that a run allows by default), at last the teacher itself.
Both are quantized by calibration, and judged on test rows that took no part. CPU-seconds are those
of teacher and students, without quantization.

Data: digits of scikit-learn; in the folder that THRESHER_DATA names trec and subj in
``text_classification.parquet`` (columns ``dataset``, ``text``, ``label_name``), phoneme in
``tabular_small.npz`` (``phoneme_X``, ``phoneme_y``; OpenML 1489), CIFAR-10 in
``cifar10_train.parquet`` (columns ``label``, ``jpeg``), of which gray 28 × 28 px are cut, and the
test images of MNIST in ``mnist_test_label_errors.npz`` (``images``, ``labels``;
https://github.com/cleanlab/label-errors).

Run: OMP_NUM_THREADS=1 python benchmarks/training_sizes.py --out sizes.json      (--quick: one seed)
Finished runs are kept in FILE.jsonl beside the result and are not done again.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from journal import measure_each
from sklearn.datasets import load_digits
from torch import nn

from augment import Augmenter, policies
from thresher.core.files import write_json
from thresher.core.images import decode_image
from thresher.core.interval import paired_drop
from training import HashTokenizer, Samples, distill, evaluate, fit, quantize, samples_from_arrays
from training.evaluation import predict_logits
from training.recipes import Recipe, recipe
from training.recipes.sizes import Told, student_plans, try_widths

MAX_DROP = 0.01
GRAY = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Source:
    """A set: its rows, how many of them train (a tenth to choose by) and test, and its crops.

    Attributes
    ----------
    seconds : float or None
        Of the recipes; fewer than usual make a narrower teacher.
    """

    load: Callable[[], tuple[np.ndarray, np.ndarray]]
    train: int
    test: int
    pad: int = 0
    flip: bool = False
    seconds: float | None = None


def folder() -> Path:
    return Path(os.environ["THRESHER_DATA"])


def digits() -> tuple[np.ndarray, np.ndarray]:
    found = load_digits()
    return (found.images * 15).astype(np.uint8), found.target


def gray(rows: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    table = pq.read_table(folder() / "cifar10_train.parquet").slice(0, rows)
    images = np.stack([decode_image(data) for data in table["jpeg"].to_pylist()])
    return np.round(images @ GRAY).astype(np.uint8)[:, 2:30, 2:30], table["label"].to_numpy()


def mnist() -> tuple[np.ndarray, np.ndarray]:
    with np.load(folder() / "mnist_test_label_errors.npz") as stored:
        return stored["images"], stored["labels"].astype(np.int64)


def phoneme() -> tuple[np.ndarray, np.ndarray]:
    with np.load(folder() / "tabular_small.npz") as stored:
        x, y = stored["phoneme_X"], stored["phoneme_y"]
    return x.astype(np.float32), np.unique(y, return_inverse=True)[1]


def texts(name: str) -> tuple[np.ndarray, np.ndarray]:
    table = pq.read_table(folder() / "text_classification.parquet")
    table = table.filter(pc.field("dataset") == name)
    codes = np.unique(table["label_name"].to_pylist(), return_inverse=True)[1]
    return HashTokenizer().encode(table["text"].to_pylist()), codes


SOURCES = {
    "digits": Source(digits, 1000, 797, pad=1),
    "phoneme": Source(phoneme, 3000, 2400),
    "subj": Source(lambda: texts("subj"), 4000, 4000),
    "trec": Source(lambda: texts("trec"), 3000, 2952),
    "gray": Source(gray, 1000, 3000, pad=3, flip=True, seconds=25),
    "gray, 4,000": Source(lambda: gray(10_000), 4000, 6000, pad=3, flip=True, seconds=40),
    "mnist": Source(mnist, 4000, 6000, pad=2, seconds=40),
}


def parts(source: Source, seed: int) -> tuple[Samples, Samples, Samples]:
    """Return training, validation and test rows."""
    inputs, codes = source.load()
    order = np.random.default_rng(seed).permutation(len(inputs))
    rows = samples_from_arrays(inputs, row_ids=np.arange(len(inputs)).astype(str), targets=codes)
    held_out = source.train // 10
    edges = [0, held_out, source.train, source.train + source.test]
    validation, train, test = (rows.take(order[a:b]) for a, b in pairwise(edges))
    return train, validation, test


def measure(name: str, seed: int) -> dict[str, Any]:
    """Train teacher and students of one set and seed."""
    source = SOURCES[name]
    train, validation, test = parts(source, seed)
    classes = int(max(rows.targets.max() for rows in (train, validation, test))) + 1
    augment = None
    if source.pad:
        policy = policies.crop_flip(pad=source.pad, flip=source.flip)
        augment = Augmenter(policy, random_state=seed).for_training()
    shape = {"num_classes": classes, "input_shape": train.input_shape}

    def planned(role: str, width: int | None) -> Recipe:
        asked = {"role": role, "width": width, "seconds": source.seconds, "device": "cpu"}
        return recipe(train.modality, n_rows=len(train), **shape, **asked)

    def build(plan: Recipe) -> nn.Module:
        return plan.build(**shape, random_state=seed)

    def told(model: nn.Module) -> Told:
        return Told.of(predict_logits(model, validation), validation.targets.numpy())

    def teach(plan: Recipe) -> Any:
        run = distill(
            build(plan),
            teacher,
            train,
            temperature=plan.temperature,
            cached_views=plan.cached_views if augment else None,
            alpha=0.9,
            augment=augment,
            random_state=seed,
            **plan.fit_options(),
        )
        spent.append(time.process_time())
        return run, told(run.model)

    spent = [time.process_time()]
    large = planned("teacher", None)
    teacher = build(large)
    fit(teacher, train, augment=augment, random_state=seed, **large.fit_options())
    plans = student_plans(lambda width: planned("student", width), teacher=large)
    tried = list(try_widths(plans, teach, teacher=told(teacher), max_drop=MAX_DROP))
    enough = tried[-1].judged <= MAX_DROP
    chosen = tried[-1].run.model if enough else teacher
    return {
        "set": name,
        "seed": seed,
        "widths": [large.width, plans[0].width, tried[-1].plan.width if enough else large.width],
        "judged": [one.to_json() for one in tried],
        "cpu_s": [round(end - spent[0], 1) for end in (spent[1], spent[-1])],
        **beside(teacher, tried[0].run.model, chosen, rows=(train, validation, test)),
    }


def beside(
    teacher: nn.Module, usual: nn.Module, chosen: nn.Module, *, rows: tuple[Samples, ...]
) -> dict[str, Any]:
    """Say what both int8 models lose to the teacher on the test rows, and how small they are."""
    train, validation, test = rows
    right = evaluate(teacher, test).pred_probs.argmax(1) == test.targets.numpy()
    found: dict[str, Any] = {"teacher": float(right.mean()), "weights": [count(teacher)]}
    for name, model in (("usual", usual), ("chosen", chosen)):
        int8 = quantize(model, train, method="ptq", validation=validation)
        now = evaluate(int8, test).pred_probs.argmax(1) == test.targets.numpy()
        found[name] = paired_drop(right, now)
        found["weights"].append(count(model))
    return found


def count(model: nn.Module) -> int:
    return sum(weights.numel() for weights in model.parameters())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SOURCES, default=list(SOURCES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true", help="one seed")
    parser.add_argument("--out", type=Path, default=Path("training_sizes.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    log = options.out.with_suffix(".jsonl")
    seeds = [0] if options.quick else options.seeds
    runs = measure_each(log, options.sets, seeds, measure)
    write_json(options.out, {"runs": runs, "page": page(runs)})


def page(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table for the documentation."""
    rows = []
    for name in sorted({run["set"] for run in runs}):
        mine = [run for run in runs if run["set"] == name]
        lost = {kind: [100 * run[kind][0] for run in mine] for kind in ("usual", "chosen")}
        weights = np.array([run["weights"] for run in mine], float)
        ratio = [run["cpu_s"][1] / run["cpu_s"][0] for run in mine]
        widths = [" / ".join(str(run["widths"][place]) for run in mine) for place in (1, 2)]
        rows.append(
            [
                name,
                len(mine),
                f"{100 * np.mean([run['teacher'] for run in mine]):.1f} %",
                " / ".join(str(run["widths"][0]) for run in mine),
                *(
                    cell
                    for kind, width in zip(lost, widths, strict=True)
                    for cell in (width, f"{np.mean(lost[kind]):.2f}", spread(lost[kind]))
                ),
                *(f"{4 * np.mean(weights[:, 0] / weights[:, place]):.0f}" for place in (1, 2)),
                f"{np.mean(ratio):.2f}",
            ]
        )
    close = [sum(float(row[at]) <= 1 for row in rows) for at in (5, 8)]
    header = ["set", "seeds", "teacher", "its width", "usual width", "int8 loses", "seeds"]
    header += ["chosen width", "int8 loses", "seeds", "usual: times smaller", "chosen", "time"]
    return {
        "title": "The width of a student, chosen by what it loses",
        "note": (
            "Points of accuracy that the int8 student loses to its float teacher on test rows: "
            f"the usual width is within 1 point on {close[0]} of {len(rows)} sets (means of "
            f"seeds), the chosen one on {close[1]}. Chosen on a tenth of the training rows. Times "
            "smaller: "
            "weights of one byte against the teacher's of four; of texts both count the table of "
            "tokens. Time: CPU of teacher and all students against teacher and the usual student."
        ),
        "tables": [{"caption": "", "header": header, "rows": rows}],
    }


def spread(values: list[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}"


if __name__ == "__main__":
    main()
