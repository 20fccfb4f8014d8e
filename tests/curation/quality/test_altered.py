"""Images altered as a whole: the ridge against scikit-learn's; photographs seen by a network."""

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from curation import find_quality_issues
from curation.quality import image as image_quality
from curation.quality.altered import (
    FOLDS,
    Alteration,
    Robust,
    View,
    _cross_fit,
    _posterior,
    _robust_scale,
    _stored,
    judge_alteration,
    judge_both,
)
from thresher.core.encoders.image_layers import layers_lacking
from thresher.core.errors import InputError

needs_weights = pytest.mark.skipif(bool(layers_lacking()), reason="needs thresher[encoders]")


def scenes(n, seed=0):
    """Draw light blue above green, and warm patches before them, under coarse texture."""
    rng = np.random.default_rng(seed)
    images = np.empty((n, 48, 48, 3), np.float32)
    for image in images:
        horizon = int(rng.integers(15, 30))
        image[:horizon] = rng.normal((120, 170, 230), 12, 3)
        image[horizon:] = rng.normal((60, 130, 50), 12, 3)
        for _ in range(5):
            top, left = rng.integers(0, 40, 2)
            image[top : top + 8, left : left + 8] = rng.normal((170, 110, 70), 30, 3)
        image += np.kron(rng.normal(0, 8, (24, 24, 3)), np.ones((2, 2, 1)))
    return list(images.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("width", [7, 500])
def test_each_fold_is_left_out_of_its_ridge(width):
    views = np.random.default_rng(0).normal(size=(60, 4, width))
    models, folds = _cross_fit(views, 2.0)
    for fold in range(FOLDS):
        seen = views[folds != fold].reshape(-1, width)
        done = np.tile(np.eye(4) - 1 / 4, (int((folds != fold).sum()), 1))
        expected = Ridge(alpha=2.0, fit_intercept=False).fit(seen, done).coef_.T
        assert np.allclose(models[fold], expected, atol=1e-8)


def signs(column):
    return lambda rows, times: View(column[rows, None] * (-1.0) ** times)


def test_rows_beyond_those_seen_are_judged_otherwise():
    """Row 10 shows in what is seen, 290 in the rest; neither in the other."""
    seen, otherwise = np.ones(300), np.ones(300)
    seen[[10, 290]], otherwise[[20, 299]] = -1, -1
    alterations = [Alteration(2, signs(column), 0.05) for column in (seen, otherwise)]
    judged = judge_both(np.ones(300, bool), (150, alterations[0]), alterations[1])
    assert np.flatnonzero(judged.flagged).tolist() == [10, 299]
    assert (judged.scores[judged.flagged] < 0.2).all()


@needs_weights
def test_the_network_finds_negatives_and_later_ones_are_found_without_it(monkeypatch):
    images = scenes(400, seed=2)
    for row in (3, 390):
        images[row] = 255 - images[row]
    monkeypatch.setattr(image_quality, "MOST_SEEN", 250)
    found = find_quality_issues(images, kind="image")
    named = {finding.kind: finding.positions.tolist() for finding in found.findings}
    assert named["negative"] == [3, 390]


def test_weights_gone_bad_are_said_and_done_without(monkeypatch):
    def spoilt(squares):
        raise InputError("weights.bin is cut off.")

    monkeypatch.setattr(image_quality, "layers_lacking", lambda: "")
    monkeypatch.setattr(image_quality.Sight, "of", spoilt)
    found = find_quality_issues(scenes(120), kind="image")
    assert any(
        note == "turned and recolored images are looked for by thumbnails alone: "
        "weights.bin is cut off."
        for note in found.notes
    )


@pytest.mark.data
@needs_weights
def test_most_negatives_are_found_among_photographs():
    folder = os.environ.get("THRESHER_DATA")
    if not folder:
        pytest.skip("THRESHER_DATA is not set")
    import pyarrow.parquet as pq

    from thresher.core.images import decode_image

    table = pq.read_table(Path(folder) / "imagenette224_subset.parquet", columns=["split", "jpeg"])
    rows = [row["jpeg"] for row in table.to_pylist() if row["split"] == "val"][:300]
    images = [decode_image(data) for data in rows]
    planted = np.arange(7, 300, 30)
    for row in planted:
        images[row] = 255 - images[row]
    found = find_quality_issues(images, kind="image")
    named = {finding.kind: finding.positions for finding in found.findings}["negative"]
    right = np.isin(named, planted)
    assert right.sum() > 0.5 * len(planted)
    assert (~right).sum() <= 1


def test_few_negatives_do_not_blunt_the_scale_and_no_side_is_flagged_among_halves():
    rng = np.random.default_rng(0)
    margins = rng.normal(1, 0.2, 400)
    margins[:20] *= -1
    evidence = np.stack([margins, -margins], axis=1) / 2
    robust = Robust(usual=0.5, deviations=3)
    for signs_of_half, flagged in ((np.ones(400), 20), (np.arange(400) % 2 * 2 - 1, 0)):
        given = evidence * signs_of_half[:, None]
        scale = _robust_scale(given, robust, 0.01)
        assert (_posterior(given, scale)[:, 0] < 0.01).sum() == flagged
    nothing = np.zeros((3, 2))
    assert _posterior(nothing, _robust_scale(nothing, robust, 0.01))[0, 0] == 0.5


def test_the_robust_limit_is_where_it_says():
    margins = np.linspace(0.5, 1.5, 401)
    evidence = np.stack([margins, np.zeros(401), margins - 9], axis=1)
    deviation = 0.25 / 0.6745
    for robust, reached in ((Robust(0.5, 2), 0.5), (Robust(0.5, 5), 5 * deviation - 1)):
        scale = _robust_scale(evidence, robust, 0.01)
        assert np.isclose(1 / (1 + np.exp(scale * reached)), 0.01)


def test_how_well_views_are_known_tells_how_often_what_is_stored_was_turned():
    """Stored turned once, an image is upright, and known best, after three turns more."""
    known = np.array([[1.0, 2, 3, 9], [1, 9, 2, 3]])
    assert _stored(known).argmax(axis=1).tolist() == [1, 3]


def turns(column):
    """Show one number of four by how often an image was turned in all."""
    return lambda rows, times: View(np.eye(4)[(column[rows] + times) % 4])


@pytest.mark.parametrize("mixed", [False, True])
def test_turned_ones_are_named_among_upright_ones_and_none_where_all_ways_are_natural(mixed):
    stored = np.zeros(400, int)
    stored[[5, 50, 300]] = 1, 2, 3
    if mixed:
        stored = np.random.default_rng(0).integers(0, 4, 400)
    alteration = Alteration(4, turns(stored), 0.01, fitted=200, robust=Robust(0.5, 3))
    judged = judge_alteration(np.ones(400, bool), alteration)
    flagged = np.flatnonzero(judged.flagged).tolist()
    assert flagged == ([] if mixed else [5, 50, 300])
    assert judged.times[flagged].tolist() == ([] if mixed else [1, 2, 3])
    assert (judged.told > 0.9) != mixed


@needs_weights
def test_turned_and_swapped_scenes_are_found_by_the_network():
    images = scenes(400, seed=3)
    planted = {"orientation": [11, 200], "swapped colors": [40, 333]}
    for row in planted["orientation"]:
        images[row] = np.ascontiguousarray(np.rot90(images[row], 2))
    for row in planted["swapped colors"]:
        images[row] = np.ascontiguousarray(images[row][..., ::-1])
    found = find_quality_issues(images, kind="image")
    named = {finding.kind: finding.positions.tolist() for finding in found.findings}
    assert {kind: named.get(kind) for kind in planted} == planted


@needs_weights
def test_what_is_damaged_otherwise_is_not_asked_what_was_altered():
    """Static among scenes is noise, and says nothing of what is up."""
    images = scenes(200, seed=4)
    rng = np.random.default_rng(0)
    for row in range(0, 16, 2):
        images[row] = rng.integers(0, 256, images[row].shape, dtype=np.uint8)
    kinds = find_quality_issues(images, kind="image").counts()
    assert kinds["noise"] == 8
    assert not {"orientation", "negative", "swapped colors"} & set(kinds)
