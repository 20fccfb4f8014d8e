"""Claim: a policy chosen from the training rows beats every fixed policy on average.

`choose_policy` sees the training rows only, in paired pilot runs, at most eight of each candidate,
and mixes candidates that these cannot tell apart.
A small network is then trained on all of them with the chosen policy and with every fixed one, in
paired seeds (each with its own draw of rows), and tested on unseen rows. Regret: accuracy of the
fixed policy that is best for this set and size in hindsight, less that of the chosen one, both as
means over the seeds. Training without augmentation is done twice, the second time from another
start, to show by how much the classes move of themselves.

Data: see `augment_learner` (digits, MNIST, CIFAR-10).
Run: OMP_NUM_THREADS=1 python benchmarks/augment_choice.py --out choice.json [--quick] [--runs FILE]
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from augment_learner import SETS, FinishedRuns, Pictures, available, cut, train, with_policy
from scipy.stats import t as student

from augment import Policy, choose_policy, policies
from thresher.core.files import write_json

# Runs of a candidate at most, by rows a class: few rows need more of them, which are cheap.
ROUNDS = {10: 8, 50: 8, 100: 8, 500: 4}
TEST_ROWS = 5000
# Seeds from here on: what the choice does was settled on others, and on other rows of CIFAR-10.
FIRST_SEED = 30
# Added to the seed of a training from another start.
ANOTHER_START = 1000
SIDES = {"digits": 8, "mnist": 14, "cifar10": 16}
# More rows of a class leave too few to test on.
MOST_ROWS = {"digits": 100}
PASSES = {10: 30, 50: 12, 100: 8, 500: 4}


def fixed(name: str) -> dict[str, Policy]:
    """Return the policies of the field, sized to the pictures as their papers are to 32 pixels."""
    pad, cutout = max(1, SIDES[name] // 8), max(2, SIDES[name] // 4)
    return {
        "none": policies.none(),
        "crop_flip": policies.crop_flip(pad=pad),
        "standard": policies.standard(pad=pad, cutout=cutout),
        "random_erasing": policies.random_erasing(pad=pad),
        "trivial_augment": policies.trivial_augment(pad=pad, flip=True, cutout=cutout),
        "rand_augment": policies.rand_augment(pad=pad, flip=True),
        "three_augment": policies.three_augment(pad=pad),
        "aug_mix": policies.aug_mix(pad=pad, flip=True),
    }


@lru_cache(maxsize=1)
def _data(name: str) -> Pictures:
    return SETS[name]()


@dataclass(frozen=True)
class Cell:
    """One set, number of rows a class, and seed."""

    name: str
    per_class: int
    seed: int

    @cached_property
    def parts(self) -> list[Pictures]:
        """Training and test rows."""
        per_class = [self.per_class]
        return cut(_data(self.name), per_class=per_class, seed=self.seed, test_rows=TEST_ROWS)

    def test(self, policy: Policy, runs: FinishedRuns, *, start: int = 0) -> list[float]:
        """Train on all rows; return accuracy on the test rows, then that of each class."""

        def work() -> list[float]:
            seed = self.seed + start
            augment = with_policy(policy, seed=seed)
            done = train(*self.parts, augment=augment, epochs=self.passes, seed=seed)
            return [done.accuracy, *done.by_class]

        key = ("test", *self._key, policy.fingerprint)
        return list(runs.get((*key, start) if start else key, work))

    def pilot(
        self,
        policy: Policy,
        rows: np.ndarray,
        held_out: np.ndarray,
        *,
        seed: int,
        runs: FinishedRuns,
    ) -> float | tuple[float, float]:
        """Train on some training rows; return the share right among others, of *none* both."""
        data = self.parts[0]

        def work() -> float | tuple[float, float]:
            augment = with_policy(policy, seed=seed)
            part, other = data.take(rows), data.take(held_out)
            done = train(part, other, augment=augment, epochs=self.passes, seed=seed)
            right = done.accuracy / 100
            return right if policy.steps else (right, done.learned / 100)

        drawn = hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest()[:12]
        kind = "pilot" if policy.steps else "pilot of none"
        found = runs.get((kind, *self._key, policy.fingerprint, drawn, seed), work)
        return tuple(found) if isinstance(found, list) else found

    @property
    def passes(self) -> int:
        """Passes over the rows: fewer with more rows."""
        return PASSES[self.per_class]

    @property
    def _key(self) -> tuple[str, int, int]:
        return self.name, self.per_class, self.seed


def chosen(cell: Cell, runs: FinishedRuns) -> dict[str, Any]:
    """Choose a policy from a cell's training rows and test it."""
    data, start = cell.parts[0], time.process_time()
    choice = choose_policy(
        data.images,
        data.labels,
        fit=lambda policy, rows, held_out, seed: cell.pilot(
            policy, rows, held_out, seed=seed, runs=runs
        ),
        budget_s=3600.0,
        rounds=ROUNDS[cell.per_class],
        random_state=cell.seed,
    )
    found = {"policy": choice.policy.name, "reason": choice.reason}
    fits = sum(pilot.rounds for pilot in choice.pilots)
    tested = cell.test(choice.policy, runs)
    return found | {"fits": fits, "CPU-s": time.process_time() - start, "tested": tested}


