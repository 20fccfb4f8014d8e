"""Which of two quantized models is kept does not hang on the last bits of a measurement."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from thresher.core.errors import InputError, ThresherWarning
from training import Samples, quantize
from training.loop.checks import DivergedError
from training.quantization import QuantizedModel, prepare
from training.quantization.judge import Score
from training.quantization.quantize import _better
from training.quantization.sensitivity import rounded


def score(divergences: list[float]) -> Score:
    return Score(0.0, 0.0, 0.0, np.array(divergences), "as accurate")


@pytest.fixture
def models() -> tuple[QuantizedModel, QuantizedModel]:
    return prepare(LAYER), prepare(LAYER)


LAYER = nn.Sequential(nn.Linear(3, 2))
BEFORE = [0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize(
    ("after", "named", "kept"),
    [
        ([0.05, 0.1, 0.2, 0.3], "auto", "qat"),  # better in every row
        ([0.15, 0.3, 0.4, 0.5], "qat", "ptq"),  # worse in every row
        ([0.2, 0.1, 0.4, 0.29], "qat", "qat"),  # a gain of 0.0025 ± 0.05
        ([0.2, 0.1, 0.4, 0.29], "auto", "ptq"),
        (BEFORE, "qat", "qat"),  # nothing changed
        (BEFORE, "auto", "ptq"),
    ],
)
def test_what_is_not_clearly_better_is_kept_only_if_asked_for(
    models: tuple[QuantizedModel, QuantizedModel], after: list[float], named: str, kept: str
) -> None:
    calibrated, trained = models
    rng = np.random.default_rng(0)
    for _ in range(10):
        shaken = [value * (1 + 1e-7 * rng.normal()) for value in after]
        found = _better(calibrated, score(BEFORE), trained, score(shaken), named=named)
        assert found is (trained if kept == "qat" else calibrated)
        assert found.choices["method"].value == kept


def test_the_gain_is_that_of_pairs() -> None:
    gains = np.array([0.1, 0.0, 0.2, 0.1])
    before = np.array([1.0, 50.0, 3.0, 8.0])
    gain, error = score(list(before - gains)).gain_over(score(list(before)))
    assert gain == pytest.approx(gains.mean())
    assert error == pytest.approx(gains.std() / 2)


def test_a_reason_says_when_rows_cannot_tell(
    models: tuple[QuantizedModel, QuantizedModel],
) -> None:
    calibrated, trained = models
    found = _better(calibrated, score(BEFORE), trained, score(BEFORE), named="qat")
    assert found.choices["method"].reason.startswith("asked for, and no different")
    found = _better(calibrated, score(BEFORE), trained, score(BEFORE), named="auto")
    assert found.choices["method"].reason.startswith("training made no difference")


def test_an_order_by_measured_values_ignores_their_last_bits() -> None:
    value = torch.tensor(0.12345, dtype=torch.float64)
    shaken = torch.nextafter(value, torch.tensor(1.0, dtype=torch.float64))
    assert float(value) != float(shaken)
    assert rounded(float(value)) == rounded(float(shaken)) == 0.123


def test_a_training_that_ends_with_an_error_leaves_the_calibrated_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(80, 3)).astype(np.float32))
    rows = Samples(x, (x[:, 0] > 0).long(), np.arange(80).astype(str))

    def train(*_: object, **__: object) -> None:
        raise DivergedError("The loss became nan.")

    module = sys.modules["training.quantization.quantize"]  # the name is also a function's
    monkeypatch.setattr(module, "train_quantized", train)
    with pytest.warns(ThresherWarning, match="ended with an error: The loss became nan"):
        found = quantize(LAYER, rows, method="qat")
    assert found.choices["method"].value == "ptq"
    assert "The loss became nan." in found.choices["method"].reason
    calibrated = quantize(LAYER, rows, method="ptq")
    assert torch.equal(found(x), calibrated(x))
    monkeypatch.undo()
    with pytest.raises(InputError, match="batch_size"):
        quantize(LAYER, rows, method="qat", batch_size=0)
