"""What a lever is worth, in which order they come, and what is said of them."""

from __future__ import annotations

import math

import pytest

from thresher.app.advising.choosing import choose_bottleneck, said, sentences
from thresher.app.advising.full_run import Purse
from thresher.app.advising.levers import (
    Z80,
    Bottleneck,
    Estimate,
    Lever,
    lever_from,
    ranked,
    unprobed,
)
from thresher.app.advising.transfer import (
    AUGMENTED,
    FEWER_EPOCHS,
    HEAD_ON_VIEWS,
    RECOVERED,
    SPREADS,
    augmented,
    combined,
    fewer_epochs_points,
    recovered,
    widened,
)

NONE = Estimate(0.0, 0.0, 0.0)


def lever(
    name="a", times=(1.0, 1.0, 1.0), points=(0.0, 0.0, 0.0), cost=0.0, on=("cost",), found=True
):
    return Lever(name, "do", on, Estimate(*times), Estimate(*points), cost, "seen", found=found)


def test_a_half_is_worth_one_and_so_is_a_point():
    assert lever(times=(2, 2, 2)).worth.value == 1
    assert lever(points=(1, 0, 2)).worth == Estimate(1, 0, 2)
    both = lever(times=(2, 1, 4), points=(-1, -2, 1)).worth
    assert both.value == 0
    assert both.low == pytest.approx(-math.hypot(1, 1))
    assert both.high == pytest.approx(math.hypot(1, 2))


def test_its_own_cost_divides_the_return():
    assert lever(times=(4, 4, 4), cost=1.0).returns == 1
    assert lever(times=(4, 4, 4)).returns == 2


@pytest.mark.parametrize(
    ("points", "verdict"),
    [
        ((1, 0.1, 2), "pays"),
        ((1, -0.1, 2), "cannot tell"),
        ((-1, -2, -0.1), "does not pay"),
        ((0, 0, 0.01), "does not pay"),
    ],
)
def test_a_lever_pays_where_its_interval_excludes_nothing(points, verdict):
    assert lever(points=points).verdict == verdict


def test_levers_come_by_return_and_unprobed_ones_last():
    levers = [
        lever("small", times=(2, 2, 2)),
        unprobed("unknown", "do", ("cost",), "no time"),
        lever("large", times=(4, 4, 4)),
        lever("dear", times=(4, 4, 4), cost=3.0),
        lever("other", times=(9, 9, 9), on=("size",)),
    ]
    names = [one.name for one in ranked(levers, "cost")]
    assert names == ["large", "small", "dear", "unknown"]


def test_a_lever_is_read_back_as_it_was():
    one = lever(times=(2, 1.5, 3), points=(-1, -2, 0), cost=0.5)
    assert lever_from(one.to_json()) == one
    none = unprobed("x", "do", ("size",), "no time")
    assert lever_from(none.to_json()) == none
    assert none.verdict == "not probed"
    clean = lever(points=(0, -0.5, 0.5), found=False)
    assert lever_from(clean.to_json()) == clean
    assert clean.verdict == "nothing to leave out"


def test_the_first_that_pays_is_said_first_and_weak_evidence_last():
    levers = ranked(
        [lever("halve", times=(2, 2, 2)), lever("doubt", points=(0.2, -1, 1.4))], "cost"
    )
    text = sentences(Bottleneck("cost"), levers)
    assert text.startswith("For cost, halve first: 2 times less of it at +0.0 points")
    assert text.endswith("cannot tell whether to doubt.")


def test_nothing_pays_is_said():
    levers = [lever("doubt", points=(0.2, -1, 1.4)), lever("worse", points=(-2, -3, -1))]
    text = sentences(Bottleneck("cost"), levers)
    assert text.startswith("Nothing surely pays here for cost: of the levers probed (2) none")
    sure = sentences(Bottleneck("cost"), levers[1:])
    assert sure.startswith("Nothing pays here for cost: of the levers probed (1) none")
    clean = lever("clean", points=(0, -0.5, 0.5), found=False)
    assert sentences(Bottleneck("cost"), [levers[1], clean]) == sure.replace("(1)", "(2)")
    quiet = sentences(Bottleneck("cost"), [unprobed("x", "do", ("cost",), "no time")])
    assert "1 more would take longer to probe" in quiet