def measure(name: str, per_class: int, *, seeds: int, runs: FinishedRuns) -> dict[str, Any]:
    """Test every fixed policy and the chosen one in each seed of a set and size."""
    tested: dict[str, list[list[float]]] = {policy: [] for policy in fixed(name)}
    choices, anew = [], []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        cell = Cell(name, per_class, seed)
        for label, policy in fixed(name).items():
            tested[label].append(cell.test(policy, runs))
        anew.append(cell.test(policies.none(), runs, start=ANOTHER_START))
        choices.append(runs.get(("choice", name, per_class, seed), partial(chosen, cell, runs)))
        print(cell, choices[-1]["policy"], choices[-1]["reason"], flush=True)
    means = {label: float(np.mean([one[0] for one in found])) for label, found in tested.items()}
    own = np.array([one["tested"] for one in choices])
    none = np.array(tested["none"])
    changes = own[:, 1:] - none[:, 1:]
    worst = [np.array(one)[:, 1:].min(axis=1) for one in (own, none, anew)]
    worst_change, worst_anew = worst[0] - worst[1], worst[2] - worst[1]
    best = np.array(tested[max(means, key=lambda label: means[label])])
    return {
        "set": name,
        "rows a class": per_class,
        "seeds": seeds,
        "fixed": means,
        "chosen": float(own[:, 0].mean()),
        "regret": float((best - own)[:, 0].mean()),
        "regret's error": standard_error((best - own)[:, 0]),
        "worst class": float(worst_change.mean()),
        "worst class's error": standard_error(worst_change),
        "worst class of none, trained anew": float(worst_anew.mean()),
        "anew's error": standard_error(worst_anew),
        "classes": changes.shape[1],
        "classes surely down": int((changes.mean(axis=0) + half_width(changes) < -1).sum()),
        "choices": choices,
    }


