"""Places: a range where intervals do not tell levers apart, and what is said of those level."""

from __future__ import annotations

import math

import pytest

from tests.app.advising.test_levers import lever
from thresher.app.advising.choosing import range_said, sentences
from thresher.app.advising.levers import Bottleneck, Estimate, ranked, unprobed
from thresher.app.advising.places import around_first, places, surely_ahead


@pytest.mark.parametrize("gap", [0.99, 1.01])
def test_ahead_is_sure_where_the_other_order_has_a_chance_below_a_fifth(gap):
    # Normal errors with deviations 3 and 4 differ by 5: 0.84162 of them leave a fifth.
    step = 0.8416212 * 5 * gap
    assert surely_ahead(Estimate.around(step, 3), Estimate.around(0, 4)) == (gap > 1)


def test_only_the_sides_that_face_each_other_count():
    high, low = Estimate(2.0, 1.9, 90.0), Estimate(1.0, -90.0, 1.1)
    assert surely_ahead(high, low)
    assert not surely_ahead(low, high)
    assert not surely_ahead(high, high)


def test_what_pulling_costs_narrows_its_interval_too():
    dear = lever(points=(4, 2, 6), cost=1.0).returned
    assert (dear.value, dear.low, dear.high) == (2, 1, 3)
    assert lever(points=(4, 2, 6), cost=1.0).returns == 2


def test_a_place_is_one_number_where_intervals_tell_and_a_range_where_not():
    levers = ranked(
        [
            lever("first", points=(9, 8.9, 9.1)),
            lever("wide", points=(2, -2, 6)),
            lever("narrow", points=(1, 0.9, 1.1)),
            lever("last", points=(-5, -6, -4)),
            unprobed("unknown", "do", ("cost",), "no time"),
            lever("clean", points=(0, -0.5, 0.5), found=False),
        ],
        "cost",
    )
    assert places(levers) == [(1, 1), (2, 3), (2, 3), (4, 4), None, None]
    assert [range_said(*place) for place in places(levers)[:2]] == ["1", "2 to 3"]


def test_level_is_no_chain():
    one, two, three = (lever(str(at), points=(at, at - 1, at + 1)) for at in (2.0, 1.2, 0.4))
    # 0.8 apart is level, 1.6 is not: 0.6567 of √2.
    assert 0.8 < 0.6567 * math.sqrt(2) < 1.6
    assert places([one, two, three]) == [(1, 2), (1, 3), (2, 3)]


def test_what_is_level_with_the_one_advised_is_said():
    levers = ranked(
        [
            lever("sure", points=(2, 1.5, 2.5)),
            lever("doubt", points=(1, -2, 4)),
            lever("above", points=(2.1, -2, 6)),
            lever("last", points=(-5, -6, -4)),
        ],
        "cost",
    )
    above, level = around_first(levers)
    assert [[one.name for one in found] for found in (above, level)] == [["above"], ["doubt"]]
    text = sentences(Bottleneck("cost"), levers)
    assert text.startswith("For cost, sure first: +2.0 points (+1.5 to +2.5). ")
    assert "Expected to return more, but not sure to pay: above. " in text
    assert "Level with the first, by their intervals: doubt. " in text
    assert text.endswith("The probes cannot tell whether to doubt.")


def test_nothing_is_level_where_nothing_pays_or_all_is_told_apart():
    doubts = [lever("a", points=(1, -2, 4)), lever("b", points=(0, -2, 4))]
    apart = [lever("a", points=(9, 8, 10)), lever("b", points=(0, -1, 1))]
    assert around_first(apart) == ([], [])
    for levers in (doubts, apart):
        assert "Level" not in sentences(Bottleneck("cost"), levers)
