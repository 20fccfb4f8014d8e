"""One calibration row far outside all others does not take the range for itself."""

import numpy as np
import pytest
import torch
from torch import nn

from thresher.core.errors import ThresherWarning
from training import compact_model, evaluate, fit, quantize
from training.quantization import calibrate, prepare
from training.quantization.far_rows import find_far_rows
from training.rows.samples import Samples

N, CLASSES = 129, 3


def rows_of(values: np.ndarray, targets: np.ndarray) -> Samples:
    ids = np.array([f"r{row}" for row in range(len(values))])
    return Samples(torch.from_numpy(values.astype(np.float32)), torch.from_numpy(targets), ids)


@pytest.fixture(scope="module")
def trained() -> tuple[nn.Module, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    targets = np.arange(N) % CLASSES
    values = rng.normal(size=(N, 10)) + np.eye(10)[targets] * 4
    model = compact_model("mlp", num_classes=CLASSES, input_shape=(10,), width=16)
    options = {"epochs": 15, "batch_size": 32, "optimizer": "adamw", "lr": 5e-3, "device": "cpu"}
    fit(model, rows_of(values, targets), **options)
    return model, values, targets


def with_far(values: np.ndarray, targets: np.ndarray, count: int) -> Samples:
    far = np.full((count, values.shape[1]), 1e3)
    return rows_of(np.r_[far, values], np.r_[np.zeros(count, dtype=np.int64), targets])


@pytest.mark.parametrize("ranges", ["minmax", "moving_average", "mse", "entropy", "percentile"])
def test_a_far_row_costs_nothing(
    trained: tuple[nn.Module, np.ndarray, np.ndarray], ranges: str
) -> None:
    model, values, targets = trained
    with_it, without = prepare(model), prepare(model)
    calibrate(with_it, with_far(values, targets, 1), method=ranges)
    calibrate(without, rows_of(values, targets), method=ranges)
    for found, expected in zip(with_it.quantizers(), without.quantizers(), strict=True):
        torch.testing.assert_close(found.scale, expected.scale)
        assert int(found.zero_point) == int(expected.zero_point)
    choice = with_it.choices["calibration_rows"]
    assert choice.value == f"{N} of {N + 1}"
    assert choice.reason.endswith(": r0")
    assert "calibration_rows" not in without.choices
    rows = rows_of(values, targets)
    assert evaluate(with_it.eval(), rows).accuracy >= evaluate(model, rows).accuracy - 0.01


def test_many_far_rows_are_a_kind_of_their_own_and_said_to_cost_much(
    trained: tuple[nn.Module, np.ndarray, np.ndarray],
) -> None:
    model, values, targets = trained
    many = with_far(values, targets, 30)
    judged = rows_of(values, targets)
    with pytest.warns(ThresherWarning, match="loses more than 5 % of the held-out rows"):
        quantized = quantize(model, many, method="ptq", validation=judged, device="cpu")
    assert "calibration_rows" not in quantized.choices


def test_far_is_ten_times_the_others() -> None:
    usual = np.linspace(1, 2, 99)
    assert find_far_rows([np.append(usual, 20.1)]).tolist() == [99]
    assert find_far_rows([np.append(usual, 19.9)]).tolist() == []
    # At one place of several is enough; one row in a hundred is the most.
    near = np.append(usual, 2.0)
    assert find_far_rows([near, np.append(usual, 30.0)]).tolist() == [99]
    two = np.concatenate([[50.0], usual, usual, [40.0, 1.0]])
    assert find_far_rows([two]).tolist() == [0, 199]
    assert find_far_rows([np.concatenate([[50.0, 60.0, 70.0], usual])]).tolist() == []


def test_among_few_rows_and_zeros_nothing_is_far() -> None:
    assert find_far_rows([np.append(np.ones(18), 1e6)]).tolist() == []
    assert find_far_rows([np.append(np.zeros(99), 1.0)]).tolist() == []
    assert find_far_rows([]).tolist() == []
