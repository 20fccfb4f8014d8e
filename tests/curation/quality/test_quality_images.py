"""Damage of images: what is measured equals what was done, and only what was damaged is named."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from curation import find_quality_issues
from curation.quality.image import image_statistics
from thresher.core.errors import InputError

SIDE = 96


def scenes(n=120, side=SIDE, seed=0):
    """Draw light blue above green, shapes of warm colors before them, and fine texture."""
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(n):
        image = np.zeros((side, side, 3), np.float32)
        horizon = int(side * rng.uniform(0.3, 0.6))
        image[:horizon] = rng.normal((120, 170, 230), 12, 3)
        image[horizon:] = rng.normal((60, 130, 50), 12, 3)
        for _ in range(6):
            center = tuple(int(place) for place in rng.integers(0, side, 2))
            color = rng.normal((170, 110, 70), 30, 3).clip(0, 255).tolist()
            cv2.ellipse(image, center, (int(rng.integers(4, 20)), 9), 0, 0, 360, color, -1)
        texture = cv2.GaussianBlur(rng.normal(0, 40, image.shape).astype(np.float32), (0, 0), 1.5)
        result.append((image + texture).clip(0, 255).astype(np.uint8))
    return result


def page(side=SIDE, lines=9):
    image = np.full((side, side, 3), 245, np.uint8)
    for line in range(lines):
        top = 5 + line * (side - 8) // lines
        for left in range(4 + 3 * line % 8, side - 8, 9):  # words stand in no columns
            image[top : top + 4, left : left + 7] = 30
    return image


def saved(image, quality):
    stored = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(stored, cv2.IMREAD_COLOR)[..., ::-1].copy()


def cut(image):
    result = image.copy()
    result[SIDE // 3 :] = 128
    return result


def barred(image, *, level=0, bar=16):
    result = image.copy()
    result[:, :bar] = result[:, -bar:] = level
    return result


def shaken(image):
    return cv2.filter2D(image, -1, np.full((1, 21), 1 / 21, np.float32))


def grainy(image):
    noise = np.random.default_rng(0).normal(0, 45, image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8)


def sheared(image):
    return np.stack([np.roll(line, -17 * row, axis=0) for row, line in enumerate(image)])


def without(image, channel):
    result = image.copy()
    result[..., channel] = 0
    return result


def pixelated(image):
    small = cv2.resize(image, (12, 12), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)


DAMAGED = {
    "low contrast": lambda image: (image * 0.12 + 100).astype(np.uint8),
    "dark": lambda image: (image * 0.2).astype(np.uint8),
    "blurry": shaken,
    "noise": grainy,
    "pixelated": pixelated,
    "compressed": lambda image: saved(grainy(image), 2),
    "cut off": cut,
    "bars": barred,
    "page of text": lambda image: page(),  # noqa: ARG005
    "shifted lines": sheared,
    "channel lost": lambda image: without(image, 2),
}


@pytest.fixture(scope="module")
def clean():
    return scenes()


def kinds(found, row):
    return {finding.kind for finding in found.findings if row in finding.positions}


@pytest.mark.parametrize("kind", DAMAGED)
def test_each_kind_of_damage_is_named_and_nothing_else_is(clean, kind):
    found = find_quality_issues([*clean, DAMAGED[kind](clean[0])], kind="image")
    assert kind in kinds(found, len(clean))
    assert found.scores[-1] < 0.5
    assert not found.flagged[:-1].any()


@pytest.mark.parametrize("kind", ["cut off", "bars", "page of text", "noise", "pixelated"])
def test_damage_outlives_saving_as_jpeg(clean, kind):
    found = find_quality_issues([*clean, saved(DAMAGED[kind](clean[1]), 85)], kind="image")
    assert kind in kinds(found, len(clean))


@pytest.mark.parametrize("kind", ["bars", "page of text", "channel lost"])
def test_what_many_images_have_is_said_once(clean, kind):
    images = [DAMAGED[kind](image) for image in clean[:40]] + clean[40:]
    found = find_quality_issues(images, kind="image")
    assert kind not in found.counts()
    assert any(
        note == f"33 % of the images are taken to be so on purpose: {kind}" for note in found.notes
    )


def measured(image):
    return {name: float(values[0]) for name, values in image_statistics([image]).items()}


@pytest.mark.parametrize("sigma", [5, 20, 40])
def test_noise_is_measured_in_levels(sigma):
    rng = np.random.default_rng(0)
    noisy = (128 + rng.normal(0, sigma, (200, 200))).round().clip(0, 255).astype(np.uint8)
    assert measured(noisy)["noise"] == pytest.approx(sigma, rel=0.04)
    slope = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    assert measured(slope)["noise"] < 0.3  # it is 0 or less than the half of a level


@pytest.mark.parametrize("step", [-40, -9, 5, 33])
def test_the_shift_of_lines_is_measured_in_pixels(clean, step):
    image = np.stack([np.roll(line, step * row, axis=0) for row, line in enumerate(clean[2])])
    assert measured(image)["shift"] == step
    assert measured(clean[2])["shift"] == 0


@pytest.mark.parametrize(("level", "bar"), [(0, 10), (255, 20), (190, 14)])
def test_bars_are_measured_as_a_share(clean, level, bar):
    image = barred(clean[3], level=level, bar=bar)
    assert measured(image)["bars"] == pytest.approx(bar / SIDE)
    assert measured(image.transpose(1, 0, 2).copy())["bars"] == pytest.approx(bar / SIDE)
    assert measured(clean[3])["bars"] == 0


def test_a_plain_ground_is_no_bar_and_no_cut():
    product = np.full((SIDE, SIDE, 3), 255, np.uint8)
    cv2.circle(product, (SIDE // 2, SIDE // 2), 30, (40, 60, 200), -1)
    found = measured(product)
    assert found["bars"] == found["cut"] == 0


def test_the_rest_of_a_cut_file_is_measured(clean):
    assert measured(cut(clean[4]))["cut"] == pytest.approx(1 - (SIDE // 3) / SIDE)
    assert measured(cut(clean[4])[::-1].copy())["cut"] == 0


def test_steps_on_a_grid_equal_the_formula(clean):
    gray = cv2.cvtColor(clean[5], cv2.COLOR_RGB2GRAY).astype(float)
    expected = []
    for axis in (1, 0):
        steps = np.abs(np.diff(gray, axis=axis)).sum(axis=1 - axis)
        expected.append(np.abs(np.fft.fft(steps))[6 : len(steps) // 2 + 1].max() / steps.sum())
    assert measured(clean[5])["grid"] == pytest.approx(min(expected))
    assert measured(np.kron(clean[5][::8, ::8], np.ones((8, 8, 1), np.uint8)))["grid"] > 0.9


@pytest.mark.parametrize("lines", [7, 9, 12])
def test_lines_of_a_page_are_counted(lines):
    assert measured(page(lines=lines))["lines"] == lines
    assert measured(page(lines=lines).transpose(1, 0, 2).copy())["lines"] == lines
    shaded = (page(lines=lines) * np.linspace(1, 0.7, SIDE)[:, None, None]).astype(np.uint8)
    assert measured(shaded)["lines"] == lines


@pytest.mark.parametrize(
    ("kind", "alter"),
    [("negative", lambda image: 255 - image), ("swapped colors", lambda image: image[..., ::-1])],
)
def test_negatives_and_swapped_colors_are_found(kind, alter):
    images = scenes(300, side=32, seed=1)
    rows = np.arange(5, 300, 60)
    for row in rows:
        images[row] = np.ascontiguousarray(alter(images[row]))
    found = find_quality_issues(images, kind="image")
    named = {finding.kind: finding.positions for finding in found.findings}
    assert len(named[kind]) >= 3
    assert np.isin(named[kind], rows).all()


def test_gray_images_are_neither_negative_nor_swapped_among_noise():
    noise = np.random.default_rng(0).integers(0, 256, (150, 32, 32), dtype=np.uint8)
    found = find_quality_issues(list(noise), kind="image")
    assert not {"negative", "swapped colors"} & set(found.counts())


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 40), (40, 1), (3, 3, 3), (4, 4, 1), (5, 30, 3), (2, 2)]
)
def test_images_of_few_pixels_are_measured(shape):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, shape, dtype=np.uint8)
    found = find_quality_issues([image] * 3, kind="image")
    assert len(found) == 3
    values = measured(image)
    assert all(np.isfinite(value) for name, value in values.items() if name not in UNMEASURED)


# What an image of a few pixels has none of.
UNMEASURED = ("noise", "grid", "blocks")


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, bool])
def test_images_of_other_samples_are_refused(dtype):
    with pytest.raises(InputError, match="An image must be a uint8 array"):
        find_quality_issues([np.ones((8, 8, 3), dtype)], kind="image")
