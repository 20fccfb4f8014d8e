"""Confidence sequences equal those of ville 0.1.0, hold under looks at every value, and go on."""

from __future__ import annotations

import json
from importlib.util import find_spec

import numpy as np
import pytest
from scipy.stats import beta

from lifecycle import ABTest, AsymptoticSequence, BettingSequence, Guard
from thresher.core.errors import InputError


def streams() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {
        "shares": (rng.random(3000) < 0.3).astype(float),
        "differences": rng.choice([-1, 0, 1], 3000, p=[0.03, 0.9, 0.07]).astype(float),
        "uniform": rng.random(500),
        "treated": (treated := (rng.random(3000) < 0.4).astype(float)),
        "outcomes": (rng.random(3000) < np.where(treated, 0.35, 0.3)).astype(float),
    }


# Index, estimate, lower and upper limit, by ville 0.1.0 with numpy 2.4.6 on `streams`.
ASYMPTOTIC = [
    (99, 0.07, -0.03905530747408703, 0.17905530747408704),
    (499, 0.032, -0.010745547903304405, 0.0747455479033044),
    (2999, 0.034, 0.015745798797825405, 0.0522542012021746),
]
BETTING = [
    (49, 0.32, 0.12, 0.505),
    (99, 0.31, 0.158, 0.445),
    (499, 0.276, 0.209, 0.359),
    (2999, 0.2996666666666667, 0.257, 0.335),
]
SIGNED = [(49, 0.06, -0.121, 0.2345), (499, 0.032, -0.01, 0.0875), (2999, 0.034, 0.0155, 0.06)]
AB = [
    (99, 0.24684872921259743, -0.07981013165442996, 0.5735075900796248),
    (2999, 0.05319749264385342, -0.002253505840557342, 0.10864849112826419),
]
AB_BOUNDED = [
    (49, 0.3532836735377791, -0.10925, 0.78325),
    (499, 0.09894167948551846, 0.04925, 0.28575),
    (2999, 0.053475270421637244, 0.04925, 0.153),
]


def test_sequences_equal_pinned_values_of_ville() -> None:
    data = streams()
    treated = {"treated": data["treated"]}
    for bounds, pinned in (
        (AsymptoticSequence().add(data["differences"]), ASYMPTOTIC),
        (BettingSequence().add(data["shares"]), BETTING),
        (BettingSequence(low=-1, alpha=0.02, grid=4001).add(data["differences"]), SIGNED),
        (ABTest(share=0.4).add(data["outcomes"], **treated), AB),
        (ABTest(share=0.4, bounds=[0, 1]).add(data["outcomes"], **treated), AB_BOUNDED),
    ):
        for at, *numbers in pinned:
            shown = bounds.estimate[at], bounds.lower[at], bounds.upper[at]
            np.testing.assert_allclose(shown, numbers, atol=1e-7)


@pytest.mark.skipif(find_spec("ville") is None, reason="pip install ville==0.1.0")
def test_sequences_equal_ville_at_every_value() -> None:
    from ville.means import AsymptoticCS, BettingCS  # type: ignore[import-not-found,unused-ignore]

    data = streams()
    for stream in (data["uniform"], data["shares"]):
        theirs, ours = BettingCS(grid=1001).fit(stream), BettingSequence().add(stream)
        np.testing.assert_array_equal(ours.lower, theirs.lower_)
        np.testing.assert_array_equal(ours.upper, theirs.upper_)
    theirs, ours = (
        AsymptoticCS().fit(data["differences"]),
        AsymptoticSequence().add(data["differences"]),
    )
    np.testing.assert_allclose(ours.lower, theirs.lower_, atol=1e-7)
    np.testing.assert_allclose(ours.upper, theirs.upper_, atol=1e-7)


@pytest.mark.parametrize(
    "make",
    [AsymptoticSequence, BettingSequence, lambda: BettingSequence(low=-2, high=3, grid=101)],
)
def test_parts_and_stored_states_give_the_same_bits(make: object) -> None:
    values = streams()["uniform"]
    whole = make()  # type: ignore[operator]
    bounds = whole.add(values)
    parts = make()  # type: ignore[operator]
    lower = []
    for part in np.split(values, [0, 1, 2, 50, 333]):
        lower += parts.add(part).lower.tolist()
        parts = type(parts).from_json(json.loads(json.dumps(parts.to_json())))
    assert lower == bounds.lower.tolist()
    assert parts.to_json() == whole.to_json()
    assert parts.interval == (bounds.lower[-1], bounds.upper[-1])


