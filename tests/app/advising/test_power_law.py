"""The learning curve: exact curves are found again, and their spread is that of the repeats."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from thresher.app.advising.curve import Curve
from thresher.app.advising.power_law import RATES, PowerLaw, fit_power_law, resampled_laws

SIZES = np.array([50, 100, 200, 400, 800], dtype=float)


@pytest.mark.parametrize("rate", [RATES[10], RATES[30], RATES[45]])
@pytest.mark.parametrize("floor", [0.0, 0.08])
def test_an_exact_curve_is_found_again(rate, floor):
    law = PowerLaw(floor, 0.9, float(rate))
    found = fit_power_law(SIZES, law(SIZES))
    assert found.rate == pytest.approx(rate)
    assert found.floor == pytest.approx(floor, abs=1e-6)
    assert found.scale == pytest.approx(0.9, rel=1e-5)
    assert found(6400) == pytest.approx(floor + 0.9 * 6400.0**-rate, abs=1e-7)


def test_errors_that_do_not_fall_give_a_flat_curve():
    law = fit_power_law(SIZES, np.full(5, 0.3))
    assert law(1e6) == pytest.approx(0.3, abs=1e-6)


def test_errors_that_rise_are_not_made_to_fall():
    law = fit_power_law(SIZES, np.array([0.1, 0.12, 0.14, 0.16, 0.18]))
    assert law.scale == 0
    assert law(1e6) == pytest.approx(0.14)


def test_equal_repeats_have_no_spread_and_unequal_ones_have():
    exact = PowerLaw(0.1, 0.9, 0.5)(SIZES)
    rng = np.random.default_rng(0)
    equal = resampled_laws(SIZES, np.stack([exact] * 4, axis=1), rng=rng, draws=20)
    drawn = np.stack([law(SIZES * 2) for law in equal])
    assert np.ptp(drawn, axis=0).max() == pytest.approx(0, abs=1e-12)
    noisy = exact[:, None] + rng.normal(scale=0.02, size=(5, 10))
    unequal = resampled_laws(SIZES, noisy, rng=rng, draws=100)
    assert np.std([law(1600.0) for law in unequal]) > 0.003


def test_points_of_a_curve_are_those_of_its_law():
    law = PowerLaw(0.05, 1.2, float(RATES[30]))
    curve = Curve(SIZES.astype(int), np.stack([law(SIZES)] * 5, axis=1), 2000, 2000)
    gain = curve.points(2000, 4000)
    expected = 100 * float(law(2000) - law(4000))
    assert gain.value == pytest.approx(expected, abs=1e-3)
    assert gain.high - gain.low == pytest.approx(0, abs=1e-6)
    assert curve.slope(2000) == pytest.approx(100 * float(law(1000) - law(2000)), abs=1e-3)


def test_half_of_rows_with_copies_is_more_than_half_of_the_different_ones():
    errors = np.stack([PowerLaw(0.05, 1.2, float(RATES[30]))(SIZES)] * 5, axis=1)
    assert Curve(SIZES.astype(int), errors, 2000, 2000).half == 1000
    assert Curve(SIZES.astype(int), errors, 1500, 2000).half == 1000
    assert Curve(SIZES.astype(int), errors, 800, 2000).half == 800


def test_the_fit_is_that_of_bounded_least_squares():
    rng = np.random.default_rng(0)
    for _ in range(20):
        sizes = np.unique(rng.integers(10, 1000, 6)).astype(float)
        errors = 0.1 * rng.random(len(sizes)) + rng.random() * sizes ** -rng.random()
        found = fit_power_law(sizes, errors)
        residual = min(
            nnls(np.stack([np.ones(len(sizes)), (sizes / sizes[0]) ** -rate], axis=1), errors)[1]
            for rate in RATES
        )
        assert np.linalg.norm(found(sizes) - errors) == pytest.approx(residual, abs=1e-9)
