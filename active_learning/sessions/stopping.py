"""When to stop labeling, and how many labels a target would still take.

Criteria: the predictions have settled (Bloodgood and Vijay-Shanker, 2009: Cohen's κ between models
of 90 % and of all labels), the model is sure of nearly every row (Vlachos, 2008), as many labels
again would hardly help by the learning curve, and, with a target, the whole interval of the
accuracy lies beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.counted import counted, percent

from ..estimates.accuracy import Estimate
from .audit_arm import Audit
from .learning_curve import PowerLaw, session_curve

SETTLED = 0.99
SURE, SURE_FROM = 0.95, 0.9
FLAT = 0.01
LEAST_LABELS = 20
POOL_SAMPLE = 5_000


@dataclass(frozen=True)
class Advice:
    """Whether to stop.

    Attributes
    ----------
    stop : bool
        The target is reached; without one, two of the three other criteria hold.
    reasons : tuple of str
        What each criterion says.
    agreement : float or None
        Cohen's κ between the predictions of a model of 90 % of the labels and of all; for
        regression the share of the variance that they share.
    confident : float or None
        Share of rows of which the model is sure by 0.9 or more.
    forecast : float or None
        The measure with twice as many labels, by the learning curve.
    labels_to_target : float or None
        Labels still needed by the learning curve; infinite when it cannot tell.
    """

    stop: bool
    reasons: tuple[str, ...]
    agreement: float | None = None
    confident: float | None = None
    forecast: float | None = None
    labels_to_target: float | None = None


def advise(audit: Audit, *, accuracy: Estimate | None, target: float | None) -> Advice:
    """Weigh the criteria for the labels of a session."""
    m, task = len(audit.rows), audit.policy.task
    if m < LEAST_LABELS:
        return Advice(False, (f"only {counted(m, 'label')}: too few to judge",))
    agreement, confident = _steadiness(audit)
    reasons = [
        f"models of 90 % and of all labels agree by {agreement:.3f} (settled from {SETTLED})",
        f"sure of {percent(confident)} of the rows (enough from {percent(SURE)})",
    ]
    curve = None if accuracy is None else session_curve(audit, now=accuracy)
    forecast = None if curve is None else task.loss_of(curve.at(2 * m))
    flat = False
    if curve is not None and forecast is not None:
        # A share is flat within a point, an error within a hundredth of itself.
        now, later = curve.at(m), curve.at(2 * m)
        flat = now - later <= FLAT * (task.loss_of(0.0) or now)
        reasons.append(f"as many labels again would bring {task.measure} to {forecast:.3f}")
    stop = (agreement >= SETTLED) + (confident >= SURE) + flat >= 2
    needed = None
    if target is not None and accuracy is not None:
        stop = task.reached(accuracy, target)
        reasons.append(f"{task.measure} {accuracy}, target {target:g}")
        needed = _needed(curve, task.loss_of(target), labels=m)
        reasons.append(_said(needed))
    return Advice(stop, tuple(reasons), agreement, confident, forecast, needed)


def _steadiness(audit: Audit) -> tuple[float, float]:
    """Return the agreement of two models, and the share of rows that the later one is sure of."""
    vectors, task = audit.policy.embeddings.vectors, audit.policy.task
    rng = np.random.default_rng((audit.policy.seed, 9))
    pool = rng.choice(len(vectors), min(POOL_SAMPLE, len(vectors)), replace=False)
    order = rng.permutation(len(audit.rows))
    now = audit.outputs(order, pool)
    before = audit.outputs(order[: int(0.9 * len(order))], pool)
    return task.agreement(before, now), float((task.confidence(now) >= SURE_FROM).mean())


def _needed(curve: PowerLaw | None, loss: float, *, labels: int) -> float:
    return float("inf") if curve is None else max(0.0, curve.labels_for(loss) - labels)


def _said(needed: float) -> str:
    if np.isinf(needed):
        return "the target lies beyond what the learning curve can tell"
    return f"the learning curve asks for about {needed:.0f} more labels"
