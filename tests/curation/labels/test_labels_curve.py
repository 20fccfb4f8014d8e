from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import logistic, multivariate_normal

from curation.labels.curve import (
    ACCUSED,
    DOUBT,
    IGNORANCE,
    decide,
    seen_from,
    stated_log_odds,
    stated_precision,
    still_none_wrong,
)
from curation.labels.odds import in_order_of, logit, sigmoid, tempered

SURE = np.diag([1e-10, 1e-10])


def test_the_flags_have_the_highest_expected_f1():
    rng = np.random.default_rng(1)
    errors = rng.beta(0.3, 2, 150)
    expected = []
    for cut in np.sort(errors)[::-1]:
        chosen = errors >= cut
        expected.append(2 * errors[chosen].sum() / (chosen.sum() + errors.sum()))
    best = np.sort(errors)[::-1][int(np.argmax(expected))]
    decision = decide(1 - errors, SURE)
    assert 1 - decision.threshold == pytest.approx(max(best, 0.3))
    assert decision.noise_rate.estimate == pytest.approx(errors.mean(), rel=1e-3)


def test_nothing_is_flagged_where_nothing_may_be_wrong():
    assert decide(np.full(5, 1 - 1e-4), SURE).threshold == 0
    assert decide(np.full(500, 0.8), SURE).threshold < 0.8  # no row is likely enough
    assert decide(np.empty(0), SURE).threshold == 0
    unknown = decide(np.full(500, 1.0), IGNORANCE)
    assert unknown.threshold == 0
    assert (unknown.noise_rate.low, unknown.noise_rate.high) == pytest.approx((0, 1), abs=1e-3)
    assert not unknown.noise_rate.known


def test_the_range_of_the_rate_is_that_of_all_likely_curves_and_of_chance():
    u = np.random.default_rng(0).normal(-2, 2, 4000)
    doubt = np.array([[0.5, 0.05], [0.05, 0.04]])
    curves = multivariate_normal([0, 1], doubt).rvs(4000, random_state=0)
    rates = logistic.cdf(curves[:, :1] + curves[:, 1:] * u[::8]).mean(axis=1)
    rate = decide(sigmoid(-u), doubt).noise_rate
    assert rate.estimate == pytest.approx(rates.mean(), abs=0.02)
    assert rate.low == pytest.approx(np.quantile(rates, 0.025), abs=0.02)
    assert rate.high == pytest.approx(np.quantile(rates, 0.975), abs=0.04)
    few = decide(sigmoid(-u[:40]), SURE).noise_rate
    errors = sigmoid(u[:40])
    deviation = np.sqrt((errors * (1 - errors)).sum()) / 40
    assert few.high - few.low == pytest.approx(2 * 1.96 * deviation, rel=0.25)


def test_the_precision_is_given_only_where_it_is_known():
    scores, flagged = np.full(400, 0.05), np.ones(400, dtype=bool)
    expected, least = stated_precision(scores, flagged, SURE)
    assert expected == pytest.approx(0.95, abs=0.01)
    assert 0.9 < least < 0.95
    assert stated_precision(scores, flagged, DOUBT / 4)[0] is not None
    unsure, least = stated_precision(np.full(400, 0.5), flagged, DOUBT)
    assert unsure is None
    assert least < 0.25
    _, least = stated_precision(scores[:1], flagged[:1], SURE)
    assert least < 0.7  # one row is right or not
    assert stated_precision(scores, ~flagged, SURE) == (None, 0.0)
    assert stated_precision(scores, flagged, None) == (None, 0.0)


def test_a_covariance_is_turned_to_the_line_that_is_stated():
    rng = np.random.default_rng(0)
    line, covariance = np.array([-1.0, 0.5]), np.array([[1.0, 0.1], [0.1, 0.05]])
    draws = multivariate_normal(line, covariance).rvs(200_000, random_state=0)
    t = rng.normal(size=3)
    beta = draws[:, 1] / line[1]
    alpha = draws[:, 0] - line[0] * beta
    np.testing.assert_allclose(
        alpha[:, None] + beta[:, None] * (line[0] + line[1] * t), draws[:, :1] + draws[:, 1:] * t
    )
    found = seen_from(line, covariance)
    np.testing.assert_allclose(found, np.cov(alpha, beta), rtol=0.03, atol=0.01)


