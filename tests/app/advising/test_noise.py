"""Wrong labels count as a run would leave them out: surely, or by how likely its trial finds."""

from __future__ import annotations

import numpy as np
import pytest

from thresher.app.advising import noise
from thresher.app.advising.levers import Estimate
from thresher.app.advising.sample import Sample
from thresher.app.steps import label_trial


def test_the_trial_is_that_of_a_run():
    for name in ("FEWEST_ROWS", "FEWEST_FLAGS", "MOST_ROWS"):
        assert getattr(noise, name) == getattr(label_trial, name)


@pytest.mark.parametrize(
    ("gain", "rows", "chance"),
    [
        # 100 · 0.3 / √900 is an error of a point; a gain is found where it is above 1.96 of them.
        (1.96, 900, 0.5),
        (0.0, 900, 0.025),
        (3.92, 900, 0.975),
        (9.0, 59, 0.0),
        # More rows than the trial looks at tell no more.
        (1.96 / (6000 / 900) ** 0.5, 60_000, 0.5),
    ],
)
def test_the_chance_of_a_trial_is_that_of_a_normal_error(gain, rows, chance):
    found = noise._chance_of_dropping(Estimate(gain, gain, gain), 0.3, rows=rows)
    assert found == pytest.approx(chance, abs=1e-3)


def test_what_is_less_sure_is_less_likely_to_be_found():
    sure, unsure = (Estimate.around(4.0, spread) for spread in (0.1, 3.0))
    chances = [noise._chance_of_dropping(gain, 0.3, rows=900) for gain in (sure, unsure)]
    assert chances[0] > 0.95
    assert 0.5 < chances[1] < 0.85


def test_networks_gain_without_the_wrong_labels_that_they_learn_by_heart():
    rng = np.random.default_rng(0)
    right = rng.integers(3, size=700)
    x = (2.0 * np.eye(3)[right] @ rng.normal(size=(3, 20))).astype(np.float32)
    x += rng.normal(scale=1.5, size=x.shape).astype(np.float32)
    codes = np.where(rng.random(700) < 0.25, (right + 1) % 3, right)
    noisy, clean = (
        noise.wrong_labels(Sample(x, x, labels, 700, 700), "text") for labels in (codes, right)
    )
    assert noisy.points.value > 2
    assert abs(clean.points.value) < 0.5
