"""Near duplicates: results, other thresholds and sizes without a search, issues."""

import numpy as np
import pytest

from curation import find_near_duplicates
from thresher.core import Embeddings, neighbor_graph
from thresher.core.errors import InputError


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(60, 8))
    noisy = base[rng.integers(60, size=240)] + rng.uniform(0, 0.5, (240, 1)) * rng.normal(
        size=(240, 8)
    )
    return Embeddings.from_vectors(np.concatenate([base, noisy]))


@pytest.fixture(scope="module")
def duplicates(rows):
    return find_near_duplicates(neighbor_graph(rows, threshold=0.8))


def test_scores_are_low_for_close_copies(duplicates):
    dropped = ~duplicates.kept
    assert np.allclose(duplicates.scores[dropped], 1 - duplicates.similarity[dropped])
    assert (duplicates.scores[~dropped] == 1).all()
    assert duplicates.scores.min() >= 0


def test_a_higher_threshold_equals_a_new_search(rows, duplicates):
    again = find_near_duplicates(neighbor_graph(rows, threshold=0.93))
    raised = duplicates.at(0.93)
    assert np.array_equal(raised.kept, again.kept)
    assert np.array_equal(raised.duplicate_of, again.duplicate_of)


def test_any_size_can_be_had(rows, duplicates):
    least = int(duplicates.kept.sum())
    for n in (least, least + 1, least + 37, 299, 300):
        result = duplicates.at(0.95).to_size(n)
        assert result.kept.sum() == n
        dropped = ~result.kept
        assert result.kept[result.duplicate_of[dropped]].all()
        assert (result.duplicate_of[result.kept] == -1).all()
    with pytest.raises(InputError, match="`n` must be from"):
        duplicates.to_size(least - 1)
    with pytest.raises(InputError, match="`n` must be from"):
        duplicates.to_size(301)


def test_borderline_pairs_are_the_least_similar(duplicates):
    found, twins, similarities = duplicates.borderline(7)
    worst = np.sort(duplicates.similarity[~duplicates.kept])[:7]
    assert np.array_equal(similarities, worst)
    assert np.array_equal(duplicates.duplicate_of[found], twins)


def test_groups_are_stars(duplicates):
    members = duplicates.groups()
    assert sum(len(group) - 1 for group in members) == (~duplicates.kept).sum()
    for center, *rest in members:
        assert duplicates.kept[center]
        assert (duplicates.duplicate_of[rest] == center).all()


def test_issues_name_the_kept_twin(duplicates):
    issues = list(duplicates.to_issues())
    assert len(issues) == (~duplicates.kept).sum()
    first = issues[0]
    position = int(np.flatnonzero(duplicates.row_ids == first.row_id)[0])
    assert first.twin == duplicates.row_ids[duplicates.duplicate_of[position]]
    assert first.check == "near_duplicate"
    assert first.score == duplicates.scores.min()


def test_nothing_found_gives_an_empty_table():
    result = find_near_duplicates(neighbor_graph(np.eye(4), threshold=0.9))
    assert len(result.to_issues()) == 0
    assert result.groups() == []
    assert result.to_size(4).kept.all()
