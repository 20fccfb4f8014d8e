import numpy as np
import pytest

from active_learning import query
from active_learning.pool.probabilities import MANY_LABELS
from active_learning.pool.scores import COLUMN_VALUES, margin_uncertainty
from thresher.core.errors import InputError


def test_scores_of_several_classes_by_hand():
    probs = np.array([[0.5, 1.0], [0.9, 0.2]])
    np.testing.assert_allclose(MANY_LABELS.margin(probs), [(1 + 0) / 2, (0.2 + 0.4) / 2])
    assert query(
        strategy="margin", pred_probs=probs, task="multi_label", n=1
    ).positions.tolist() == [0]
    for name in ("entropy", "least_confidence", "badge", "auto", "power_margin", "cal"):
        assert len(
            query(strategy=name, pred_probs=probs, embeddings=np.eye(2), task="multi_label", n=2)
        )
    ensemble = np.array([[[0.0, 0.5]], [[1.0, 0.5]]])
    found = query(strategy="bald", ensemble_probs=ensemble, task="multi_label", n=1)
    np.testing.assert_allclose(found.scores, np.log(2) / 2, atol=1e-6)
    with pytest.raises(InputError, match="sigmoid output"):
        query(strategy="margin", pred_probs=probs * 2, task="multi_label", n=1)


def test_predictions_of_several_models():
    predictions = np.array([[1.0, 5.0, 3.0], [1.0, 9.0, 2.0]])
    found = query(strategy="uncertainty", predictions=predictions, n=3)
    assert found.positions.tolist() == [1, 2, 0]
    np.testing.assert_allclose(found.scores, [2.0, 0.5, 0.0])
    with pytest.raises(InputError, match="two models or more"):
        query(strategy="uncertainty", predictions=predictions[:1], n=1)
    with pytest.raises(InputError, match="NaN or infinite values, first for row '0'"):
        query(strategy="uncertainty", predictions=np.full((2, 3), np.nan), n=1)


@pytest.mark.parametrize("classes", [1, 2, 3, 17])
def test_margin_is_the_gap_of_the_two_largest(classes):
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(classes), size=COLUMN_VALUES // classes + 50).astype(np.float32)
    probs[:9] = 1 / classes
    top = np.sort(probs.astype(np.float64), axis=1)[:, -2:]
    expected = 1.0 - (top[:, -1] - top[:, 0]) if classes > 1 else np.zeros(len(probs))
    np.testing.assert_array_equal(margin_uncertainty(probs), expected)
