"""The map of a review: principal components, made once."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from thresher.app.reviewing import projection
from thresher.app.reviewing.projection import kept_map, places_by_row, project
from thresher.core import Embeddings
from thresher.core.errors import InputError


def vectors(seed=0, n=500, d=12):
    rng = np.random.default_rng(seed)
    return Embeddings.from_vectors(rng.normal(size=(n, d)) * np.geomspace(4, 0.1, d) + 0.5)


def test_the_map_has_the_shape_of_principal_components(monkeypatch):
    monkeypatch.setattr(projection, "BLOCK", 64)
    embeddings = vectors()
    made = project(embeddings)
    reference = PCA(2).fit_transform(embeddings.vectors.astype(np.float64))
    for axis in range(2):
        inside = np.abs(made).max(axis=1) < 1
        assert abs(np.corrcoef(made[inside, axis], reference[inside, axis])[0, 1]) > 1 - 1e-6
    # One scale for both axes.
    spread = made[inside].std(axis=0) / reference[inside].std(axis=0)
    assert spread[0] == pytest.approx(spread[1], rel=1e-4)


@pytest.mark.parametrize(("n", "d"), [(0, 3), (1, 3), (3, 1), (5, 2)])
def test_few_rows_and_few_dimensions(n, d):
    made = project(vectors(n=n, d=d))
    assert made.shape == (n, 2)
    assert np.isfinite(made).all()


def test_blank_rows_stand_at_the_mean():
    embeddings = vectors()
    with_blank = Embeddings.from_vectors(np.vstack([embeddings.vectors, np.zeros((1, 12))]))
    made = project(with_blank)
    assert np.abs(made[-1]).max() < 0.5


def test_a_map_is_kept_and_made_again_for_other_vectors(tmp_path, monkeypatch):
    path = tmp_path / "review" / "map.npz"
    first = kept_map(vectors(), path)
    with monkeypatch.context() as patched:
        patched.setattr(projection, "project", lambda _: pytest.fail("made again"))
        np.testing.assert_array_equal(kept_map(vectors(), path), first)
    other = kept_map(vectors(1), path)
    assert not np.array_equal(other, first)
    path.write_bytes(b"damaged")
    np.testing.assert_array_equal(kept_map(vectors(), path), first)


def test_places_go_to_their_rows():
    places = np.arange(6, dtype=np.float32).reshape(3, 2)
    made = places_by_row(places, np.array([2, -1, 0]), rows=4)
    np.testing.assert_array_equal(made[[2, 0]], places[[0, 2]])
    assert np.isnan(made[[1, 3]]).all()
    with pytest.raises(InputError, match="other rows"):
        places_by_row(places, np.full(3, -1), rows=4)
