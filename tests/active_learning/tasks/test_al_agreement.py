import numpy as np
import pytest

from active_learning.tasks.classification import cohen_kappa


def test_cohen_kappa_by_hand():
    first, second = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    assert cohen_kappa(first, second, num_classes=2) == pytest.approx(0.5)
    assert cohen_kappa(first, first, num_classes=2) == 1.0
