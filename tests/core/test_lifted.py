"""Numbers of which not only the direction counts."""

from __future__ import annotations

import datasets
import numpy as np
import pytest

from active_learning import query
from curation import (
    Curator,
    find_label_issues,
    find_multilabel_issues,
    find_outliers,
    find_regression_issues,
    select_coreset,
)
from thresher.core.embeddings import Embeddings, unit_length
from thresher.core.errors import ThresherWarning
from thresher.core.lifted import distances_from_middle, lifted, one_direction
from thresher.core.search import neighbor_graph


def classes_on_a_line(n=300, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    return rng.normal(size=(n, 8)) + codes[:, None] * 3, codes


def test_wrong_labels_are_found_wherever_the_vectors_lie():
    x, codes = classes_on_a_line()
    wrong = codes.copy()
    wrong[[4, 77, 200]] = (wrong[[4, 77, 200]] + 1) % 3
    for shift in (100.0, -1e4, np.linspace(1e3, 1e6, 8)):
        found = find_label_issues(wrong, embeddings=x + shift)
        assert found.flagged[[4, 77, 200]].all()
        assert found.flagged.sum() <= 6
    sets = np.eye(3, dtype=int)[wrong]
    several = find_multilabel_issues(sets, embeddings=x + 100)
    assert several.flagged[[4, 77, 200]].all()
    targets = x.sum(axis=1)
    targets[9] += 60
    assert find_regression_issues(targets, embeddings=x + 100).flagged[9]


def test_embeddings_of_length_one_are_taken_as_they_are():
    rng = np.random.default_rng(0)
    near = unit_length(rng.normal(size=(50, 16)) * 0.01 + np.eye(16)[0])
    assert not one_direction(near)
    np.testing.assert_array_equal(Embeddings.from_numbers(near).vectors, unit_length(near))
    assert not one_direction(near.astype(np.float16))
    assert one_direction(near * 7)
    assert not one_direction(np.ones((50, 4)))
    assert not one_direction(rng.normal(size=(50, 4)))
    assert Embeddings.from_numbers(near * 7).encoder == "lifted"


@pytest.mark.parametrize("d", [1, 2, 5, 50])
@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_far_points_are_outliers_and_normal_rows_are_not(d, shift):
    rng = np.random.default_rng(d)
    x = rng.normal(size=(400, d)) + shift
    assert find_outliers(x).flagged.sum() <= 2
    found = find_outliers(np.r_[x, np.full((1, d), shift + 50)])
    assert found.flagged[-1]
    assert found.flagged[:-1].sum() <= 2
    (last,) = [issue for issue in found.to_issues() if issue.row_id == "400"]
    if not shift:
        assert "times as far from the middle as the median row" in last.detail


def test_distances_from_the_middle_by_hand():
    x = np.array([[-1.0, 0], [1, 0], [0, -1], [0, 1], [0, 0], [0, 0], [1, 1], [-1, -1], [0, 90]])
    far = distances_from_middle(x)
    # Quartiles of the columns: −1 and 1 at most, so that one deviation is at most 1.5.
    assert far.argmax() == 8
    assert far[8] > 60 * far[4:8].max() / 2
    assert distances_from_middle(x[:8]) is None
    assert distances_from_middle(unit_length(x[:4])) is None


def test_lifting_keeps_neighbors():
    x, _ = classes_on_a_line(60)
    directions = lifted(x + 100)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, rtol=1e-6)
    spread = (x - np.median(x, axis=0)) / np.subtract(*np.quantile(x, [0.75, 0.25], axis=0))
    apart = np.linalg.norm(spread[:, None] - spread[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    similarity = directions @ directions.T
    np.fill_diagonal(similarity, -1)
    shared = [
        len(set(a[:5]) & set(b[:5]))
        for a, b in zip(np.argsort(apart), np.argsort(-similarity), strict=True)
    ]
    assert np.mean(shared) > 3


def test_what_compares_directions_warns_of_one():
    x, codes = classes_on_a_line(60)
    far = x + 1000
    table = datasets.Dataset.from_dict({"text": [f"text number {i}" for i in range(60)]})
    for call in (
        lambda: neighbor_graph(far, k=3),
        lambda: select_coreset(far, n=5),
        lambda: query(strategy="k_center", embeddings=far, n=3),
        lambda: Curator(["near_duplicate"], threshold=0.9).fit(table, embeddings=far),
    ):
        with pytest.warns(ThresherWarning, match="point nearly the same way"):
            call()
    neighbor_graph(x, k=3)
    find_label_issues(codes, embeddings=x)
