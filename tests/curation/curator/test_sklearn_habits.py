"""scikit-learn's own checks of estimators, and its pipelines."""

from __future__ import annotations

import numpy as np
import pytest

from curation import Curator
from thresher.core.errors import InputError

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402
from sklearn.utils.validation import check_is_fitted  # noqa: E402

# A curator's `transform` leaves rows out, and knows those of `fit` only.
DO_NOT_APPLY = {
    "check_methods_sample_order_invariance": "compares row by row, where copies are left out",
    "check_methods_subset_invariance": "transforms parts of the rows: decisions are about all",
    "check_fit_idempotent": "transforms other rows than those of `fit`",
    "check_transformer_data_not_an_array": "expects an array for a list, which stays a list",
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore:.*does not inherit from `sklearn.base.BaseEstimator`")
@pytest.mark.filterwarnings("ignore:All vectors point nearly the same way")
def test_estimator_checks_pass():
    done = check_estimator(
        Curator(["exact_duplicate", "near_duplicate"]),
        expected_failed_checks=DO_NOT_APPLY,
        on_fail=None,
        on_skip=None,
    )
    failed = [f"{one['check_name']}: {one['exception']}" for one in done
              if one["status"] == "failed"]  # fmt: skip
    assert not failed
    assert sum(one["status"] == "passed" for one in done) >= 38
    known = {one["check_name"] for one in done if one["status"] == "xfail"}
    assert known <= set(DO_NOT_APPLY)


def rows(n=60):
    rng = np.random.default_rng(0)
    codes = np.arange(n) % 2
    x = rng.normal(size=(n, 5)) + codes[:, None] * 6
    x[9] = x[3]
    return x, codes


def test_last_step_of_a_pipeline():
    x, y = rows()
    pipeline = make_pipeline(StandardScaler(), Curator(["exact_duplicate", "label"]))
    clean = pipeline.fit_transform(x, y)
    assert clean.shape == (59, 5)
    np.testing.assert_allclose(clean, np.delete(StandardScaler().fit_transform(x), 9, axis=0))
    np.testing.assert_allclose(pipeline.transform(x), clean)
    pipeline.set_params(curator__label_action="review")
    assert pipeline.named_steps["curator"].label_action == "review"


def test_clean_rows_go_into_a_model():
    from sklearn.linear_model import LogisticRegression

    x, y = rows()
    clean, labels = Curator(["exact_duplicate"]).fit_resample(x, y)
    assert LogisticRegression().fit(clean, labels).score(x, y) == 1


def test_clones_parameters_and_words():
    curator = Curator(["label"], threshold=0.9, random_state=3)
    twin = clone(curator)
    assert twin.get_params() == curator.get_params()
    assert twin is not curator
    assert repr(twin) == "Curator(steps=['label'], threshold=0.9, random_state=3)"
    assert repr(Curator()) == "Curator()"
    with pytest.raises(InputError, match="Did you mean 'threshold'"):
        curator.set_params(treshold=1)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        check_is_fitted(curator)
    x, y = rows()
    check_is_fitted(Curator(["exact_duplicate"]).fit(x, y))


def test_columns_are_those_of_fit():
    import pandas as pd

    x, _ = rows()
    frame = pd.DataFrame(x, columns=list("abcde"))
    curator = Curator(["exact_duplicate"]).fit(frame)
    assert curator.n_features_in_ == 5
    assert curator.feature_names_in_.tolist() == list("abcde")
    with pytest.raises(InputError, match="X has 4 features, but Curator is expecting 5"):
        curator.transform(frame[list("abcd")])
    assert not hasattr(curator.fit(["one text", "another text"]), "n_features_in_")
