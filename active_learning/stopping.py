"""When to stop labelling, and how many labels a target would still take.

Criteria: the predictions have settled (Bloodgood and Vijay-Shanker, 2009: Cohen's κ between the
models of the last two moments), the model is sure of nearly every row, and the accuracy's interval
lies above the target. The learning curve is a power law fitted to models of a quarter, a half,
three quarters and all of the labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .estimate import Estimate
from .serving import Policy

SHARES = (0.25, 0.5, 0.75, 1.0)
SETTLED = 0.99
SURE = 0.95
LEAST_LABELS = 20
POOL_SAMPLE = 5_000
REACH = 20.0
POWERS = np.linspace(0.1, 1.5, 29)


@dataclass(frozen=True)
class Advice:
    """Whether to stop.

    Attributes
    ----------
    stop : bool
        The target is reached; without one, predictions have settled and the model is sure.
    reasons : tuple of str
        What each criterion says.
    agreement : float or None
        Cohen's κ between the predictions of a model of 90 % of the labels and of all.
    confident : float or None
        Share of rows that the model gives at least 0.9.
    labels_to_target : float or None
        Labels still needed by the fitted curve; infinite when it cannot tell.
    """

    stop: bool
    reasons: tuple[str, ...]
    agreement: float | None = None
    confident: float | None = None
    labels_to_target: float | None = None


def advise(
    policy: Policy,
    rows: np.ndarray,
    codes: np.ndarray,
    *,
    audited: np.ndarray,
    accuracy: Estimate | None,
    target: float | None,
) -> Advice:
    """Weigh the criteria for the labelled `rows` and `codes`, shape (m,).

    `audited` are the places in `rows` that the audit arm drew.
    """
    if len(rows) < LEAST_LABELS:
        return Advice(False, (f"only {len(rows)} labels: too few to judge",))
    vectors = policy.embeddings.vectors
    rng = np.random.default_rng((policy.seed, 9))
    pool = vectors[rng.choice(len(vectors), min(POOL_SAMPLE, len(vectors)), replace=False)]
    order = rng.permutation(len(rows))
    n_classes = int(codes.max()) + 1

    def probs_of(train: np.ndarray, points: np.ndarray) -> np.ndarray:
        fitted = policy.learner(
            vectors[rows[train]], codes[train], n_classes=n_classes, random_state=policy.seed
        )
        return fitted(points)

    now = probs_of(order, pool)
    before = probs_of(order[: int(0.9 * len(order))], pool)
    agreement = cohen_kappa(before.argmax(axis=1), now.argmax(axis=1), n_classes=n_classes)
    confident = float((now.max(axis=1) >= 0.9).mean())
    reasons = [
        f"κ {agreement:.3f} between models of 90 % and of all labels (settled from {SETTLED})",
        f"sure of {confident:.0%} of the rows (enough from {SURE:.0%})",
    ]
    stop = agreement >= SETTLED and confident >= SURE
    needed = None
    if target is not None and accuracy is not None:
        stop = accuracy.low >= target
        reasons.append(f"accuracy {accuracy}, target {target:g}")
        needed = _labels_to(policy, rows, codes, audited=audited, now=accuracy, target=target)
        reasons.append(
            "the target lies beyond what the learning curve can tell"
            if np.isinf(needed)
            else f"the learning curve asks for about {needed:.0f} more labels"
        )
    return Advice(stop, tuple(reasons), agreement, confident, needed)


def _labels_to(
    policy: Policy,
    rows: np.ndarray,
    codes: np.ndarray,
    *,
    audited: np.ndarray,
    now: Estimate,
    target: float,
) -> float:
    """Return the labels still needed by a power law through the errors at parts of the labels."""
    vectors = policy.embeddings.vectors
    rng = np.random.default_rng((policy.seed, 10))
    n_classes = int(codes.max()) + 1
    others = rng.permutation(np.setdiff1d(np.arange(len(rows)), audited))
    judged, seen = np.array_split(rng.permutation(audited), 2)
    sizes, errors = [], []
    for share in SHARES:
        train = np.concatenate([others[: int(share * len(others))], seen[: int(share * len(seen))]])
        if len(train) < 2:
            continue
        fitted = policy.learner(
            vectors[rows[train]], codes[train], n_classes=n_classes, random_state=policy.seed
        )
        wrong = fitted(vectors[rows[judged]]).argmax(axis=1) != codes[judged]
        sizes.append(share * len(rows))
        errors.append(float(wrong.mean()))
    # The best estimate of today's accuracy anchors the curve.
    shift = (1.0 - now.value) - errors[-1]
    return max(
        0.0, labels_for_error(np.array(sizes), np.array(errors) + shift, 1.0 - target) - len(rows)
    )


def labels_for_error(sizes: np.ndarray, errors: np.ndarray, error: float) -> float:
    """Return the labels at which a fitted curve floor + scale · labels^(−power) meets `error`.

    Infinite when the floor is above it, or when the curve would have to be followed beyond `REACH`
    times its last size. The floor and scale are fitted by least squares for each
    of a grid of powers; neither may be negative.
    """
    best = (np.inf, 0.0, 0.0, 0.5)
    for power in POWERS:
        x = sizes**-power
        centered = x - x.mean()
        scale = max(0.0, float(centered @ errors) / max(float(centered @ centered), 1e-30))
        floor = float(errors.mean() - scale * x.mean())
        if floor < 0:
            floor, scale = 0.0, float(x @ errors) / float(x @ x)
        loss = float(((floor + scale * x - errors) ** 2).sum())
        if loss < best[0] - 1e-12:
            best = (loss, floor, scale, float(power))
    _, floor, scale, power = best
    if error <= floor or scale <= 0:
        return float("inf") if error < errors[-1] else float(sizes[-1])
    labels = float((scale / (error - floor)) ** (1.0 / power))
    return labels if labels <= REACH * sizes[-1] else float("inf")


def cohen_kappa(first: np.ndarray, second: np.ndarray, *, n_classes: int) -> float:
    """Return Cohen's κ of two codings, shape (n,); 1 when both are constant and equal."""
    joint = np.bincount(first * n_classes + second, minlength=n_classes**2)
    table = joint.reshape(n_classes, n_classes) / len(first)
    expected = float(table.sum(axis=0) @ table.sum(axis=1))
    observed = float(np.trace(table))
    return 1.0 if expected >= 1.0 else (observed - expected) / (1.0 - expected)
