"""The quality head: leave-one-out by refitting, and a precision that holds on other rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from curation import fit_quality_head
from curation.quality.head import PENALTIES, STEPS, _calibrated, _ridge
from thresher.core.errors import InputError


def drawn(n: int, *, seed: int, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 12))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    good = vectors[:, 0] * 4 + rng.normal(size=n) * noise > 0.3
    return vectors, good


@pytest.mark.parametrize("penalty", PENALTIES)
def test_rows_left_out_are_scored_as_by_refitting(penalty: float) -> None:
    vectors, good = drawn(40, seed=1)
    X = np.concatenate([vectors, np.ones((40, 1))], axis=1)
    y = np.where(good, 1.0, -1.0)
    _, left_out = _ridge(X, y, penalty)
    for row in range(40):
        others = np.arange(40) != row
        weights, _ = _ridge(X[others], y[others], penalty)
        assert X[row] @ weights == pytest.approx(left_out[row], abs=1e-6)


def test_scores_are_probabilities_that_hold_on_other_rows() -> None:
    vectors, good = drawn(600, seed=2)
    others, truth = drawn(4000, seed=3)
    head = fit_quality_head(vectors, good)
    scores = head.scores(others)
    for low in np.arange(0.1, 0.9, 0.2):
        inside = (scores >= low) & (scores < low + 0.2)
        assert truth[inside].mean() == pytest.approx(scores[inside].mean(), abs=0.1)


def test_the_stated_precision_holds_in_nineteen_of_twenty_draws() -> None:
    kept, broken = 0, 0
    for seed in range(60):
        vectors, good = drawn(200, seed=100 + seed)
        others, truth = drawn(4000, seed=1000 + seed)
        head = fit_quality_head(vectors, good)
        limit = head.threshold(0.8)
        if limit.value is None:
            continue
        chosen = head.scores(others) >= limit.value
        kept += 1
        broken += truth[chosen].mean() < 0.8
    assert kept >= 40
    assert broken <= 3


def test_the_threshold_is_the_lowest_with_the_bound_of_clopper_and_pearson() -> None:
    vectors, good = drawn(300, seed=4)
    head = fit_quality_head(vectors, good)
    limit = head.threshold(0.8)
    assert limit.value is not None
    above = head.judged_scores >= limit.value
    assert (limit.judged, limit.good) == (above.sum(), good[above].sum())
    assert limit.precision == pytest.approx(
        beta.ppf(0.05, limit.good, limit.judged - limit.good + 1)
    )
    shares = np.linspace(good.mean() / 2, 1, STEPS)
    bounds = []
    for share in shares:
        kept = head.judged_scores >= np.quantile(head.judged_scores, 1 - share)
        right = good[kept].sum()
        bounds.append(beta.ppf(0.05, right, kept.sum() - right + 1))
    first_low = int(np.argmax(np.array(bounds) < 0.8))
    assert limit.precision == pytest.approx(bounds[first_low - 1])
    assert head.threshold(0.9).judged <= limit.judged


def test_a_precision_out_of_reach_has_no_threshold() -> None:
    rng = np.random.default_rng(0)
    head = fit_quality_head(rng.normal(size=(60, 4)), rng.random(60) > 0.5)
    limit = head.threshold(0.95)
    assert limit.value is None
    assert limit.precision < 0.95


def test_a_head_that_tells_rows_apart_wholly_is_finite() -> None:
    vectors = np.repeat(np.eye(2), 40, axis=0)
    head = fit_quality_head(vectors, np.arange(80) < 40)
    assert np.isfinite(head.weights).all()
    assert head.scores(np.eye(2))[0] > 0.9 > 0.1 > head.scores(np.eye(2))[1]
    assert _calibrated(np.array([1.0, -1.0]), np.array([False, True]))[0] == 0.0


def test_bad_input() -> None:
    vectors, good = drawn(30, seed=0)
    with pytest.raises(InputError, match="20 judged rows or more"):
        fit_quality_head(vectors[:10], good[:10])
    with pytest.raises(InputError, match="good ones and others; got 30, of which 30"):
        fit_quality_head(vectors, np.ones(30, bool))
    with pytest.raises(InputError, match="shape"):
        fit_quality_head(vectors, good[:-1])
    head = fit_quality_head(vectors, good)
    with pytest.raises(InputError, match="must have 12 columns, got 3"):
        head.scores(np.ones((2, 3)))
    with pytest.raises(InputError, match="precision"):
        head.threshold(1.5)
