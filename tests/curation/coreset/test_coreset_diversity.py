"""NovelSelect and greedy information projection against their definitions, step by step."""

from __future__ import annotations

import numpy as np
import pytest

from curation.coreset import diversity
from curation.coreset.diversity import gip, novelsum
from thresher.core.embeddings import unit_length
from thresher.core.grid import exact_rows


def vectors(n: int, d: int, seed: int = 0) -> np.ndarray:
    return exact_rows(unit_length(np.random.default_rng(seed).normal(size=(n, d))))


def novelty(X: np.ndarray, chosen: list[int]) -> np.ndarray:
    """Return the novelty of all rows by the paper's program, with sorted full distances."""
    distance = 1 - X.astype(np.float64) @ X.T
    near = np.sort(distance + np.diag(np.full(len(X), np.inf)), axis=1)[:, :10]
    density = near.mean(axis=1) ** -0.5
    weighted = distance[:, chosen] * (density[:, None] + density[chosen])
    ranked = np.sort(weighted, axis=1) / np.arange(1, len(chosen) + 1)
    return ranked.sum(axis=1)


def test_novelsum_takes_the_most_novel_row_each_time() -> None:
    X = vectors(80, 5)
    chosen = novelsum(X, 30).tolist()
    assert len(set(chosen)) == 30
    for size in range(1, 30):
        score = novelty(X, chosen[:size])
        score[chosen[:size]] = -np.inf
        assert score[chosen[size]] == pytest.approx(score.max(), rel=1e-9)


def test_ranks_beyond_the_nearest_count_by_their_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    X = vectors(200, 8, seed=1)
    exact = novelsum(X, 60)
    monkeypatch.setattr(diversity, "RANKS", 20)
    assert len(np.intersect1d(exact, novelsum(X, 60))) >= 54


def test_shards_choose_their_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversity, "SHARD", 50)
    chosen = novelsum(vectors(180, 6), 40)
    assert len(set(chosen.tolist())) == 40


def projected(X: np.ndarray, rows: list[int]) -> float:
    basis = np.linalg.qr(X[rows].T.astype(np.float64))[0]
    return float(np.square(X.astype(np.float64) @ basis).sum())


def test_gip_takes_the_row_that_adds_most_to_the_projection() -> None:
    X = vectors(60, 9) * np.linspace(1, 0.2, 9, dtype=np.float32)
    chosen = gip(X, 9).tolist()
    for size in range(9):
        gains = [projected(X, [*chosen[:size], row]) for row in range(60)]
        assert gains[chosen[size]] == pytest.approx(max(gains), rel=1e-9)
    assert projected(X, chosen) == pytest.approx(np.square(X.astype(np.float64)).sum())


def test_gip_begins_anew_when_the_span_is_whole() -> None:
    X = vectors(60, 4)
    chosen = gip(X, 20)
    assert len(set(chosen.tolist())) == 20
    left = np.delete(np.arange(60), chosen[:4])
    assert chosen[4:8].tolist() == left[gip(X[left], 4)].tolist()


def test_novelty_is_far_out_and_projection_in_the_crowd() -> None:
    crowd = unit_length(
        np.array([1.0, 0, 0]) + 0.02 * np.random.default_rng(0).normal(size=(90, 3))
    )
    far = np.array([[0, 1.0, 0], [0, 0, 1.0], [0, -1.0, 0]])
    X = exact_rows(np.concatenate([crowd, far]))
    assert len(set(novelsum(X, 8).tolist()) & {90, 91, 92}) >= 2
    assert gip(X, 4)[0] < 90  # what tells most of all rows