def test_misses_over_all_looks_stay_below_alpha() -> None:
    rng = np.random.default_rng(0)
    missed = np.zeros(3)
    for _ in range(200):
        rates = (rng.random(600) < 0.1).astype(float)
        normal = rng.normal(3, 2, 600)
        guard = Guard(limit=0.1, alpha=0.05)
        guard.add(rates)
        for at, bounds, mean in (
            (0, BettingSequence().add(rates), 0.1),
            (1, AsymptoticSequence().add(normal), 3.0),
        ):
            missed[at] += ((bounds.lower > mean) | (bounds.upper < mean)).any()
        missed[2] += guard.tripped_at is not None
    # 5 % of 200 runs.
    assert (missed <= 10).all(), missed


def test_values_that_are_all_the_same_prove_no_more_than_their_number() -> None:
    sequence = AsymptoticSequence(alpha=0.02, low=-1, high=1)
    bounds = sequence.add(np.zeros(400))
    assert bounds.upper[98] == np.inf
    # Clopper and Pearson's upper limit of 0 in n at alpha / 2.
    assert bounds.upper[[99, 399]] == pytest.approx(beta.ppf(0.99, 1, [100, 400]))
    assert (bounds.lower == -bounds.upper).all()
    again = AsymptoticSequence.from_json(json.loads(json.dumps(sequence.to_json())))
    assert again.interval == sequence.interval
    wrong = AsymptoticSequence(alpha=0.02, low=-1, high=1).add(np.ones(400))
    assert (wrong.lower[-1], wrong.upper[-1]) == pytest.approx((1 - 2 * bounds.upper[-1], 1))
    assert AsymptoticSequence().add(np.zeros(400)).upper[-1] == np.inf
    with pytest.raises(InputError, match="number 0"):
        sequence.add([2.0])
    with pytest.raises(InputError, match="`low` must lie below `high`"):
        AsymptoticSequence(low=1, high=1)


def test_a_guard_finds_a_late_fault_about_as_fast_as_an_early_one() -> None:
    rng = np.random.default_rng(1)
    fine, bad = (rng.random(5000) < 0.01), (rng.random(400) < 0.3)
    early, late = Guard(limit=0.02), Guard(limit=0.02)
    early.add(bad)
    late.add(fine)
    assert late.tripped_at is None
    late.add(bad)
    assert early.tripped_at is not None
    assert late.tripped_at is not None
    assert early.tripped_at < 40
    assert late.tripped_at - 5000 < 80


def test_the_capital_of_a_guard_is_a_mixture_over_starts_and_bets() -> None:
    values = streams()["shares"][:200]
    guard = Guard(limit=0.4)
    guard.add(values)
    bets = (geometric := np.geomspace(0.02, 0.9, 8)) / 0.4
    assert geometric[0] == pytest.approx(0.02)
    starts = np.arange(2, 202)
    weights = 1 / (2.109743 * starts * np.log(starts) ** 2)
    factors = 1 + bets * (values[:, None] - 0.4)
    from_start = np.cumprod(factors[::-1], axis=0)[::-1]
    expected = (weights[:, None] * from_start).sum() / 8 + 1 - weights.sum()
    assert guard.evidence == pytest.approx(expected)
    same = Guard(limit=0.4)
    same.add(values, limits=np.full(200, 0.4))
    assert same.evidence == guard.evidence
    with pytest.raises(InputError, match="200 values have 3 limits"):
        same.add(values, limits=[0.1] * 3)


@pytest.mark.parametrize(
    ("values", "named"),
    [([0.1, np.nan], "number 1"), ([[1.0]], "shape"), (["a"], "numbers"), ([2.0], "in \\[0, 1\\]")],
)
def test_values_that_cannot_be_used_are_named(values: list[object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        BettingSequence().add(values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"n": -1}, "`n` must be at least 0"),
        ({"n": 1.5}, "'n' must be int"),
        ({"alpha": 7}, "`alpha`"),
        ({"up": [1.0]}, "do not fit"),
        ({"first": 990}, "do not fit"),
        ({"sum": "many"}, "'sum' must be float"),
        ({"deviation": None}, "'deviation'"),
    ],
)
def test_a_state_edited_into_nonsense_is_named(change: dict[str, object], named: str) -> None:
    sequence = BettingSequence()
    sequence.add([0.0, 1.0])
    with pytest.raises(InputError, match=named):
        BettingSequence.from_json({**sequence.to_json(), **change}, where="canary/state.json")


def test_options_that_make_no_sense_are_refused() -> None:
    for wrong in ({"low": 1.0, "high": 1.0}, {"alpha": 0.0}, {"alpha": 0.7}, {"grid": 3}):
        with pytest.raises(InputError):
            BettingSequence(**wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        Guard(limit=1)
    with pytest.raises(InputError):
        ABTest(share=1.0)
    with pytest.raises(InputError, match="treated"):
        ABTest().add([1.0, 0.0], treated=[1])
