"""Core sets beside random rows and fewer epochs: a trial that predicts."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from curation import compare_coresets
from curation.coreset.comparison import FEWER, comparable
from curation.coreset.network import _gradients, fit_network
from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError


def loss(parameters: list[np.ndarray], X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """Weighted cross-entropy of one hidden layer, written out."""
    W, b, V, c = parameters
    scores = np.maximum(X @ W + b, 0) @ V + c
    log_probs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return float(-(weights * log_probs[np.arange(len(y)), y]).mean())


def test_gradients_are_those_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    shapes = [(5, 7), (7,), (7, 3), (3,)]
    parameters = [rng.normal(size=shape) for shape in shapes]
    X, y, weights = rng.normal(size=(11, 5)), rng.integers(3, size=11), rng.uniform(1, 2, 11)
    for number, gradient in enumerate(_gradients(parameters, X, y, weights)):
        place = tuple(0 for _ in gradient.shape)
        ends = []
        for step in (1e-5, -1e-5):
            moved = [one.copy() for one in parameters]
            moved[number][place] += step
            ends.append(loss(moved, X, y, weights))
        assert gradient[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_network_learns_what_a_perceptron_of_scikit_learn_learns() -> None:
    X, y = load_digits(return_X_y=True)
    X = ((X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-6)).astype(np.float32)
    scores = fit_network(
        X[:1200],
        y[:1200],
        count=10,
        epochs=20,
        weights=np.ones(1200, np.float32),
        rng=np.random.default_rng(0),
    )
    theirs = MLPClassifier((128,), batch_size=128, learning_rate_init=3e-3, max_iter=20)
    theirs.random_state = 0
    expected = theirs.fit(X[:1200], y[:1200]).score(X[1200:], y[1200:])
    right = float((scores(X[1200:]).argmax(axis=1) == y[1200:]).mean())
    assert right == pytest.approx(expected, abs=0.02)


def test_fewer_epochs_and_random_rows_are_always_compared() -> None:
    X, y = load_digits(return_X_y=True)
    found = compare_coresets(X, labels=y, share=0.1)
    assert {one.way for one in found.savings} == {
        FEWER,
        "random",
        "uncertain_coverage",
        "facility_location",
    }
    lost = [one.lost for one in found.savings]
    assert lost == sorted(lost)
    assert all(one.low < one.lost < one.high for one in found.savings)
    assert found.best_rows.way != FEWER
    assert f"{found.best}" in found.reason


def test_one_row_of_each_kind_is_worth_more_than_rows_at_random() -> None:
    rng = np.random.default_rng(0)
    kinds = np.arange(1200) % 40
    rows = np.eye(40)[kinds] + rng.normal(0, 0.05, (1200, 40))
    found = compare_coresets(rows, labels=rng.integers(2, size=40)[kinds], share=0.05)
    lost = {one.way: one for one in found.savings}
    assert lost["random"].low > 0
    assert lost["facility_location"].lost < lost["random"].lost - 5


def test_copies_can_go() -> None:
    X, y = load_digits(return_X_y=True)
    copies = np.repeat(np.arange(200), 8)
    found = compare_coresets(X[copies], labels=y[copies], share=0.25, methods=["k_center"])
    lost = {one.way: one for one in found.savings}
    assert lost["k_center"].low < 0 < lost["k_center"].high


def test_same_seed_same_numbers() -> None:
    X, y = load_digits(return_X_y=True)
    first, second = (
        compare_coresets(X[:300], labels=y[:300], share=0.3, random_state=7) for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"share": 0.0}, "share"),
        ({"epochs": 0}, "epochs"),
        ({"methods": ["el2n"]}, "methods"),
        ({"labels": ["a"] * 60}, "two classes"),
        ({"methods": ()}, "at least one of"),
    ],
)
def test_what_cannot_be_tried_is_refused(changed: dict[str, object], said: str) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 4))
    given: dict[str, object] = {"labels": ["a", "b"] * 30, "share": 0.3} | changed
    with pytest.raises(InputError, match=said):
        compare_coresets(rows, **given)  # type: ignore[arg-type]


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="40 rows"):
        compare_coresets(np.eye(12), labels=["a", "b"] * 6, share=0.5)


def test_one_class_and_all_rows_have_nothing_to_compare() -> None:
    rows = Embeddings.from_vectors(np.eye(60))
    assert comparable(rows, np.arange(60) % 2, n=30)
    assert not comparable(rows, np.zeros(60), n=30)
    assert not comparable(rows, np.arange(60) % 2, n=60)
    assert not comparable(rows, None, n=30)


def test_the_only_row_of_a_class_is_neither_learned_nor_judged() -> None:
    X, y = load_digits(return_X_y=True)
    X, y = X[:400], y[:400].astype(str)
    single = np.array([f"only {at}" for at in range(30)])
    more, names = np.concatenate([X[:30] + 1, X]), np.concatenate([single, y])
    plain = compare_coresets(X, labels=y, share=0.3)
    assert compare_coresets(more, labels=names, share=0.3).savings == plain.savings
    rows = Embeddings.from_vectors(np.eye(60))
    assert not comparable(rows, np.arange(60), n=30)
    assert not comparable(rows, np.r_[np.arange(25), np.arange(35) % 2 + 100], n=30)
    with pytest.raises(InputError, match="got 0 rows and 0 classes of two rows or more"):
        compare_coresets(np.eye(60), labels=np.arange(60), share=0.5)
