"""What each operation costs a small network: the truth beside which `augment_audit` puts audits.

No benchmark itself. A network is trained with the operation done to half of the pictures and
without it, in paired seeds, and tested on unseen clean rows; see `augment_learner`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from augment_learner import SETS, FinishedRuns, Pictures, Tested, cut, train, with_policy

from augment import Policy, Step

PER_CLASS = 20
# Rows a class, passes and seeds of the network. Pairs differ by about .8 points from seed to seed:
# four of them give a standard error of about .4 points.
TRAINING = {"digits": (20, 15, 4), "mnist": (20, 20, 4), "cifar10": (50, 12, 4)}
COLOUR = ("grayscale", "saturation")  # change nothing on grey pictures
STEPS = [
    *[Step(op) for op in ("hflip", "vflip", "invert", "equalize", "autocontrast", "grayscale")],
    *[Step("crop", {"pad": pad}) for pad in (1, 2, 4)],
    *[Step("cutout", {"size": size}) for size in (2, 4)],
    *[Step("rotate", {"high": angle}) for angle in (10.0, 30.0, 90.0, 180.0)],
    Step("rotate", {"low": 180.0, "high": 180.0}),
    Step("rotate", {"low": 90.0, "high": 90.0}),
    *[Step(f"shear_{axis}", {"high": slope}) for axis in "xy" for slope in (0.2, 0.9)],
    *[Step(f"translate_{axis}", {"high": share}) for axis in "xy" for share in (0.15, 0.6)],
    *[Step("solarize", {"high": amount}) for amount in (64.0, 256.0)],
    *[Step("posterize", {"high": bits}) for bits in (3.0, 7.0)],
    *[Step(op, {"high": 0.9}) for op in ("brightness", "contrast", "saturation", "sharpness")],
    *[Step("gaussian_blur", {"low": s, "high": s}) for s in (0.7, 2.0)],
    Step("random_resized_crop"),
]


@dataclass(frozen=True)
class Truth:
    """Points that an operation gains a network, with its standard error; below 0 it costs."""

    step: Step
    gain: float
    error: float
    by_class: np.ndarray


def steps_of(name: str) -> list[Step]:
    """Return the operations measured on a set: all that can change its pictures."""
    return [step for step in STEPS if name == "cifar10" or step.op not in COLOUR]


def parts(name: str) -> list[Pictures]:
    """Return the rows for the audit, for training and for testing, none in two of them."""
    return cut(SETS[name](), per_class=[PER_CLASS, TRAINING[name][0]])


def measure(name: str, *, seeds: int | None, runs: FinishedRuns) -> list[Truth]:
    """Train a set's networks, seed by seed, and return what each operation gained."""
    _, train_rows, test = parts(name)
    _, epochs, usual = TRAINING[name]
    steps: list[Step | None] = [None, *steps_of(name)]

    def run(step: Step | None, seed: int) -> Tested:
        policy = Policy("one", (Step(step.op, step.settings, 0.5),) if step else ())
        augment = with_policy(policy, seed=seed)
        return train(train_rows, test, augment=augment, epochs=epochs, seed=seed)

    table = np.array(
        [
            [
                runs.get(("truth", name, _case(step), seed), lambda: _listed(run(step, seed)))  # noqa: B023
                for step in steps
            ]
            for seed in range(seeds or usual)
        ]
    )
    gains = table[:, 1:] - table[:, :1]
    errors = gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
    return [
        Truth(step, float(gains[:, i, 0].mean()), float(errors[i, 0]), gains[:, i, 1:].mean(axis=0))
        for i, step in enumerate(steps_of(name))
    ]


def _case(step: Step | None) -> list[object]:
    return [step.op, dict(step.settings)] if step else []


def _listed(tested: Tested) -> list[float]:
    return [tested.accuracy, *tested.by_class]
