"""Wrong labels count as a run would leave them out: surely, or by how likely its trial finds."""

from __future__ import annotations

import pytest

from thresher.app.advising import noise
from thresher.app.steps import label_trial


def test_the_trial_is_that_of_a_run():
    for name in ("FEWEST_ROWS", "FEWEST_FLAGS", "MOST_ROWS", "SURE"):
        assert getattr(noise, name) == getattr(label_trial, name)


@pytest.mark.parametrize(
    ("gain", "rows", "chance"),
    [
        # 100 · 0.3 / √900 is an error of a point; a gain is found where it is above 1.96 of them.
        (1.96, 900, 0.5),
        (0.0, 900, 0.025),
        (3.92, 900, 0.975),
        (9.0, 100, 0.0),
        # More rows than the trial looks at tell no more.
        (1.96 / (6000 / 900) ** 0.5, 60_000, 0.5),
    ],
)
def test_the_chance_of_a_trial_is_that_of_a_normal_error(gain, rows, chance):
    found = noise._chance_of_dropping(gain, 0.3, rows=rows)
    assert found == pytest.approx(chance, abs=1e-3)
