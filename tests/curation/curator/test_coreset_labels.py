"""Core sets of rows of which some have no label."""

from __future__ import annotations

import datasets
import pytest
from sklearn.datasets import load_digits

from curation import Curator
from thresher.core.errors import InputError


def some_unlabeled(lacking: int) -> datasets.Dataset:
    X, y = load_digits(return_X_y=True)
    names = [None if at < lacking else str(code) for at, code in enumerate(y[:200].tolist())]
    return datasets.Dataset.from_dict({"x": X[:200].tolist(), "digit": names})


@pytest.mark.parametrize("method", ["balanced", "uncertain_coverage", "ccs", "el2n"])
def test_a_method_that_goes_by_labels_refuses_rows_without(method: str) -> None:
    said = f"'{method}' goes by labels, and 3 of 200 training rows have no label"
    with pytest.raises(InputError, match=said):
        Curator([("coreset", {"n": 50, "method": method})]).fit(
            some_unlabeled(3), column="x", label="digit"
        )


def test_rows_without_a_label_are_named_where_classes_do_not_count_for_them() -> None:
    curator = Curator([("coreset", {"n": 50})])
    curator.fit(some_unlabeled(1), column="x", label="digit")
    assert curator.methods_["coreset"].endswith(
        "; not class by class, since 1 of 200 training rows has no label"
    )
    curator.fit(some_unlabeled(0), column="x", label="digit")
    assert "class by class" not in curator.methods_["coreset"]
    assert "expected loss at 25 % of the cost" in curator.methods_["coreset"]
