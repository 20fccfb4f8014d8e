import numpy as np
import pytest
from scipy.stats import beta

from active_learning import estimate_accuracy, lure_weights
from active_learning.estimates.accuracy import CROSS_FITTED
from active_learning.strategies.strategy import draw_without_replacement
from thresher.core.errors import InputError


def shortest(posterior):
    """Return the ends of the shortest 95 % interval on the arcsine scale."""
    tails = np.linspace(0, 0.05, 2001)
    ends = posterior.ppf([tails, tails + 0.95])
    return ends[:, np.diff(np.arcsin(np.sqrt(ends)), axis=0).argmin()]


@pytest.mark.parametrize(("right", "labels"), [(3, 4), (19, 20), (0, 10), (45, 60)])
def test_without_a_model_it_is_the_shortest_interval_of_jeffreys_prior(right, labels):
    found = estimate_accuracy(np.arange(labels) < right)
    posterior = beta(right + 1 / 2, labels - right + 1 / 2)
    low, high = shortest(posterior)
    assert found.labels == labels
    assert found.value == pytest.approx(posterior.mean(), abs=0.005)
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.01)


@pytest.mark.parametrize("labels", [300, 2_000, 20_000, 300_000])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_many_labels_have_the_interval_of_jeffreys_prior_too(labels, share):
    right = round(share * labels)
    found = estimate_accuracy(np.arange(labels) < right)
    posterior = beta(right + 1 / 2, labels - right + 1 / 2)
    low, high = shortest(posterior)
    assert found.value == pytest.approx(posterior.mean(), abs=0.02 * posterior.std())
    assert found.high - found.low == pytest.approx(high - low, rel=0.02)
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.2 * posterior.std())


def test_expectations_that_say_nothing_leave_many_labels_their_interval():
    rng = np.random.default_rng(0)
    right, expected = rng.random(20_000) < 0.9, rng.uniform(0.05, 0.95, 20_000)
    found = estimate_accuracy(right, expected=expected, expected_mean=float(expected.mean()))
    plain = estimate_accuracy(right)
    assert [found.low, found.high] == pytest.approx([plain.low, plain.high], abs=2e-4)


def test_labels_judged_by_models_that_lack_them_count_for_less():
    right = np.arange(40) < 30
    found, plain = estimate_accuracy(right, cross_fitted=True), estimate_accuracy(right)
    posterior = beta(CROSS_FITTED * 30 + 1 / 2, CROSS_FITTED * 10 + 1 / 2)
    assert found.value == pytest.approx(posterior.mean(), abs=0.005)
    assert found.labels == 40
    assert found.high - found.low > plain.high - plain.low


def test_right_and_wrong_rows_have_mirrored_intervals():
    right = np.arange(20) < 17
    found, mirrored = estimate_accuracy(right), estimate_accuracy(~right)
    assert [1 - mirrored.high, 1 - mirrored.low] == pytest.approx([found.low, found.high], abs=1e-6)


def test_a_pool_that_is_easier_than_the_labels_counts_for_more():
    rng = np.random.default_rng(2)
    expected = rng.uniform(0.5, 1.0, 20000)
    right = (rng.random(20000) < expected).astype(float)
    labeled = np.argsort(expected + rng.normal(scale=0.3, size=20000))[:2000]
    given = {"expected": expected[labeled], "expected_mean": float(expected.mean())}
    with_model = estimate_accuracy(right[labeled], **given).value
    plain = estimate_accuracy(right[labeled]).value
    assert abs(with_model - right.mean()) < 0.4 * abs(plain - right.mean())


def test_no_error_seen_still_gives_an_interval():
    found = estimate_accuracy(np.ones(10), expected=np.full(10, 0.99), expected_mean=0.99)
    assert found.low < 0.9
    assert found.value > 0.95


def test_few_rows_left_and_unequal_weights_widen_the_interval():
    right, weights = np.arange(30) % 5 > 0, np.where(np.arange(30) % 10 < 5, 0.2, 1.8)
    plain = estimate_accuracy(right)
    for other in ({"pool_size": 20}, {"weights": weights}):
        found = estimate_accuracy(right, **other)
        assert found.high - found.low > 1.1 * (plain.high - plain.low)


def test_lure_weights_are_one_for_uniform_draws():
    weights = lure_weights(1.0 / (50 - np.arange(20)), pool_size=50)
    np.testing.assert_allclose(weights, 1.0)


def test_lure_takes_the_bias_away():
    rng = np.random.default_rng(0)
    right = rng.random(200) < 0.8
    scores = np.where(right, 0.3, 1.0)
    plain, weighted = [], []
    for _ in range(400):
        places, chances = draw_without_replacement(scores, n=40, rng=rng)
        weights = lure_weights(chances, pool_size=200)
        plain.append(right[places].mean())
        weighted.append(np.mean(weights * right[places]))
    truth = right.mean()
    assert abs(np.mean(plain) - truth) > 0.2
    assert abs(np.mean(weighted) - truth) < 4 * np.std(weighted) / 20


@pytest.mark.parametrize("truth", [0.6, 0.9])
def test_intervals_hold_the_truth_as_often_as_they_say(truth):
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        found = estimate_accuracy(rng.random(60) < truth)
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 400 <= 0.99


def test_bad_input():
    with pytest.raises(InputError, match="No labeled row"):
        estimate_accuracy(np.array([]))
    with pytest.raises(InputError, match="different lengths"):
        estimate_accuracy(np.ones(3), weights=np.ones(2))
    with pytest.raises(InputError, match="Give both"):
        estimate_accuracy(np.ones(3), expected=np.ones(3))
    with pytest.raises(InputError, match=r"must be in \(0, 1\], got 0"):
        lure_weights(np.array([0.5, 0.0]), pool_size=5)
