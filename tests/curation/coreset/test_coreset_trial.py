from __future__ import annotations

import numpy as np
import pytest

from curation.coreset import greedy, select_coreset
from curation.coreset.picking import UNCERTAIN, weigh
from curation.coreset.trial import FEATURES, SAMPLE, TRIED, Trial, network_features
from thresher.core.embeddings import unit_length


def rings(n=400, seed=0):
    """Two classes that no line parts: near the axes, and between them."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    angle = rng.integers(0, 4, n) * np.pi / 2 + y * np.pi / 4 + rng.normal(0, 0.1, n)
    return unit_length(np.stack([np.cos(angle), np.sin(angle)], axis=1)).astype(np.float32), y


def test_every_method_is_tried_and_the_best_is_named():
    X, y = rings()
    trial = Trial(X, y, rng=np.random.default_rng(0))
    best, reached = trial.best(0.05, demand=np.ones(len(y)))
    assert set(reached) == set(TRIED)
    assert reached[best] == max(reached.values())
    assert reached["facility_location"] > 0.95
    again = Trial(X, y, rng=np.random.default_rng(0)).best(0.05, demand=np.ones(len(y)))
    assert again == (best, reached)


def test_of_equally_good_methods_the_first_is_taken():
    X = np.eye(2, dtype=np.float32)[np.arange(40) % 2]
    best, reached = Trial(X, np.arange(40) % 2, rng=np.random.default_rng(0)).best(
        0.5, demand=np.ones(40)
    )
    assert set(reached.values()) == {1.0}
    assert best == UNCERTAIN


def test_a_row_of_weight_nothing_is_predicted_and_not_learnt_from():
    X, y = rings()
    trial = Trial(X, y, rng=np.random.default_rng(0))
    assert trial.accuracy() == trial.accuracy(np.ones(len(y), np.float32)) > 0.95
    assert trial.accuracy(np.zeros(len(y), np.float32)) == pytest.approx(0.5)


def test_large_data_are_tried_on_a_sample():
    X, y = rings(SAMPLE + 500)
    trial = Trial(X, y, rng=np.random.default_rng(0))
    assert len(trial.rows) == len(set(trial.rows.tolist())) == SAMPLE


def test_short_vectors_get_random_features_and_long_ones_none():
    assert network_features(rings()[0]).shape == (400, FEATURES)
    assert network_features(np.eye(FEATURES + 9, dtype=np.float32)).shape[1] == FEATURES + 9
    assert np.isfinite(network_features(np.zeros((5, 3), np.float32))).all()


def test_classes_that_no_line_parts_are_told_all_the_same():
    X, y = rings()
    core = select_coreset(X, n=40, labels=y)
    assert core.method in (UNCERTAIN, "facility_location")
    assert "fitted to core sets of 400 of them" in core.reason
    noise = np.random.default_rng(1).permutation(y)
    assert select_coreset(X, n=40, labels=noise).method == "random"


def test_weights_count_the_nearest_rows_of_the_shard(monkeypatch):
    monkeypatch.setattr(greedy, "SHARD", 50)
    X = unit_length(np.random.default_rng(0).normal(size=(300, 4))).astype(np.float32)
    y = np.arange(300) % 2
    positions = np.random.default_rng(1).permutation(300)[:60]
    counts = np.zeros(300)
    for code in (0, 1):
        for shard in greedy.neighboring_shards(X, np.flatnonzero(y == code)):
            near = np.intersect1d(shard, positions)
            np.add.at(counts, near[(X[shard] @ X[near].T).argmax(axis=1)], 1)
    expected = np.maximum(counts[positions], 1)
    assert weigh("k_center", X, y, positions) == pytest.approx(expected / expected.mean())
    one = weigh("facility_location", X, y, positions[:1])  # five shards have none of their own
    assert one.tolist() == [1.0]
