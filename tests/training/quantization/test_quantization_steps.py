"""In which units step sizes and weights learn: a step of the optimizer is a share of each."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from training import compact_model, quantize, samples_from_arrays
from training.quantization import QuantizedModel
from training.quantization.steps import Exponent, Unit, followed_ranges, learned_steps
from training.quantization.training import train_quantized
from training.rows.samples import Samples

FOUR = {"weight_bits": 4, "activation_bits": 4}


def rows() -> Samples:
    """Return pictures of two brightnesses as bytes, which the first layer takes as they are."""
    rng = np.random.default_rng(0)
    targets = np.arange(96) % 2
    images = rng.integers(0, 120, size=(96, 8, 8)) + 100 * targets[:, None, None]
    ids = np.arange(96).astype(str)
    return samples_from_arrays(images.astype(np.uint8), row_ids=ids, targets=targets)


@pytest.fixture
def calibrated() -> QuantizedModel:
    network = compact_model("resnet8", num_classes=2, input_shape=(1, 8, 8), width=4)
    with torch.no_grad():  # Not the usual unit: weights a tenth as large as in a fresh layer.
        network.eval().head.weight.mul_(0.1)
    return quantize(network, rows(), method="ptq", tolerance=1.0, **FOUR)


def numbers(model: QuantizedModel) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return copies of all step sizes and of all weights by layer."""
    graph = dict(model.graph.named_modules())
    steps = {name: q.scale for name, q in graph.items() if hasattr(q, "zero_point")}
    weighted = {name: m for name, m in graph.items() if hasattr(m, "weight_scale")}
    steps |= {name: layer.scales(torch.ones(())) for name, layer in weighted.items()}
    return (
        {name: step.detach().clone() for name, step in steps.items()},
        {name: layer.weight.detach().clone() for name, layer in weighted.items()},
    )


def test_a_step_multiplies_step_sizes_and_moves_weights_by_a_share_of_a_fresh_layers(
    calibrated: QuantizedModel,
) -> None:
    """One step of 0.01 on gradients of 1, against the formulas in plain numbers."""
    steps, weights = numbers(calibrated)
    pixels = next(iter(weights))
    assert float(steps[pixels].max()) < 1e-3  # far below a usual step, as its weights are
    with learned_steps(calibrated):
        learned = [value for value in calibrated.parameters() if value.requires_grad]
        for value in learned:
            value.grad = torch.ones_like(value)
        torch.optim.SGD(learned, lr=0.01).step()
    after, moved = numbers(calibrated)
    for name, step in steps.items():
        if name != "pixels":  # whole numbers as they come, on a grid that is no one's choice
            torch.testing.assert_close(after[name], step * math.exp(-0.01))
    for name, weight in weights.items():
        fresh = math.sqrt(2 / weight[0].numel())
        unit = math.sqrt(float((weight.double() ** 2).mean())) / fresh
        torch.testing.assert_close(moved[name], weight - 0.01 * unit, rtol=1e-4, atol=1e-6 * unit)


@pytest.mark.parametrize("context", [learned_steps, followed_ranges])
def test_nothing_is_left_behind_and_without_a_step_nothing_changes(
    calibrated: QuantizedModel, context: type
) -> None:
    before = copy.deepcopy(calibrated)
    with context(calibrated):
        pass
    assert set(calibrated.state_dict()) == set(before.state_dict())
    assert not any("Parametrized" in type(module).__name__ for module in calibrated.modules())
    for mine, theirs in zip(calibrated.quantizers(), before.quantizers(), strict=True):
        assert not mine.scale.requires_grad
        torch.testing.assert_close(mine.scale, theirs.scale)
    for layer, first in zip(calibrated.weighted(), before.weighted(), strict=True):
        assert not layer.weight_scale.requires_grad
        assert isinstance(layer.weight, nn.Parameter)
        torch.testing.assert_close(layer.weight, first.weight)


def test_step_sizes_of_a_layer_that_takes_pixels_stay_positive_and_near_the_best(
    calibrated: QuantizedModel,
) -> None:
    """Steps of one length once threw them from 2e-5 to -2e-3, which rounds all its weights to 0."""
    network = compact_model("resnet8", num_classes=2, input_shape=(1, 8, 8), width=4).eval()
    trained = copy.deepcopy(calibrated)
    options = {"batch_size": 32, "lr": 5e-4, "optimizer": "adamw", "device": "cpu"}
    train_quantized(trained, network, rows(), epochs=10, **options)
    first = next(iter(trained.weighted()))
    start = next(iter(calibrated.weighted()))
    ratio = first.scales(torch.ones(())) / start.scales(torch.ones(()))
    assert float(ratio.min()) > 0.5
    assert float(ratio.max()) < 2
    assert float(first.integer_weight(first.scales(torch.ones(()))).abs().amax()) > 20


def test_units_of_weights_that_are_all_zero_are_no_division_by_zero() -> None:
    weight = torch.zeros(3, 8)
    unit = Unit(weight)
    assert torch.equal(unit(unit.right_inverse(weight)), weight)
    step = torch.tensor([0.25, 3e-38])
    exponent = Exponent(step)
    assert torch.equal(exponent.right_inverse(step), torch.zeros(2))
    torch.testing.assert_close(exponent(torch.full((2,), math.log(2))), 2 * step)


def test_a_checkpoint_brings_the_unit_that_its_weights_are_in(calibrated: QuantizedModel) -> None:
    """A training may go on from other weights than it began with, such as calibrated anew."""
    begun, other = copy.deepcopy(calibrated), copy.deepcopy(calibrated)
    with torch.no_grad():
        for layer in other.weighted():
            layer.weight.mul_(3)
    with learned_steps(begun):
        saved = {name: value.clone() for name, value in begun.state_dict().items()}
    with learned_steps(other):
        other.load_state_dict(saved)
    for mine, theirs in zip(other.weighted(), begun.weighted(), strict=True):
        torch.testing.assert_close(mine.weight, theirs.weight)
