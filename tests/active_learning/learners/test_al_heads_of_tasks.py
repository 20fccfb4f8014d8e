import numpy as np

from active_learning.learners.multilabel import SigmoidHead
from active_learning.learners.ridge import RidgeHead

RNG = np.random.default_rng(0)
N = 120
VECTORS = RNG.normal(size=(N, 4))
UNIT = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
SETS = [tuple(c for c, x in zip("ab", row, strict=False) if x > 0.1) for row in UNIT]
NUMBERS = 3.0 * UNIT[:, 0] - UNIT[:, 1] + 0.05 * RNG.normal(size=N)


def test_built_in_heads_learn():
    targets = np.array([[float(c in given) for c in "ab"] for given in SETS], dtype=np.float32)
    train, test = np.arange(80), np.arange(80, N)
    unit = UNIT.astype(np.float32)
    probs = SigmoidHead()(unit[train], targets[train], num_classes=2, random_state=0)(unit[test])
    assert ((probs > 0.5) == targets[test]).mean() > 0.9
    found = RidgeHead()(unit[train], NUMBERS[train], num_classes=0, random_state=0)(unit[test])
    error = np.abs(found[:, 0] - NUMBERS[test])
    assert error.mean() < 0.1
    assert 0.8 < (error < 2 * found[:, 1]).mean() <= 1.0


def test_ridge_is_scikit_learns_and_knows_where_it_is_unsure():
    from sklearn.linear_model import Ridge

    model = RidgeHead()(UNIT, NUMBERS, num_classes=0, random_state=0)
    peer = Ridge(alpha=model.penalty).fit(UNIT, NUMBERS)
    np.testing.assert_allclose(model(UNIT)[:, 0], peer.predict(UNIT), atol=1e-4)
    assert model(10 * UNIT)[:, 1].min() > model(UNIT)[:, 1].mean()
    lone = RidgeHead()(UNIT[:1], NUMBERS[:1], num_classes=0, random_state=0)(UNIT)
    assert np.isfinite(lone).all()
