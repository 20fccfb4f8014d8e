import numpy as np
import pytest
import torch
from torch import nn

from thresher.core.errors import InputError
from training import compact_model, fit
from training.loop.dynamics import Dynamics, DynamicsRecorder
from training.rows.samples import samples_from_arrays


def table(n=90, flipped=0):
    rng = np.random.default_rng(0)
    targets = np.arange(n) % 3
    features = rng.normal(size=(n, 5)) + 3 * np.eye(5)[targets]
    targets[:flipped] = (targets[:flipped] + 1) % 3
    return samples_from_arrays(features, row_ids=np.arange(n).astype(str), targets=targets)


def record(samples, **options):
    recorder = DynamicsRecorder(samples, path=options.pop("path", None))
    fit(
        compact_model("mlp", num_classes=3, input_shape=(5,), width=16),
        samples,
        hooks=[recorder],
        **({"epochs": 6, "batch_size": 32} | options),
    )
    return recorder.dynamics


def test_values_are_those_of_the_training_step():
    samples = table(30)
    model = nn.Linear(5, 3)
    with torch.no_grad():
        logits = model(samples.inputs).numpy()
    recorder = DynamicsRecorder(samples)
    fit(model, samples, epochs=1, batch_size=30, hooks=[recorder])
    y = samples.targets.numpy()
    rows = np.arange(30)
    others = np.where(np.eye(3)[y] > 0, -np.inf, logits).max(1)
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found = recorder.dynamics
    np.testing.assert_allclose(found.margins[:, 0], logits[rows, y] - others, atol=5e-3)
    np.testing.assert_allclose(found.probabilities[:, 0], probs[rows, y], atol=1e-3)
    np.testing.assert_allclose(
        found.errors[:, 0], np.linalg.norm(probs - np.eye(3)[y], axis=1), atol=2e-3
    )


def test_wrong_labels_have_the_lowest_area_under_the_margin():
    found = record(table(flipped=6))
    assert set(np.argsort(found.aum)[:6]) == set(range(6))
    assert found.el2n(epochs=3)[:6].min() > np.median(found.el2n(epochs=3))


def test_forgetting_counts_falls_from_right_to_wrong():
    margins = np.array([[1, -1, 1, -1], [-1, 1, 1, np.nan], [1, 1, 1, 1]], np.float16)
    dynamics = Dynamics(np.array(["a", "b", "c"]), margins, margins, margins)
    assert dynamics.forgetting().tolist() == [2, 0, 0]
    assert dynamics.aum.tolist() == pytest.approx([0, 1 / 3, 1])


def test_file_is_read_back(tmp_path):
    found = record(table(), path=tmp_path / "dynamics.npz")
    read = Dynamics.load(tmp_path / "dynamics.npz")
    assert read.row_ids.tolist() == found.row_ids.tolist()
    assert np.array_equal(read.margins, found.margins)
    assert read.margins.shape == (90, 6)
    assert np.isfinite(read.margins).all()


def test_blended_rows_and_missing_labels_are_refused():
    with pytest.raises(InputError, match="labeled"):
        DynamicsRecorder(table().without_targets())
    with pytest.raises(InputError, match="mix"):
        record(table(), mix=lambda x, y, *_: (x, nn.functional.one_hot(y, 3).float()))
