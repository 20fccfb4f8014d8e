"""The pictures of digits that tests of choosing share."""

import numpy as np
import pytest
from sklearn.datasets import load_digits


@pytest.fixture(scope="module")
def digits():
    """Return the pictures, uint8 (n, 8, 8, 1), and their labels."""
    data = load_digits()
    return (data.images / 16 * 255).astype(np.uint8)[..., None], data.target
