"""Look-up tables on bytes, and the tables that stand for OpenCV's arithmetic."""

import cv2
import numpy as np
import pytest

from augment.kernels import lookup
from augment.kernels.opencv_tables import scaled_levels
from augment.kernels.pixel_tables import equalized_levels


@pytest.fixture(params=["StringZilla", "OpenCV"])
def without(request, monkeypatch):
    if request.param == "OpenCV":
        monkeypatch.setattr(lookup, "_translate", lambda: None)


@pytest.mark.usefixtures("without")
@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (1, 1, 1, 1), (5, 7, 3, 3), (2, 70, 71, 3)])
def test_each_image_through_its_own_table(shape):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, shape, dtype=np.uint8)
    tables = generator.integers(0, 256, (len(images), 256), dtype=np.uint8)
    expected = tables[np.arange(len(images))[:, None, None, None], images]
    changed = np.empty_like(images)
    lookup.look_up(images, changed, tables)
    assert np.array_equal(changed, expected)
    lookup.look_up(images, images, tables)
    assert np.array_equal(images, expected)


@pytest.mark.usefixtures("without")
@pytest.mark.parametrize("channels", [1, 3])
def test_each_channel_through_its_own_table(channels):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (4, 6, 5, channels), dtype=np.uint8)
    tables = generator.integers(0, 256, (channels, 4, 256), dtype=np.uint8)
    changed = np.empty_like(images)
    lookup.look_up_channels(images, changed, lambda _: tables.reshape(-1, 256))
    for image, result, own in zip(images, changed, tables.transpose(1, 0, 2), strict=True):
        for channel in range(channels):
            assert np.array_equal(result[..., channel], own[channel][image[..., channel]])


def test_scaled_levels_have_the_bits_of_opencv():
    generator = np.random.default_rng(0)
    factors = np.append(generator.uniform(0, 2, 2000), np.arange(0, 512) / 256)
    offsets = (1 - factors) * generator.integers(0, 256, len(factors)) + 1e-5
    tables = scaled_levels(factors, offsets)
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    for factor, offset, table in zip(factors, offsets, tables, strict=True):
        matrix = np.append(np.eye(3) * factor, np.full((3, 1), offset), axis=1)
        # One level of two thousand tables may differ where OpenCV's build does not fuse both steps.
        difference = cv2.transform(ramp, matrix)[0, :, 0].astype(int) - table
        assert np.abs(difference).max() <= 1
        assert (difference != 0).sum() <= 1


@pytest.mark.parametrize("size", [100, 3_000_000])
def test_equalized_levels_follow_the_running_sum(size):
    generator = np.random.default_rng(0)
    counts = generator.multinomial(size, generator.dirichlet(np.full(256, 0.3), 4))
    tables = equalized_levels(counts.astype(np.float32))
    for own, table in zip(counts, tables, strict=True):
        step = (size - own[np.flatnonzero(own)[-1]]) // 255
        wanted = (step // 2 + np.cumsum(own) - own) // step if step else np.arange(256)
        assert np.array_equal(table, np.minimum(wanted, 255))
