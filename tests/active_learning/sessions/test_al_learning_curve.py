import numpy as np
import pytest

from active_learning.sessions.learning_curve import fit_power_law


def test_learning_curve_finds_a_power_law():
    sizes = np.array([50.0, 100, 150, 200])
    curve = fit_power_law(sizes, 0.05 + 2.0 * sizes**-0.5)
    assert curve.labels_for(0.15) == pytest.approx(400, rel=0.01)
    assert curve.labels_for(0.04) == np.inf
    assert curve.labels_for(0.5) == 200
    assert curve.at(400) == pytest.approx(0.15, rel=0.01)
