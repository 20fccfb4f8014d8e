"""Images that stand on their side or head, among images that mostly stand upright.

Nothing outside the corpus is needed: a linear model learns from the images themselves, turned by
each quarter, which turn it sees (the task of Gidaris et al., ICLR 2018), and judges images that it
was not fitted on. What it says is tempered to how well it tells its own corpus's turns, so that on
subjects without an up and down it flags nothing.
"""

from __future__ import annotations

import numpy as np

from thresher.core.encoders.image import WIDTHS, describe

from .result import Finding, finding

SIDE = 32
TURNS = 4
FEWEST_IMAGES = 100
FITTED_IMAGES = 5_000
FOLDS = 5
PENALTY = 3.0
# Below this probability of standing upright an image is flagged: on digits with 3 % turned, all
# flags were right; on CIFAR-10, where edges alone hardly show what is up, none is raised.
UPRIGHT = 0.01
# An image whose own view looks upright at least this surely is not turned to look again.
LIKELY = 0.3


def orientation_finding(thumbnails: np.ndarray, usable: np.ndarray) -> tuple[Finding, str | None]:
    """Find images that were turned, and say how well turns can be told in this corpus.

    Parameters
    ----------
    thumbnails : ndarray of uint8, shape (n, 32, 32, 3)
    usable : ndarray of bool, shape (n,)
        False for images that cannot be judged: unreadable, blank.
    """
    n = len(usable)
    rows = np.flatnonzero(usable)
    if len(rows) < FEWEST_IMAGES:
        return finding("orientation", np.zeros(n, bool), scores=1.0, details=[]), None
    step = -(-len(rows) // FITTED_IMAGES)
    fitted = rows[::step]
    views = _all_views(thumbnails[fitted])
    center = views.mean(axis=(0, 1))
    models, folds = _cross_fit(views - center)
    evidence = _evidence(views - center, models, folds)
    scale = _temperature(evidence)
    upright, turn = np.ones(n), np.zeros(n, int)
    upright[fitted], turn[fitted] = _judge(evidence, scale)
    rest = np.setdiff1d(rows, fitted)
    suspects = rest[_looks_turned(thumbnails[rest], center, models, scale)]
    if len(suspects):
        found = _evidence(_all_views(thumbnails[suspects]) - center, models, suspects % FOLDS)
        upright[suspects], turn[suspects] = _judge(found, scale)
    mask = upright < UPRIGHT
    details = [f"seems turned by {90 * quarter}°" for quarter in turn[mask]]
    told = float((evidence.argmax(axis=1) == 0).mean())
    note = f"upright images are told from turned ones in {told:.0%} of the cases"
    return finding("orientation", mask, scores=20 * upright, details=details), note


def _all_views(thumbnails: np.ndarray) -> np.ndarray:
    """Describe each image at each of four quarter turns, float64 (n, 4, d)."""
    return np.stack(
        [_view(np.rot90(thumbnails, quarter, axes=(1, 2))) for quarter in range(TURNS)], axis=1
    )


def _view(images: np.ndarray) -> np.ndarray:
    # In float64, where processors differ too little to change a score.
    features = describe(np.ascontiguousarray(images)).astype(np.float64)
    edges, colours, _ = np.split(features, np.cumsum(WIDTHS)[:2], axis=1)
    return np.concatenate([_unit(edges), 0.5 * _unit(colours)], axis=1)


def _unit(features: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(lengths, 1e-6))


def _cross_fit(views: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Fit a ridge from view to turn without each fold in turn."""
    n, _, d = views.shape
    folds = np.arange(n) % FOLDS
    targets = np.tile(np.eye(TURNS) - 1 / TURNS, (n, 1, 1))
    parts = [
        (views[folds == fold].reshape(-1, d), targets[folds == fold].reshape(-1, TURNS))
        for fold in range(FOLDS)
    ]
    grams = np.stack([seen.T @ seen for seen, _ in parts])
    cross = np.stack([seen.T @ turn for seen, turn in parts])
    left = grams.sum(axis=0) - grams + PENALTY * np.eye(d)
    return list(np.linalg.solve(left, cross.sum(axis=0) - cross)), folds


def _evidence(views: np.ndarray, models: list[np.ndarray], folds: np.ndarray) -> np.ndarray:
    """Average over the views how much speaks for each stored turn, (n, 4)."""
    outputs = np.empty((len(views), TURNS, TURNS))
    for fold, model in enumerate(models):
        outputs[folds == fold] = views[folds == fold] @ model
    seen = np.arange(TURNS)
    return np.stack(
        [outputs[:, seen, (seen + stored) % TURNS].mean(axis=1) for stored in seen], axis=1
    )


def _temperature(evidence: np.ndarray) -> float:
    """Return the scale at which calling every image upright is likeliest."""
    scales = 2.0 ** np.arange(-2, 8, 0.5)
    return float(max(scales, key=lambda scale: np.log(_posterior(evidence, scale)[:, 0]).mean()))


def _posterior(evidence: np.ndarray, scale: float) -> np.ndarray:
    values = np.exp(scale * (evidence - evidence.max(axis=1, keepdims=True)))
    return np.asarray(values / values.sum(axis=1, keepdims=True))


def _judge(evidence: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of standing upright and the likeliest turn, in quarters."""
    posterior = _posterior(evidence, scale)
    return posterior[:, 0], posterior[:, 1:].argmax(axis=1) + 1


def _looks_turned(
    thumbnails: np.ndarray, center: np.ndarray, models: list[np.ndarray], scale: float
) -> np.ndarray:
    if not len(thumbnails):
        return np.zeros(0, bool)
    outputs = (_view(thumbnails) - center) @ np.mean(models, axis=0)
    return np.asarray(_posterior(outputs, scale)[:, 0] < LIKELY)
