"""Choose a policy: screen operations for harm, then, if asked, let short paired runs decide.

The screen alone only takes harmful operations out of the first candidate; it never says that a
policy gains accuracy. Pilots do: every candidate, *none* among them, is fitted on the same rows
with the same seed, round after round, and those that can hardly be the best leave; see
`augment.choosing.pilots`. Those that cannot be told from the best in the end are mixed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thresher.core.counted import counted, percent
from thresher.core.errors import InputError, check_count, check_number
from thresher.core.randomness import RandomState
from thresher.core.signatures import checked
from thresher.core.ties import first_highest

from .. import policies
from ..operations.nodes import Step
from ..operations.policy import Policy
from ..randomness.keyed import check_seed
from .auditing import (
    AuditReport,
    as_pixels,
    audit_step,
    distinct_steps,
    make_screen,
    measure_and_judge,
)
from .operation_audit import OperationAudit
from .pilots import MOST_ROUNDS, Fit, Pilot, run_pilots
from .sampling import Sampled, sample_rows
from .screen import Screen

__all__ = ["Fit", "PolicyChoice", "choose_policy", "sized_candidates"]

# Rows of the screen: .2 CPU-seconds an operation with 200, .5 with 600.
SCREEN_ROWS = 300
SCREEN_SHARE = 0.8
# Pilots judge candidates as they are where the screen's teacher is right on fewer rows than this:
# on ten rows a class of CIFAR-10 it is right on 22 % and speaks against mirroring, which gains two
# points.
TRUSTED = 0.5
FLAGS = ("drop", "weaken")
# Candidates no further behind the best, in standard deviations of the difference, are mixed: each
# row gets one of them. In development draws of 50 rows a class that gained 1.2 points on none, the
# best candidate alone .2; with 10 rows both gained 3.4 to 3.5 (docs/log.md).
TIED = 1.0


@dataclass(frozen=True)
class PolicyChoice:
    """The chosen policy with its evidence.

    Attributes
    ----------
    policy
        What to train with.
    evidence
        One dict for each operation and each policy measured, ``op`` telling which; see
        `augment.choosing.operation_audit.OperationAudit`.
    pilots
        One entry per candidate that was fitted; empty without `fit`.
    reason
        Why this policy, in one or two sentences.
    seconds
        Wall time spent.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from augment import PolicyChoice, choose_policy
    >>> digits = load_digits()
    >>> images = np.stack([digits.images[:100] * 15] * 3, axis=-1).astype(np.uint8)
    >>> chosen = choose_policy(images, digits.target[:100], budget_s=2)
    >>> isinstance(chosen, PolicyChoice), chosen.reason != ""
    (True, True)
    """

    policy: Policy
    evidence: tuple[dict[str, Any], ...]
    pilots: tuple[Pilot, ...]
    reason: str
    seconds: float


def sized_candidates(side: int) -> tuple[Policy, ...]:
    """Return the default candidates for images of about `side` pixels, the first the default.

    The last two mirror nothing, for digits, letters and other things with a left and a right; one
    does nothing but mirror, for trainings too short for more. Strong mixtures of operations
    (`rand_augment`, `aug_mix`) gain most with few rows.
    """
    pad, cutout = max(1, side // 8), max(1, side // 4)
    crop = policies.crop_flip(pad=pad, flip=False)
    tilt = (Step("rotate", {"high": 10.0}), Step("shear_x", {"high": 0.2}))
    return (
        policies.standard(pad=pad, cutout=cutout),
        policies.crop_flip(pad=pad),
        policies.custom(Step("hflip", p=0.5), name="flip"),
        policies.rand_augment(pad=pad, flip=True),
        policies.aug_mix(pad=pad, flip=True),
        crop.renamed("crop"),
        policies.custom(*tilt, Step("crop", {"pad": max(1, side // 16)}), name="tilt_crop"),
    )


@checked
def choose_policy(
    images: Any,
    labels: Any,
    *,
    candidates: Sequence[Policy] | None = None,
    fit: Fit | None = None,
    budget_s: float = 10.0,
    rounds: int = MOST_ROUNDS,
    encoder: Any = "builtin:image",
    random_state: RandomState = 0,
) -> PolicyChoice:
    """Choose an augmentation policy for labeled images.

    Parameters
    ----------
    images, labels
        As in `augment.audit`; training rows only.
    candidates
        Policies, the preferred one first; by default `sized_candidates`. *None* is always added.
    fit
        ``fit(policy, train, test, seed)`` trains briefly on the positions `train` and returns the
        accuracy in [0, 1] on the positions `test`, or a pair of it and of the accuracy on `train`,
        unaugmented, which tells whether the training is long enough for strong policies. A
        candidate for which it raises an error is left out, and the reason says so. Without
        it, the first candidate is taken, less the operations that the screen shows to be harmful.
    budget_s
        Seconds of CPU for the screen (at most .8 of them, .3 with `fit`) and of wall time for the
        whole. Operations that are not reached are kept and named.
    rounds
        Pilot runs of each candidate at most. With enough seconds for all of them the choice is the
        same on every machine.
    encoder
        What the screen's teacher sees.
    random_state
        Seed of sampling, screening and pilots.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from augment import choose_policy
    >>> digits = load_digits()
    >>> images = np.stack([digits.images[:100] * 15] * 3, axis=-1).astype(np.uint8)
    >>> chosen = choose_policy(images, digits.target[:100], budget_s=2)
    >>> "hflip" in [step.op for step in chosen.policy.steps]
    False
    """
    start = time.perf_counter()
    check_number("budget_s", budget_s, low=0, low_open=True)
    check_count("rounds", rounds, low=1, high=100)
    pixels, seed = as_pixels(images), check_seed(random_state)
    wanted = _candidates(candidates, pixels)
    sampled = sample_rows(labels, n=len(pixels), max_rows=SCREEN_ROWS, seed=seed)
    share = SCREEN_SHARE if fit is None else 0.3
    screened = wanted[:1] if fit is None else wanted
    # CPU time: a busy machine must not change what is screened.
    deadline = time.process_time() + share * budget_s
    report = _screen(screened, pixels, sampled, encoder=encoder, seed=seed, deadline=deadline)
    pruned = [_prune(policy, report) for policy in wanted]
    evidence = tuple(report.to_table())
    if fit is None:
        policy, reason = _beside_none(pruned[0], report, sampled)
        return PolicyChoice(policy, evidence, (), reason, time.perf_counter() - start)
    trusted = report.teacher_accuracy >= TRUSTED
    usable = _with_none(pruned if trusted else wanted)
    pilots = run_pilots(usable, fit, labels, seed=seed, deadline=start + budget_s, rounds=rounds)
    policy, reason = _decide(pilots)
    return PolicyChoice(policy, evidence, pilots, reason, time.perf_counter() - start)


def _beside_none(policy: Policy, report: AuditReport, sampled: Sampled) -> tuple[Policy, str]:
    """Return the policy, or *none* where the teacher is surely worse with it, and the reason."""
    reason = _screen_reason(report, sampled)
    whole = next((entry for entry in report.entries if entry.op == "policy"), None)
    if whole is None:
        return policy, f"{reason}; not compared with none"
    change = f"{whole.effect:+.3f} [{whole.low:+.3f}, {whole.high:+.3f}] against none"
    if whole.verdict in FLAGS and report.teacher_accuracy >= TRUSTED:
        return policies.none(), f"the whole policy harms: margin {change}; {reason}"
    return policy, f"margin {change}, and no training compared them; {reason}"


def _decide(pilots: Sequence[Pilot]) -> tuple[Policy, str]:
    """Return the best candidate, mixed with those that cannot be told from it, and the reason."""
    ran = [pilot for pilot in pilots if not pilot.error]
    best = ran[int(first_highest(np.array([pilot.gain for pilot in ran])))]
    tied = [
        pilot.policy
        for pilot in ran
        if pilot.behind <= TIED and pilot.policy.schedule == best.policy.schedule
    ]
    rounds = max(pilot.rounds for pilot in pilots)
    runs = counted(rounds, "paired pilot run")
    lost = [f"; {pilot.policy.name} {pilot.summary}" for pilot in pilots if pilot.error]
    if best.gain <= 0 or len(tied) < 2:
        return best.policy, f"{best.summary}, best of {len(ran)} in {runs}{''.join(lost)}"
    names = " + ".join(policy.name for policy in tied)
    reason = (
        f"mixed, since {runs} cannot tell these {len(tied)} of "
        f"{counted(len(ran), 'candidate')} apart; the best of them, {best.policy.name}: "
        f"{best.summary}{''.join(lost)}"
    )
    return policies.mixed(*tied, name=names), reason


def _candidates(candidates: Sequence[Policy] | None, pixels: np.ndarray) -> list[Policy]:
    if candidates is None:
        return list(sized_candidates(min(pixels.shape[1:3])))
    listed = list(candidates)
    if not listed or not all(isinstance(policy, Policy) for policy in listed):
        raise InputError("`candidates` must be a list of at least one Policy.")
    return listed


def _with_none(listed: list[Policy]) -> list[Policy]:
    """Return policies that do different things, *none* last, with which the others are paired."""
    none = policies.none()
    distinct: dict[str, Policy] = {}
    for policy in listed:
        distinct.setdefault(policy.fingerprint, policy)
    distinct.pop(none.fingerprint, None)
    return [*distinct.values(), none]


def _screen(
    wanted: list[Policy],
    pixels: np.ndarray,
    sampled: Sampled,
    *,
    encoder: Any,
    seed: int,
    deadline: float,
) -> AuditReport:
    together = Policy("candidates", tuple(node for policy in wanted for node in policy.nodes))
    steps = distinct_steps(together)
    if sampled.problem:
        entries = [_skipped(step, sampled.problem) for step in steps]
        return AuditReport(together, tuple(entries), len(sampled.rows), 0.0, sampled.left_out)
    screen = make_screen(pixels, sampled, encoder=encoder, views=2, seed=seed)
    entries = []
    for step in steps:
        if time.process_time() > deadline:
            entries.append(_skipped(step, "the time budget ended first"))
            continue
        entries += audit_step(step, screen, sampled, strengths={0.5, 1.0})
    report = AuditReport(
        together, tuple(entries), len(sampled.rows), screen.accuracy, sampled.left_out
    )
    whole = [
        _measure_whole(_prune(policy, report), screen, sampled)
        for policy in wanted
        if time.process_time() <= deadline
    ]
    return AuditReport(together, (*entries, *whole), report.rows, screen.accuracy, sampled.left_out)


def _measure_whole(policy: Policy, screen: Screen, sampled: Sampled) -> OperationAudit:
    found = measure_and_judge(policy, screen, sampled)
    return OperationAudit(op="policy", settings={"name": policy.name}, strength=1.0, **found)


def _skipped(step: Step, why: str) -> OperationAudit:
    return OperationAudit(step.op, dict(step.settings), 1.0, "not assessable", why)


def _prune(policy: Policy, report: AuditReport) -> Policy:
    own = AuditReport(policy, report.entries, report.rows, report.teacher_accuracy, report.left_out)
    return own.prune()


def _screen_reason(report: AuditReport, sampled: Sampled) -> str:
    if sampled.problem:
        return f"unscreened: {sampled.problem}"
    harmful = [entry for entry in report.at(1.0) if entry.verdict in ("drop", "weaken")]
    found = "; ".join(f"{entry.op} → {entry.verdict} ({entry.reason})" for entry in harmful)
    rows = f"{counted(report.rows, 'row')}, teacher {percent(report.teacher_accuracy)} right"
    return f"{found or 'no operation was shown harmful'} [{rows}]"