def standard_error(values: np.ndarray) -> float | None:
    """Return the standard error of the mean, none of one value."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


def half_width(changes: np.ndarray) -> float:
    """Return what 95 % intervals of all classes' mean changes (seeds, classes) lie within.

    Student's t with one variance for all classes, by Bonferroni's rule; 100 points, which says
    nothing, with one seed.
    """
    seeds, classes = changes.shape
    if seeds < 2:
        return 100.0
    spread = np.sqrt(changes.var(axis=0, ddof=1).mean() / seeds)
    return float(student.ppf(1 - 0.025 / classes, classes * (seeds - 1)) * spread)


def paired(cell: dict[str, Any]) -> bool:
    """Tell whether a cell has the seeds for an interval."""
    return bool(cell["seeds"] > 1)


def page(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the tables for the docs."""
    labels = list(cells[0]["fixed"])
    sizes = sorted({cell["rows a class"] for cell in cells})
    passes = ", ".join(f"{PASSES[size]} passes at {size} rows a class" for size in sizes)
    shown = {
        "regret": "regret's error",
        "worst class": "worst class's error",
        "worst class of none, trained anew": "anew's error",
    }
    rows = [
        [
            cell["set"],
            cell["rows a class"],
            cell["seeds"],
            *[round(cell["fixed"][label], 1) for label in labels],
            round(cell["chosen"], 1),
            *[
                f"{cell[key]:+.1f}" + (f" ± {cell[error]:.1f}" if paired(cell) else "")
                for key, error in shown.items()
            ],
            f"{cell['classes surely down']} of {cell['classes']}" if paired(cell) else "",
            parts(cell["choices"]),
        ]
        for cell in cells
    ]
    means = [float(np.mean([cell["fixed"][label] for cell in cells])) for label in labels]
    own = [float(np.mean([cell[key] for cell in cells])) for key in ("chosen", "regret")]
    down, classes = (
        sum(cell[key] for cell in cells if paired(cell))
        for key in ("classes surely down", "classes")
    )
    last = ["mean", "", "", *[round(value, 1) for value in means], round(own[0], 1)]
    rows.append([*last, f"{own[1]:+.1f}", "", "", f"{down} of {classes}" if classes else "", ""])
    header = [
        "set",
        "rows a class",
        "seeds",
        *labels,
        "chosen",
        *shown,
        "classes surely down by a point",
        "part of the choice in so many seeds",
    ]
    return {
        "title": "A chosen policy beside fixed ones",
        "note": "Test accuracy, %, means over seeds that the choice was not settled on; digits at "
        f"8 px, MNIST at 14, CIFAR-10 at 16; a small convolutional network, {passes}. "
        "Regret: against the policy that is best for the cell in hindsight, ± its standard error "
        "over the seeds; below 0 is better. "
        "Worst class: accuracy of the class that comes off worst, less the same for none, "
        f"± its standard error (up to {TEST_ROWS:,} test rows); beside it the same for none "
        "against itself, trained anew from another start. Classes surely down: those whose "
        "accuracy fell by more than a point against none by intervals that hold for all classes "
        "of a cell together, 95 %.",
        "tables": [{"caption": "Chosen by paired pilot runs", "header": header, "rows": rows}],
    }


def parts(choices: list[dict[str, Any]]) -> str:
    """Return the policies that choices are or mix, without what the screen took out of them."""
    names = Counter(part.split(",")[0] for one in choices for part in one["policy"].split(" + "))
    return ", ".join(f"{name} {count}" for name, count in names.most_common())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--runs", help="file of finished runs, to go on after a stop")
    parser.add_argument("--sizes", default="10,50", help="rows a class")
    parser.add_argument("--seeds", default="3", help="for each of the sizes, or one number for all")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = FinishedRuns(arguments.runs)
    names = ["digits"] if arguments.quick else available()
    sizes = [10] if arguments.quick else [int(size) for size in arguments.sizes.split(",")]
    seeds = [int(count) for count in arguments.seeds.split(",")]
    counts = dict(zip(sizes, seeds * (len(sizes) if len(seeds) == 1 else 1), strict=True))
    cells = [
        measure(name, size, seeds=counts[size], runs=runs)
        for name in names
        for size in sizes
        if size <= MOST_ROWS.get(name, size)
    ]
    shown = page(cells)
    for row in shown["tables"][0]["rows"]:
        print(row)
    if arguments.out:
        versions = {name: metadata.version(name) for name in ("numpy", "torch", "scikit-learn")}
        write_json(Path(arguments.out), {"versions": versions, "cells": cells, "page": shown})


if __name__ == "__main__":
    main()
