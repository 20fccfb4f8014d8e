"""MaxHerding beside scikit-activeml's own; skipped where that is not installed."""

import numpy as np
import pytest

from active_learning import query
from active_learning.strategies import MaxHerding

pool = pytest.importorskip("skactiveml.pool")


@pytest.mark.parametrize("radius", [0.5, 1.0])
@pytest.mark.parametrize("chosen", [[], [4, 9, 30]])
def test_max_herding_picks_the_rows_of_scikit_activeml(chosen, radius):
    x = np.random.default_rng(3).normal(size=(600, 7))
    labels = np.full(600, np.nan)
    labels[chosen] = 0
    peer = pool.MaxHerding(metric_dict={"gamma": 1 / radius**2}, random_state=0)
    labeled = np.array(chosen, dtype=int)
    found = query(strategy=MaxHerding(radius=radius), embeddings=x, labeled=labeled, n=40)
    assert found.positions.tolist() == peer.query(x, labels, batch_size=40).tolist()
