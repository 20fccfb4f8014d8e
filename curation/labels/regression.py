"""Find wrong targets where labels are numbers.

A right target differs from its out-of-sample prediction by a residual with a Student t
distribution, whose scale follows the prediction; a wrong one is any target of the data. Scale,
rate and tails are fitted by likelihood, so that a few wild targets move nothing. Predictions are
given, or the mean of a leave-one-out ridge and of the neighbors' targets, weighted by their
precision. Costs O(n log n) beside the predictions.

``"residual"`` and ``"outre"`` are the scores of Zhou, Mueller et al., "Detecting Errors in
Numerical Data via any Regression Model" (2023), equal to those of cleanlab 2.9, with its rule for
the flag; OUTRE costs O(n²).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thresher.core.counted import counted
from thresher.core.embeddings import Embeddings, as_embeddings
from thresher.core.errors import InputError, check_choice
from thresher.core.matrices import LARGEST, check_computable
from thresher.core.missing import read_numbers
from thresher.core.randomness import RandomState
from thresher.core.signatures import checked

from .curve import DOUBT, decide, stated_precision
from .inputs import read_row_ids
from .noise import NoiseRate
from .regression_probes import predict_targets
from .regression_result import RegressionIssues

METHODS = ("auto", "residual", "outre")
FEWEST_ROWS = 8
TAILS = (3.0, 5.0, 10.0, 30.0)
# A wrong target lies anywhere in the bulk of all, up to this quantile, but not within this many
# scales of its prediction, where it cannot be told from a right one.
BULK, LEAST_FAR = 0.99, 1.0
ROUNDS = 60
# Rows over which the scale of the residuals is smoothed, and how much of the overall scale it
# keeps.
WINDOW, GLOBAL_SHARE = 100, 0.5
# Of cleanlab: a target is flagged when its score is below this share of the median score.
MEDIAN_SHARE = 0.05
RESIDUAL_SCALE = 5.0
BLOCK = 1024


@checked
def find_regression_issues(
    targets: np.ndarray | Sequence[float],
    *,
    predictions: np.ndarray | Sequence[np.ndarray] | None = None,
    embeddings: Embeddings | np.ndarray | None = None,
    row_ids: np.ndarray | None = None,
    method: str = "auto",
    random_state: RandomState = 0,
) -> RegressionIssues:
    """Find rows whose target is probably wrong.

    Parameters
    ----------
    targets : array of float, shape (n,)
        NaN = missing.
    predictions : ndarray of float, shape (n,), or a list of them, optional
        Out-of-sample predictions of one or several models; several are averaged.
    embeddings : Embeddings or ndarray, shape (n, d), optional
        Used when no `predictions` are given.
    row_ids : ndarray of str, shape (n,), optional
    method : {"auto", "residual", "outre"}
        ``"auto"`` estimates the probability of an error and flags where that is above one half.
    random_state : int, numpy.random.Generator or None
        Used for approximate search.

    Returns
    -------
    RegressionIssues

    Raises
    ------
    InputError
        Without evidence, on unequal lengths, infinite targets, predictions that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from curation import find_regression_issues
    >>> draw = np.random.default_rng(0)
    >>> x = draw.normal(size=(300, 3))
    >>> y = x @ [1.0, 2.0, 3.0] + draw.normal(size=300) * 0.1
    >>> y[4] += 30
    >>> found = find_regression_issues(y, embeddings=x)
    >>> int(found.scores.argmin()), bool(found.flagged[4])
    (4, True)
    """
    check_choice("method", method, METHODS)
    y = _read_targets(targets)
    ids = read_row_ids(row_ids, embeddings, len(y))
    if embeddings is not None:
        embeddings = as_embeddings(embeddings, numbers=True)
    if predictions is not None:
        predicted, how = _read_predictions(predictions, len(y))
    elif embeddings is not None:
        if len(embeddings) != len(y):
            raise InputError(
                f"There are {counted(len(y), 'target')}, but "
                f"{counted(len(embeddings), 'embedding')}."
            )
        predicted, how = predict_targets(embeddings, y, random_state=random_state)
    else:
        raise InputError("Give `predictions` or `embeddings` to judge the targets by.")
    judged = np.isfinite(y) & np.isfinite(predicted)
    if judged.sum() < FEWEST_ROWS or np.ptp(y[judged]) == 0:
        why = f"nothing to judge: fewer than {FEWEST_ROWS} rows, or all targets are equal"
        return _issues(ids, y, predicted, np.ones(len(y)), rate=NoiseRate(0, 0, 1), how=why)
    scores = np.ones(len(y))
    if method == "auto":
        scores[judged], rate = right_probability(y[judged], predicted[judged])
        return _issues(ids, y, predicted, scores, rate=rate, how=how, doubt=DOUBT)
    score = outre_scores if method == "outre" else residual_scores
    scores[judged] = score(y[judged], predicted[judged])
    threshold = MEDIAN_SHARE * float(np.median(scores[judged]))
    share = float((scores[judged] < threshold).mean())
    rate = NoiseRate(share, 0.0, 1.0)
    how = f"{method} of {how}"
    return _issues(ids, y, predicted, scores, rate=rate, how=how, threshold=threshold)


def right_probability(targets: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, NoiseRate]:
    """Return the probability that each target is right, shape (n,), and the share of wrong ones.

    The range of the share spans the fits with light and with heavy tails, and what may be wrong
    with probabilities that nobody has compared with the truth.
    """
    residuals = targets - predicted
    residuals = residuals - np.median(residuals)
    low, high = np.quantile(targets, [1 - BULK, BULK])
    width = float(high - low) or float(np.ptp(targets))
    scales = _scales(residuals, predicted, floor=1e-6 * width)
    centered = residuals / scales
    anything = np.where(np.abs(centered) > LEAST_FAR, scales / width, 0)
    fits = [_fit(centered, anything, tails) for tails in TAILS]
    right, _ = max(fits, key=lambda fit: fit[1])
    rates = [float((1 - fit[0]).mean()) for fit in fits]
    doubted = decide(right, DOUBT).noise_rate
    low, high = min(*rates, doubted.low), max(*rates, doubted.high)
    return right, NoiseRate(float((1 - right).mean()), low, high)


def _fit(x: np.ndarray, anything: np.ndarray, tails: float) -> tuple[np.ndarray, float]:
    """Fit rate and scale by expectation maximization; return P(right) and the likelihood."""
    from scipy.stats import t as student

    rate, scale = 0.05, 1.0
    for _ in range(ROUNDS):
        right = (1 - rate) * student.pdf(x / scale, tails) / scale
        total = right + rate * anything + 1e-300
        belief = right / total
        rate = float(np.clip(1 - belief.mean(), 1e-6, 0.5))
        # Each right row counts as in the fit of a t distribution: the less the farther it is out.
        weights = belief * (tails + 1) / (tails + (x / scale) ** 2)
        scale = float(np.sqrt(max((weights * x * x).sum() / max(belief.sum(), 1e-9), 1e-12)))
    return belief, float(np.log(total).mean())


def _scales(residuals: np.ndarray, predicted: np.ndarray, *, floor: float) -> np.ndarray:
    """Return the scale of each residual: half that of all, half of rows predicted alike."""
    sizes = np.abs(residuals)
    overall = max(float(np.median(sizes)) / 0.6745, floor)
    order = np.argsort(predicted, kind="stable")
    blocks = np.array_split(order, max(1, len(order) // WINDOW))
    centers = [float(predicted[block].mean()) for block in blocks]
    medians = [float(np.median(sizes[block])) / 0.6745 for block in blocks]
    local = np.interp(predicted, centers, medians)
    return np.asarray(GLOBAL_SHARE * overall + (1 - GLOBAL_SHARE) * local)


def residual_scores(targets: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return exp(−|residual|), shape (n,); it depends on the unit of the targets."""
    return np.asarray(np.exp(-np.abs(predicted - targets)))


