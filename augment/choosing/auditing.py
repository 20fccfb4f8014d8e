"""Audit: which operation, at which strength, harms which class, from the labels at hand.

A teacher's view is a screen, not a promise: it finds operations that mislead a small teacher, and
says of the others that it does not know. Only paired trainings (`fit`) assure that one does no
harm, within a stated margin; see `assurance`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from thresher.core.counted import counted, percent
from thresher.core.errors import InputError, check_count, check_number, told
from thresher.core.interval import Z
from thresher.core.moved import moved_argument
from thresher.core.progress import track
from thresher.core.randomness import RandomState
from thresher.core.signatures import checked

from ..kernels.images import check_batch, is_tensor, to_array
from ..operations.nodes import Step
from ..operations.policy import Policy
from ..operations.schedule import Schedule
from ..randomness.keyed import check_seed
from .assurance import trained_gains, with_trainings
from .operation_audit import OperationAudit, settings_key
from .pilots import Fit
from .sampling import Sampled, sample_rows
from .screen import Measurement, Screen, mean_interval

# An operation whose images lie this far from the data, in spacings of the data, and can still be
# told apart among themselves, competes with no class: inverted digits lie at 4, digits turned by
# 90° at 2.8, flipped ones at 1.6 (20 to 60 digits a class).
FAR = 3.3
RECOVERABLE = -0.05
# Smaller changes of the margin are no reason to drop anything, however sure they are: stretching
# the contrast of digits changes it by −.0007 ± .0002 and a network's accuracy by −.1 ± .4 points.
SMALLEST = 0.005
# A teacher that is not surely so much better than chance speaks against what helps: right on 22 of
# 100 rows of CIFAR-10, it calls mirroring harmful with z from −3 to −6.
WEAK = 0.1
TRAIN = "which assures nothing about a network"


@dataclass(frozen=True)
class AuditReport:
    """The audit of a policy: one entry for each operation and strength.

    ``teacher_accuracy`` is out of fold on ``rows`` clean rows; ``left_out`` names classes with too
    few rows.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> import numpy as np
    >>> from augment import AuditReport, audit, policies
    >>> digits = load_digits()
    >>> images = np.stack([digits.images[:100] * 15] * 3, axis=-1).astype(np.uint8)
    >>> policy = policies.standard(pad=1, flip=True)
    >>> report = audit(images, digits.target[:100], policy=policy)
    >>> isinstance(report, AuditReport), sorted({entry.op for entry in report.entries})
    (True, ['crop', 'cutout', 'hflip'])
    """

    policy: Policy
    entries: tuple[OperationAudit, ...]
    rows: int
    teacher_accuracy: float
    left_out: tuple[str, ...]

    def at(self, strength: float) -> tuple[OperationAudit, ...]:
        """Return the entries at one strength."""
        return tuple(entry for entry in self.entries if entry.strength == strength)

    def to_table(self) -> list[dict[str, Any]]:
        """Return one JSON-like dict per entry."""
        return [asdict(entry) for entry in self.entries]

    def prune(self) -> Policy:
        """Return the policy without the operations that were shown harmful at full strength.

        Those whose harm is gone at half strength are halved instead.
        """
        verdicts = {
            (entry.op, settings_key(entry.settings)): entry.verdict for entry in self.at(1.0)
        }
        changes: set[str] = set()

        def decide(step: Step) -> Step | None:
            verdict = verdicts.get((step.op, settings_key(step.settings)))
            if verdict not in ("drop", "weaken"):
                return step
            changes.add(f"no {step.op}" if verdict == "drop" else f"half {step.op}")
            return None if verdict == "drop" else step.scaled(0.5)

        pruned = self.policy.replace_steps(decide)
        return pruned.renamed(", ".join([self.policy.name, *sorted(changes)]))


@moved_argument("policy", lambda given: isinstance(given, Policy))
@checked
def audit(
    images: Any,
    labels: Any,
    *,
    policy: Policy,
    strengths: Sequence[float] = (0.5, 1.0),
    encoder: Any = "builtin:image",
    views: int = 2,
    max_rows: int = 400,
    fit: Fit | None = None,
    rounds: int = 4,
    margin: float = 1.0,
    budget_s: float = 300.0,
    random_state: RandomState = 0,
) -> AuditReport:
    """Audit every operation of a policy on labeled images.

    Parameters
    ----------
    images
        uint8 array (n, H, W, C) or tensor (n, C, H, W).
    labels
        Class names or numbers (n,). Missing ones (None, −1, empty) are left out.
    policy
        Whose distinct operations are measured, each alone and always on.
    strengths
        In (0, 1]; operations without a magnitude are measured at 1 only. 1 is always measured.
    encoder
        What the teacher sees; see `thresher.core.get_encoder`.
    views, max_rows
        Augmented copies a row, and rows used at most, evenly over the classes.
    fit
        As in `choose_policy`: trains on some of the images and returns the accuracy on others. Each
        operation at full strength, done to half of the rows, is trained with and without. Without
        `fit` no operation is ever called ``"keep"``.
    rounds, budget_s
        Pairs of trainings of each operation at most, and the seconds that they may take; one pair
        is always trained. Four pairs hold every row out once.
    margin
        Points of accuracy: ``"keep"`` says that the 95 % interval excludes a larger loss.
    random_state
        Seed of the sample, the folds and the augmentations.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from augment import audit, policies
    >>> digits = load_digits()
    >>> images = np.stack([digits.images[:100] * 15] * 3, axis=-1).astype(np.uint8)
    >>> policy = policies.standard(pad=1, flip=True)
    >>> report = audit(images, digits.target[:100], policy=policy)
    >>> sorted(entry.op for entry in report.at(1.0) if entry.verdict == "drop")
    ['hflip']
    """
    pixels, seed = as_pixels(images), check_seed(random_state)
    sampled = sample_rows(labels, n=len(pixels), max_rows=max_rows, seed=seed)
    wanted = {check_number("strengths", one, low=0, high=1, low_open=True) for one in strengths}
    steps = distinct_steps(policy)
    check_number("margin", margin, low=0, low_open=True)
    check_count("rounds", rounds, low=1, high=100)
    right, entries = 0.0, [_unassessed(step, 1.0, sampled.problem) for step in steps]
    if not sampled.problem:
        screen = make_screen(pixels, sampled, encoder=encoder, views=views, seed=seed)
        right, entries = screen.accuracy, []
        for step in track(steps, description="audit operations"):
            entries += audit_step(step, screen, sampled, strengths=wanted | {1.0})
    if fit is not None and steps:
        deadline = time.perf_counter() + budget_s
        found = trained_gains(steps, fit, labels, seed=seed, rounds=rounds, deadline=deadline)
        entries = with_trainings(entries, steps, found, margin=margin)
    return AuditReport(policy, tuple(entries), len(sampled.rows), right, sampled.left_out)


def as_pixels(images: Any) -> np.ndarray:
    """Return checked images as uint8 (n, H, W, C)."""
    form = check_batch(images)
    if form.floating:
        raise InputError(f"An audit needs uint8 images, got {form.dtype}.")
    return to_array(images, form) if is_tensor(images) else np.asarray(images)


def make_screen(
    pixels: np.ndarray, sampled: Sampled, *, encoder: Any, views: int, seed: int
) -> Screen:
    """Prepare the sampled rows of `pixels` for measuring."""
    from thresher.core.encoders import get_encoder

    check_count("views", views, low=1, high=16)
    return Screen(
        pixels[sampled.rows],
        sampled.labels,
        encoder=get_encoder(encoder, modality="image"),
        views=views,
        seed=seed,
    )


def distinct_steps(policy: Policy) -> list[Step]:
    """Return the steps of a policy once each, those that do nothing left out."""
    found: dict[tuple[str, Any], Step] = {}
    for step in policy.steps:
        if step.op != "identity" and step.p > 0:
            found.setdefault((step.op, settings_key(step.settings)), step)
    return list(found.values())


def audit_step(
    step: Step, screen: Screen, sampled: Sampled, *, strengths: set[float]
) -> list[OperationAudit]:
    """Measure one step, always on, at each strength; the verdict at 1 knows the weaker ones."""
    entries: list[OperationAudit] = []
    for strength in sorted(strengths if step.has_magnitude else {1.0}):
        always = Policy(step.op, (Step(step.op, step.settings),), Schedule(strength, strength))
        safe_below = any(one.verdict == "not known" for one in entries)
        weakens = strength == 1 and safe_below
        found = measure_and_judge(always, screen, sampled, can_weaken=weakens)
        entries.append(
            OperationAudit(op=step.op, settings=dict(step.settings), strength=strength, **found)
        )
    return entries


def measure_and_judge(
    policy: Policy, screen: Screen, sampled: Sampled, *, can_weaken: bool = False
) -> dict[str, Any]:
    """Return the numbers and the verdict; what cannot be done to these images is to be dropped."""
    try:
        measured = screen.measure(policy)
    except Exception as error:
        return {"verdict": "drop", "reason": f"it ends with an error on these rows: {told(error)}"}
    return judge(measured, screen, sampled, can_weaken=can_weaken)


def judge(
    measured: Measurement, screen: Screen, sampled: Sampled, *, can_weaken: bool = False
) -> dict[str, Any]:
    """Turn a measurement into the numbers and the verdict of an `OperationAudit`."""
    effect, low, high = mean_interval(measured.effect)
    flips, flips_low, flips_high = mean_interval(measured.flipped)
    drop = float(measured.drop.mean())
    numbers: dict[str, Any] = {
        "effect": effect,
        "low": low,
        "high": high,
        "accuracy_points": 100 * float(measured.accuracy_change.mean()),
        "confident_flips": flips,
        "flips_low": max(0.0, flips_low),
        "flips_high": min(1.0, flips_high),
        "diffuse_drop": max(0.0, drop - flips),
        "distance": measured.distance,
        "diversity": measured.diversity,
        "recovered_points": 100 * float(measured.recovered.mean()),
        "microseconds": measured.microseconds,
        "classes_harmed": _harmed(measured, sampled),
    }
    verdict, reason = _verdict(numbers, screen, can_weaken=can_weaken)
    return numbers | {"verdict": verdict, "reason": reason}


def _far_and_sound(distance: float, recovered_points: float) -> bool:
    return distance > FAR and recovered_points / 100 >= RECOVERABLE


def _verdict(numbers: dict[str, Any], screen: Screen, *, can_weaken: bool) -> tuple[str, str]:
    n, chance = len(screen.labels), float(np.bincount(screen.labels).max()) / len(screen.labels)
    spread = Z * np.sqrt(screen.accuracy * (1 - screen.accuracy) / n)
    if screen.accuracy - spread <= chance + WEAK:
        return "not assessable", (
            f"the teacher is right on {percent(screen.accuracy)} of {counted(n, 'row')}, chance is "
            f"{percent(chance)}"
        )
    change = f"margin {numbers['effect']:+.3f} [{numbers['low']:+.3f}, {numbers['high']:+.3f}]"
    if numbers["low"] >= 0:
        return "not known", f"{change}: the teacher sees no harm, {TRAIN}"
    if numbers["high"] >= 0:
        return "not known", f"{change}: the interval holds 0, {TRAIN}"
    if numbers["effect"] > -SMALLEST:
        return "not known", f"{change}: too small to matter to the teacher, {TRAIN}"
    if _far_and_sound(numbers["distance"], numbers["recovered_points"]):
        return "not known", (
            f"{change}, but images lie {numbers['distance']:.1f} spacings off the data and stay "
            "recognizable among themselves: they compete with no class"
        )
    if can_weaken:
        return "weaken", f"{change}: harm at this strength, none shown at a weaker one"
    return "drop", f"{change}: harm"


def _harmed(measured: Measurement, sampled: Sampled) -> dict[str, float]:
    harmed = {}
    for number, name in enumerate(sampled.classes):
        values = measured.effect[sampled.labels == number]
        mean, _, high = mean_interval(values)
        if len(values) >= 5 and mean + (high - mean) * 3 / Z < 0:
            harmed[name] = mean
    return harmed


def _unassessed(step: Step, strength: float, problem: str) -> OperationAudit:
    return OperationAudit(step.op, dict(step.settings), strength, "not assessable", problem)
