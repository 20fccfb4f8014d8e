"""What each operation costs a small network: the truth beside which `augment_audit` puts audits.

No benchmark itself. A network is trained with the operation done to half of the pictures and
without it, in paired seeds, and tested on unseen clean rows; see `augment_learner`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from augment_learner import SETS, FinishedRuns, Pictures, cut, train, with_policy

from augment import Policy, Step

PER_CLASS = 20
# Points of gain below which an operation is called harmful.
LINE = -1.0
# Rows a class, passes and seeds of the network at first. Pairs differ by about .8 points from seed
# to seed: four of them give a standard error of about .4 points.
TRAINING = {"digits": (20, 15, 4), "mnist": (20, 20, 4), "cifar10": (50, 12, 6)}
COLOR = ("grayscale", "saturation")  # change nothing on gray pictures
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
    seeds: int

    @property
    def resolved(self) -> bool:
        """Whether the gain is more than two standard errors from the line."""
        return abs(self.gain - LINE) > 2 * self.error


def steps_of(name: str) -> list[Step]:
    """Return the operations measured on a set: all that can change its pictures."""
    return [step for step in STEPS if name == "cifar10" or step.op not in COLOR]


def parts(name: str) -> list[Pictures]:
    """Return the rows for the audit, for training and for testing, none in two of them."""
    return cut(SETS[name](), per_class=[PER_CLASS, TRAINING[name][0]])


def measure(name: str, *, seeds: int, most: int, runs: FinishedRuns) -> list[Truth]:
    """Train a set's networks, seed by seed, and return what each operation gained.

    Operations whose gain is then within two standard errors of the line go on, seed by seed, until
    it is not or there are `most` seeds.
    """
    _, train_rows, test = parts(name)
    epochs = TRAINING[name][1]

    def run(step: Step | None, seed: int) -> np.ndarray:
        policy = Policy("one", (Step(step.op, step.settings, 0.5),) if step else ())

        def work() -> list[float]:
            augment = with_policy(policy, seed=seed)
            done = train(train_rows, test, augment=augment, epochs=epochs, seed=seed)
            return [done.accuracy, *done.by_class]

        return np.array(runs.get(("truth", name, _case(step), seed), work))

    found = []
    for step in steps_of(name):
        gains: list[np.ndarray] = []
        while len(gains) < seeds or (len(gains) < most and not _truth(step, gains).resolved):
            seed = len(gains)
            gains.append(run(step, seed) - run(None, seed))
        found.append(_truth(step, gains))
    return found


def _truth(step: Step, gains: list[np.ndarray]) -> Truth:
    mean = np.mean(gains, axis=0)
    error = float(np.std(gains, axis=0, ddof=1)[0] / np.sqrt(len(gains)))
    return Truth(step, float(mean[0]), error, by_class=mean[1:], seeds=len(gains))


def _case(step: Step | None) -> list[object]:
    return [step.op, dict(step.settings)] if step else []