def outre_scores(targets: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return how close each (target, residual) lies to half of all others, shape (n,), 0–1."""
    residuals = predicted - targets
    plane = np.stack([_standardized(targets), RESIDUAL_SCALE * _standardized(residuals)], axis=1)
    k = -(-len(plane) // 2)
    means = np.empty(len(plane))
    for start in range(0, len(plane), BLOCK):
        block = plane[start : start + BLOCK]
        distances = np.sqrt(((block[:, None] - plane[None]) ** 2).sum(axis=2))
        means[start : start + BLOCK] = np.partition(distances, k - 1, axis=1)[:, :k].mean(axis=1)
    scale = max(float(np.median(means)), 100 * float(np.finfo(np.float64).eps))
    return np.asarray(np.exp(-means / scale))


def _standardized(values: np.ndarray) -> np.ndarray:
    return np.asarray((values - values.mean()) / (values.std() + 1e-100))


def _read_targets(targets: np.ndarray | Sequence[float]) -> np.ndarray:
    y = read_numbers("targets", targets)
    if y.ndim != 1:
        raise InputError(f"`targets` must have one dimension, got {y.ndim}.")
    infinite = np.flatnonzero(np.isinf(y))
    if len(infinite):
        raise InputError(f"`targets` must be finite or NaN, got {y[infinite[0]]} at {infinite[0]}.")
    check_computable("`targets`", y, smallest=1 / LARGEST)
    return y


def _read_predictions(
    predictions: np.ndarray | Sequence[np.ndarray], n: int
) -> tuple[np.ndarray, str]:
    given = read_numbers("predictions", predictions)
    several = given if given.ndim == 2 else given[None]
    if several.ndim != 2 or several.shape[1] != n:
        raise InputError(
            f"`predictions` must have the shape ({n},), or be a list of such arrays, got "
            f"{given.shape}."
        )
    if not np.isfinite(several).all():
        at = int(np.argwhere(~np.isfinite(several))[0][1])
        raise InputError(f"`predictions` must be finite, got {several[:, at]} at position {at}.")
    check_computable("`predictions`", several, smallest=1 / LARGEST)
    return several.mean(axis=0), f"mean of {len(several)} given prediction(s)"


def _issues(
    ids: np.ndarray,
    targets: np.ndarray,
    predicted: np.ndarray,
    scores: np.ndarray,
    *,
    rate: NoiseRate,
    how: str,
    threshold: float = 0.5,
    doubt: np.ndarray | None = None,
) -> RegressionIssues:
    flagged = scores < threshold
    expected, least = stated_precision(scores, flagged, doubt)
    return RegressionIssues(
        row_ids=ids,
        targets=targets,
        predicted=predicted,
        scores=scores,
        flagged=flagged,
        threshold=threshold,
        noise_rate=rate,
        expected_precision=expected,
        method=how,
        least_precision=least,
        doubt=doubt,
    )