def test_log_odds_keep_their_order_at_both_ends():
    scores = np.array([0.0, 5e-324, 1e-300, 1e-17, 1e-4, 0.5, 1 - 1e-15, 1 - 1e-16, 1.0])
    stated = stated_log_odds(scores)
    assert np.isfinite(stated).all()
    assert (np.diff(stated) <= 0).all()
    assert len(np.unique(stated[1:-1])) == len(stated) - 2
    np.testing.assert_allclose(sigmoid(logit(scores[2:6])), scores[2:6], rtol=1e-12)
    assert np.array_equal(tempered(np.array([-3.0, 2.0]), plain=4.0), [-3.0, 2.0])
    assert tempered(np.array([5.0]), plain=4.0) == pytest.approx(4 + np.log(2))


def test_numbers_that_were_apart_never_meet():
    before = np.array([0.1, 0.5, 0.5 + 2**-53, 0.5 + 2**-52, 0.5, 1 - 2**-53, 1.0])
    moved = in_order_of(np.full(7, 1.0), before)
    assert np.array_equal(np.argsort(moved, kind="stable"), np.argsort(before, kind="stable"))
    assert len(np.unique(moved)) == len(np.unique(before))
    assert (np.abs(moved - 1) < 1e-14).all()
    assert in_order_of(np.empty(0), np.empty(0)).shape == (0,)


@pytest.mark.parametrize("none_wrong", [0.0, 0.2, 0.5])
def test_what_flags_cost_where_nothing_is_wrong_is_taken_off_their_worth(none_wrong):
    # One row is likely wrong and few others are, so that the range begins at 0.
    errors = np.append(0.97, np.linspace(0.5, 0.0001, 299) ** 6)
    ends, total = np.arange(1, 301), errors.sum()
    expected = 2 * np.cumsum(errors) / (ends + total)
    worth = (1 - none_wrong) * expected - none_wrong * ACCUSED * ends / 300
    decision = decide(1 - errors, SURE, none_wrong=none_wrong)
    assert decision.none_wrong == none_wrong
    assert ((1 - errors) < decision.threshold).sum() == worth.argmax() + 1
    assert decide(1 - errors, SURE, none_wrong=0.95).threshold == 0


def test_nothing_else_weighs_where_some_labels_are_surely_wrong():
    u = np.random.default_rng(0).normal(-2, 2, 2000)
    doubt, scores = np.diag([0.5, 0.04]), sigmoid(-u)
    some = decide(scores, doubt)
    assert some.noise_rate.low > 0
    assert decide(scores, doubt, none_wrong=0.9) == some


def test_no_last_digit_decides_whether_the_range_begins_at_0():
    u = np.random.default_rng(0).normal(-2, 2, 2000)
    doubt = np.diag([0.5, 0.04])
    shifts = np.linspace(-5, 1, 121)
    found = [decide(sigmoid(-(u + shift)), doubt, none_wrong=0.5) for shift in shifts]
    reaches = np.array([one.reaches_none for one in found])
    lows = np.array([one.noise_rate.low for one in found])
    assert (reaches[0], reaches[-1], lows[0]) == (1, 0, 0)
    assert np.abs(np.diff(reaches)).max() < 0.1  # with a step it would be 1
    assert np.abs(np.diff(lows)).max() < 0.02  # and so much as the lowest lower end
    np.testing.assert_allclose([one.none_wrong for one in found], 0.5 * reaches)


def test_what_is_said_takes_in_that_nothing_may_be_wrong():
    u = np.random.default_rng(0).normal(-4, 2, 2000)
    doubt, scores = np.diag([4.0, 0.04]), sigmoid(-u)
    some = decide(scores, doubt).noise_rate
    few = decide(scores, doubt, none_wrong=0.3).noise_rate
    assert (few.low, few.high) == (some.low, some.high)
    assert few.low == 0
    assert few.estimate == pytest.approx(0.7 * some.estimate)
    scores = sigmoid(-np.random.default_rng(0).normal(-2, 2, 2000))
    flagged = scores < 0.2
    precision, least = stated_precision(scores, flagged, SURE, none_wrong=0.04)
    bare, bound = stated_precision(scores, flagged, SURE)
    assert precision == pytest.approx(0.96 * bare)
    assert 0 < least < bound
    assert stated_precision(scores, flagged, SURE, none_wrong=0.06)[1] == 0
    assert stated_precision(scores, flagged, SURE, none_wrong=1.0)[1] == 0


def test_right_rows_say_how_likely_it_is_that_nothing_is_wrong():
    log_odds = np.array([0.0, 1.0])
    all_right = (1 - sigmoid(log_odds)).prod()
    expected = 0.2 / (0.2 + 0.8 * all_right)
    assert still_none_wrong(log_odds, SURE, 0.2) == pytest.approx(expected, rel=1e-3)
    assert still_none_wrong(log_odds, SURE, 0.0) == 0
    assert still_none_wrong(np.empty(0), SURE, 0.2) == pytest.approx(0.2)
