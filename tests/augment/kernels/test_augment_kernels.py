"""Our operations against PIL, the implementation that the published policies used."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from augment import Augmenter, Policy, Step


@pytest.fixture(scope="module")
def images(pictures):
    return pictures(12, 40)


def ours(images, op, settings, backend):
    policy = Policy("one", (Step(op, settings),))
    return Augmenter(policy, backend=backend).batch(images, np.arange(len(images))).astype(int)


def theirs(images, function):
    return np.stack([np.asarray(function(Image.fromarray(image))) for image in images]).astype(int)


def affine(matrix):
    return lambda image: image.transform(
        image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=(128,) * 3
    )


def fixed(size):
    return {"low": size, "high": size, "signed": False}


EXACT = {
    "invert": ({}, ImageOps.invert),
    "equalize": ({}, ImageOps.equalize),
    "posterize": (fixed(4), lambda image: ImageOps.posterize(image, 4)),
    "solarize": (fixed(128), lambda image: ImageOps.solarize(image, 128)),
    "hflip": ({}, ImageOps.mirror),
    "vflip": ({}, ImageOps.flip),
}
CLOSE = {
    "autocontrast": ({}, ImageOps.autocontrast),
    "brightness": (fixed(0.5), lambda image: ImageEnhance.Brightness(image).enhance(1.5)),
    "contrast": (fixed(0.5), lambda image: ImageEnhance.Contrast(image).enhance(1.5)),
    "saturation": (fixed(0.5), lambda image: ImageEnhance.Color(image).enhance(1.5)),
    "sharpness": (fixed(0.5), lambda image: ImageEnhance.Sharpness(image).enhance(1.5)),
    "grayscale": ({}, lambda image: image.convert("L").convert("RGB")),
    "gaussian_blur": (fixed(1.2), lambda image: image.filter(ImageFilter.GaussianBlur(1.2))),
}
RESAMPLED = {
    "rotate": (fixed(20.0), lambda image: image.rotate(
        20, Image.Resampling.BILINEAR, fillcolor=(128,) * 3)),
    "shear_x": (fixed(0.2), affine((1, 0.2, 0, 0, 1, 0))),
    "shear_y": (fixed(0.2), affine((1, 0, 0, 0.2, 1, 0))),
    "translate_x": (fixed(0.2), affine((1, 0, -8, 0, 1, 0))),
    "translate_y": (fixed(0.2), affine((1, 0, 0, 0, 1, -8))),
}  # fmt: skip


BACKENDS = [pytest.param("torch", marks=pytest.mark.train), "opencv"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("op", EXACT)
def test_equal_to_pil(op, backend, images):
    settings, function = EXACT[op]
    assert np.array_equal(ours(images, op, settings, backend), theirs(images, function))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("op", CLOSE)
def test_within_two_levels_of_pil(op, backend, images):
    settings, function = CLOSE[op]
    difference = np.abs(ours(images, op, settings, backend) - theirs(images, function))
    if op == "gaussian_blur":  # PIL approximates by box filters and extends edges by repetition.
        difference = difference[:, 5:-5, 5:-5]
    assert difference.max() <= (4 if op == "gaussian_blur" else 2)
    assert difference.mean() < 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("op", RESAMPLED)
def test_resampling_equals_pil_inside(op, backend, images):
    settings, function = RESAMPLED[op]
    mine, pil = ours(images, op, settings, backend), theirs(images, function)
    # PIL does not blend with the fill along the border of the source.
    inside = np.abs(mine - pil).max(axis=3)
    assert (inside > 1).mean() < 0.06
    assert np.median(inside) <= 1