def test_more_of_it_is_said_as_such():
    assert said(lever(times=(0.5, 0.5, 0.5), points=(3, 2, 4))) == (
        "2 times more of it at +3.0 points (+2.0 to +4.0)"
    )
    assert said(lever(points=(3, 2, 4))) == "+3.0 points (+2.0 to +4.0)"
    assert said(lever(times=(1.001, 1.0, 1.002))) == "+0.0 points (+0.0 to +0.0)"


def test_what_presses_most_is_chosen_with_the_reason():
    found = choose_bottleneck({"labels": 3.0, "cost": 900.0, "size": 5e5})
    assert found.name == "labels"
    assert found.reason == (
        "it lies furthest above what is comfortable: twice the labels would win 3.0 points "
        "(comfortable: 1); beside it, a full run takes about 900 CPU-seconds (comfortable: 600); "
        "the student's file has 500,000 bytes (comfortable: 1,000,000)"
    )
    calm = choose_bottleneck({"labels": 0.2, "cost": 300.0})
    assert calm.name == "cost"
    assert calm.reason.startswith("nothing lies above what is comfortable, and this comes")


def test_widening_adds_variances():
    fixed, share = SPREADS["core set"]
    found = widened(Estimate.around(-2.0, 0.5), "core set")
    assert found.value == -2
    assert found.spread == pytest.approx(math.sqrt(0.5**2 + fixed**2 + (2 * share) ** 2))


def test_an_estimate_lies_in_its_interval():
    with pytest.raises(ValueError, match="outside"):
        Estimate(1.0, 2.0, 3.0)
    assert Estimate(1.0, 0.0, 2.0).holds(2.0)
    assert not Estimate(1.0, 0.0, 2.0).holds(2.1)


def test_two_estimates_count_by_their_precision():
    both = combined(Estimate.around(2.0, 1.0), Estimate.around(-1.0, 0.5))
    assert both.value == pytest.approx((1 * 2.0 + 4 * -1.0) / 5)
    assert both.spread == pytest.approx(5**-0.5)


def test_what_augmentation_wins_lies_between_the_head_and_other_sets():
    usual = 100 * 0.4 * AUGMENTED[0]
    found = augmented(Estimate.around(1.0, 0.5), 0.4)
    assert 1.0 < found.value < usual
    # Both count by their precision, so that the sum is surer than either.
    assert found.spread < 100 * 0.4 * AUGMENTED[1] < HEAD_ON_VIEWS
    # Where hardly anything is wrong there is hardly anything to win.
    assert abs(augmented(Estimate.around(1.0, 0.5), 0.0).value) < 0.01


def test_what_choosing_recovers_is_a_share_of_the_loss_and_never_surely_nothing():
    mean, spread = RECOVERED["core set"]
    found = recovered(4.0, "core set")
    assert found.value == pytest.approx(4 * mean)
    assert found.spread == pytest.approx(4 * spread)
    assert recovered(-1.0, "core set") == Estimate.around(0.0, 0.5)


def test_nothing_is_written_with_a_minus():
    assert said(lever(points=(-0.01, -0.04, 0.03))) == ("+0.0 points (+0.0 to +0.0)")


def test_what_may_be_spent_is_planned_alike_on_slow_machines():
    slow = Purse(1.5, slowness=3.0)
    assert slow.seconds == 4.5
    assert slow.allows(1.5)
    assert not slow.allows(1.6)
    slow.spent = 3.0
    assert slow.allows(0.5)
    assert not slow.allows(0.6)
    assert "takes about 1.8 CPU-seconds; 3.0 of 4.5 are spent" in slow.refusal(0.6)


@pytest.mark.parametrize("modality", FEWER_EPOCHS)
def test_what_fewer_epochs_win_is_won_by_a_run_already(modality):
    winning, losing = (fewer_epochs_points(modality, seen) for seen in (20.0, -20.0))
    assert winning.value == 0
    assert winning.low == pytest.approx(-Z80 * FEWER_EPOCHS[modality].spread)
    assert winning.high > 2
    assert losing.value < -2
    assert losing.low < losing.value
