"""Old names of parameters give the same results for one release, and say what is new."""

import numpy as np
import pytest

from active_learning import Instances, LogisticHead, Session, query, simulate

RNG = np.random.default_rng(0)
X, CODES = RNG.normal(size=(30, 3)), np.arange(30) % 2


def test_the_strategy_came_first():
    with pytest.warns(DeprecationWarning, match="first argument of query is now `strategy`"):
        found = query("k_center", embeddings=X, n=5)
    assert found.row_ids.tolist() == query(X, n=5, strategy="k_center").row_ids.tolist()


def test_a_session_took_ids(tmp_path):
    ids = [f"r{number}" for number in range(30)]
    with pytest.warns(DeprecationWarning, match="`ids` of Session is now `row_ids`"):
        session = Session(tmp_path / "s.db", embeddings=X, ids=ids, classes=["a", "b"])
    with session:
        assert set(session.ask(3).row_ids.tolist()) <= set(ids)


def test_instances_had_items():
    with pytest.warns(DeprecationWarning, match="`item_ids` of Instances is now `row_ids`"):
        old = Instances(scores=[1.0, 2.0], item_ids=["a", "b"])
    assert old.of_items(["a", "b"]).tolist() == [1.0, 2.0]
    with pytest.warns(DeprecationWarning, match=r"`Instances.item_ids` is now `row_ids`"):
        assert list(old.item_ids) == list(old.row_ids) == ["a", "b"]


def test_learners_were_told_n_classes():
    def nearest(vectors, targets, *, n_classes, random_state):
        means = np.stack([vectors[targets == code].mean(axis=0) for code in range(n_classes)])

        def predict(rows):
            close = np.exp(rows @ means.T)
            return (close / close.sum(axis=1, keepdims=True)).astype(np.float32)

        return predict

    options = {"strategies": ["random"], "budgets": [10], "seeds": 1}
    with pytest.warns(DeprecationWarning, match="`n_classes` of a learner is now `num_classes`"):
        curves = simulate(X, CODES, learner=nearest, **options)
    assert 0 < curves.accuracy[0, 0, 0] <= 1
    with pytest.warns(DeprecationWarning, match="`n_classes` of LogisticHead is now"):
        old = LogisticHead()(X, CODES, n_classes=2, random_state=0)(X)
    new = LogisticHead()(X, CODES, num_classes=2, random_state=0)(X)
    assert np.array_equal(old, new)
