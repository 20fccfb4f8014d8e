from statistics import NormalDist

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, log_loss
from torch import nn

from thresher.core.errors import InputError
from thresher.core.interval import wilson_interval
from training import compact_model, evaluate
from training.evaluation import predict_logits
from training.rows.samples import samples_from_arrays


def table(n=50):
    rng = np.random.default_rng(0)
    return samples_from_arrays(
        rng.normal(size=(n, 5)), row_ids=np.arange(n).astype(str), targets=np.arange(n) % 3
    )


class Constant:
    def predict(self, inputs):
        assert isinstance(inputs, np.ndarray)
        return np.tile(np.array([2.0, 0.0, 0.0]), (len(inputs), 1))


def test_numbers_are_those_of_scikit_learn():
    model = compact_model("mlp", num_classes=3, input_shape=(5,))
    samples = table()
    found = evaluate(model, samples, batch_size=7)
    targets = samples.targets.numpy()
    assert found.accuracy == accuracy_score(targets, found.pred_probs.argmax(1))
    assert found.loss == pytest.approx(log_loss(targets, found.pred_probs), rel=1e-5)
    recall = {c: (found.pred_probs.argmax(1)[targets == c] == c).mean() for c in range(3)}
    assert found.per_class == pytest.approx(recall)
    assert found.pred_probs.dtype == np.float32
    assert model.training


@pytest.mark.parametrize(("right", "n"), [(0, 5), (5, 5), (3, 10), (9_120, 10_000)])
def test_interval_is_the_wilson_score_interval(right, n):
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert wilson_interval(right, n) == pytest.approx((expected.low, expected.high), abs=1e-6)
    narrow = binomtest(right, n).proportion_ci(0.80, method="wilson")
    found = wilson_interval(right, n, z=NormalDist().inv_cdf(0.9))
    assert found == pytest.approx((narrow.low, narrow.high), abs=1e-6)


def test_anything_that_predicts_can_be_judged():
    found = evaluate(Constant(), table(9), batch_size=4)
    assert found.accuracy == pytest.approx(1 / 3)
    assert found.per_class == {0: 1.0, 1: 0.0, 2: 0.0}
    assert found.pred_probs.shape == (9, 3)


def test_batch_size_does_not_matter_and_frozen_parts_stay_frozen():
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4).eval(), nn.Linear(4, 3))
    torch.testing.assert_close(
        predict_logits(model, table(), batch_size=3), predict_logits(model, table())
    )
    assert [layer.training for layer in model] == [True, False, True]


def test_wrong_input_is_told():
    with pytest.raises(InputError, match="no targets"):
        evaluate(Constant(), table().without_targets())
    with pytest.raises(InputError, match="no rows"):
        predict_logits(Constant(), table(0))
    with pytest.raises(InputError, match="2 classes"):
        evaluate(nn.Linear(5, 2), table())
    samples = table()
    samples.targets[0] = -1
    with pytest.raises(InputError, match="1 row has no label"):
        evaluate(Constant(), samples)
