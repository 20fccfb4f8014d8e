import numpy as np
import pytest

from active_learning import estimate_accuracy, lure_weights
from active_learning.learning_curve import fit_power_law
from active_learning.strategies.strategy import draw_without_replacement
from active_learning.tasks.classification import cohen_kappa
from thresher.core.errors import InputError


def test_plain_mean_by_hand():
    found = estimate_accuracy(np.array([1, 0, 1, 1]))
    assert found.value == 0.75
    assert found.labels == 4
    assert 0 <= found.low < 0.75 < found.high <= 1


def test_expectation_of_the_model_is_added_back():
    found = estimate_accuracy(np.array([1, 0]), expected=np.array([0.9, 0.5]), expected_mean=0.8)
    assert found.value == pytest.approx(0.8 + np.mean([0.1, -0.5]))


def test_no_error_seen_still_gives_an_interval():
    found = estimate_accuracy(np.ones(10))
    assert found.value == 1.0
    assert found.low < 0.99


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
    with pytest.raises(InputError, match="No labelled row"):
        estimate_accuracy(np.array([]))
    with pytest.raises(InputError, match="different lengths"):
        estimate_accuracy(np.ones(3), weights=np.ones(2))
    with pytest.raises(InputError, match="Give both"):
        estimate_accuracy(np.ones(3), expected=np.ones(3))
    with pytest.raises(InputError, match=r"must be in \(0, 1\], got 0"):
        lure_weights(np.array([0.5, 0.0]), pool_size=5)


def test_learning_curve_finds_a_power_law():
    sizes = np.array([50.0, 100, 150, 200])
    curve = fit_power_law(sizes, 0.05 + 2.0 * sizes**-0.5)
    assert curve.labels_for(0.15) == pytest.approx(400, rel=0.01)
    assert curve.labels_for(0.04) == np.inf
    assert curve.labels_for(0.5) == 200
    assert curve.at(400) == pytest.approx(0.15, rel=0.01)


def test_cohen_kappa_by_hand():
    first, second = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    assert cohen_kappa(first, second, n_classes=2) == pytest.approx(0.5)
    assert cohen_kappa(first, first, n_classes=2) == 1.0
