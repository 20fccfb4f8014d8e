"""The pictures that the tests of augmentation share."""

import numpy as np
import pytest


def draw_pictures(n=40, side=24, channels=3):
    """Smooth pictures with a little noise, uint8 (n, side, side, channels)."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (n, 5, 5, channels)).astype(float)
    place = np.linspace(0, 3.999, side)
    low, part = place.astype(int), place % 1
    rows = coarse[:, low] * (1 - part)[:, None, None] + coarse[:, low + 1] * part[:, None, None]
    smooth = rows[:, :, low] * (1 - part)[:, None] + rows[:, :, low + 1] * part[:, None]
    return np.clip(smooth + generator.integers(-9, 10, smooth.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def pictures():
    return draw_pictures
