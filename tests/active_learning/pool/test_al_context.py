import numpy as np
import pytest

from active_learning import Session, query
from active_learning.pool.context import make_context
from thresher.core.errors import InputError


def pool(n=80, d=6, c=3, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "embeddings": rng.normal(size=(n, d)),
        "pred_probs": rng.dirichlet(np.ones(c), size=n),
        "ensemble_probs": rng.dirichlet(np.ones(c), size=(4, n)),
        "dropout_probs": rng.dirichlet(np.ones(c), size=(3, n)),
        "class_counts": np.arange(c),
    }


def test_torch_tensors_of_half_precision_are_taken():
    torch = pytest.importorskip("torch")
    probs = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.7, 0.3]]).half()
    assert query(strategy="margin", pred_probs=probs, n=1).positions.tolist() == [1]


def test_missing_array_is_named():
    with pytest.raises(InputError, match="'badge' needs `pred_probs`"):
        query(strategy="badge", embeddings=np.eye(3), n=1)
    with pytest.raises(InputError, match="Did you mean 'entropy'"):
        query(strategy="entropie", embeddings=np.eye(3), n=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embeddings": np.full((80, 6), np.nan)}, "NaN"),
        ({"pred_probs": np.full((80, 3), 0.5)}, "sum 1.5"),
        ({"pred_probs": np.full((80, 3), np.nan)}, "not probabilities"),
        ({"pred_probs": np.ones((79, 1))}, "different lengths"),
        ({"costs": np.zeros(80)}, "above 0"),
        ({"labeled": np.array([80])}, "positions from 0 to 79"),
        ({"candidates": np.ones(3, dtype=bool)}, "mask of 80 rows"),
        ({"row_ids": np.array(["a"] * 80)}, "'a' is given twice"),
    ],
)
def test_bad_arrays_are_named(change, message):
    with pytest.raises(InputError, match=message):
        query(strategy="random", **(pool() | change), n=3)


def test_make_context_needs_rows():
    with pytest.raises(InputError, match="at least one"):
        make_context()


def test_a_misspelt_option_is_named(tmp_path):
    with pytest.raises(InputError, match=r"`query` has no option `pred_prob`. .*'pred_probs'"):
        query(np.eye(3), n=1, pred_prob=np.eye(3))
    with pytest.raises(InputError, match=r"`make_context` has no option `label`. .*'labeled'"):
        make_context(np.eye(3), label=[0])
    with pytest.raises(InputError, match=r"`Session` has no option `cost`. .*'costs'"):
        Session(tmp_path / "s.db", embeddings=np.eye(3), classes=["a", "b"], cost=[1, 2, 3])
    assert not (tmp_path / "s.db").exists()


def test_options_are_described_wherever_they_are_taken():
    for taker in (query, make_context, Session):
        assert "\ncosts : ndarray, optional\n" in taker.__doc__
        assert "**options" not in taker.__doc__
