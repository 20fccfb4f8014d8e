import numpy as np
import pytest

from active_learning import Instances, query
from thresher.core.errors import InputError


def test_instances_by_hand():
    rows = np.array(["a", "b", "c"])
    scores, items = np.array([1.0, 5.0, 3.0, 2.0, 4.0]), np.array(["a", "a", "a", "b", "a"])
    expected = {
        "max": [5, 2, 9],
        "mean": [13 / 4, 2, 9],
        "sum": [13, 2, 9],
        "top_k": [4.5, 2, 9],
    }
    for how, values in expected.items():
        found = Instances(scores, items, aggregate=how, k=2, empty=9.0).of_items(rows)
        np.testing.assert_allclose(found, values)
    chosen = query(strategy="uncertainty", uncertainty=Instances(scores, items), row_ids=rows, n=1)
    assert chosen.row_ids.tolist() == ["a"]
    with pytest.raises(InputError, match=r"at least 0 and finite, got -1.0 .* item 'a'"):
        Instances(np.array([-1.0]), np.array(["a"])).of_items(rows)
