"""Views of images: a head wins by those that are like new rows, and by others it does not."""

from __future__ import annotations

import numpy as np

from thresher.app.advising.views import SHIFT, SIDE, _gain, _shifted


def clouds(rng, codes, apart=1.0):
    centers = np.random.default_rng(9).normal(size=(4, 30)) * apart
    return centers[codes] + rng.normal(scale=2.0, size=(len(codes), 30))


def test_views_that_are_like_new_rows_win_and_such_of_other_classes_lose():
    rng = np.random.default_rng(0)
    codes = rng.integers(4, size=160)
    plain, fresh = clouds(rng, codes), clouds(rng, codes)
    wrong = clouds(rng, (codes + 1) % 4)
    assert _gain(np.concatenate([plain, fresh]), codes)[0].value > 3
    assert _gain(np.concatenate([plain, wrong]), codes)[0].value < -3
    same, error = _gain(np.concatenate([plain, plain]), codes)
    assert abs(same.value) < 3
    # Of four classes, told better than by chance and not perfectly.
    assert 0.1 < error < 0.7


def test_shifted_images_are_the_same_pixels_elsewhere():
    images = np.random.default_rng(1).integers(0, 255, (5, SIDE, SIDE, 3), dtype=np.uint8)
    moved = _shifted(images)
    assert moved.shape == images.shape
    inner = slice(2 * SHIFT, SIDE - 2 * SHIFT)
    for before, after in zip(images, moved, strict=True):
        places = [
            (y, x)
            for y in range(-SHIFT, SHIFT + 1)
            for x in range(-SHIFT, SHIFT + 1)
            if np.array_equal(after[inner, inner], np.roll(before, (y, x), (0, 1))[inner, inner])
        ]
        assert len(places) == 1
