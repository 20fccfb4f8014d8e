import numpy as np
import pytest

from augment import balanced
from thresher.core.errors import InputError


def test_balanced_counts():
    labels = np.array(["a"] * 12 + ["b"] * 4 + ["c"])
    counts = np.bincount(balanced(labels), minlength=17)
    assert [counts[:12].sum(), counts[12:16].sum(), counts[16]] == [12, 12, 8]
    assert set(counts[:16]) == {1, 3}
    half = np.bincount(balanced(labels, power=0.5), minlength=17)
    assert [half[:12].sum(), half[12:16].sum(), half[16]] == [12, 6, 3]
    assert np.array_equal(balanced(labels, power=0), np.arange(17))
    assert balanced([]).size == 0
    with pytest.raises(InputError, match="max_repeat"):
        balanced(labels, max_repeat=0)
