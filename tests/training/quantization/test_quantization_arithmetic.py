"""Rounding, ranges and gradients against torch's own operators and hand-made numbers."""

import numpy as np
import pytest
import torch
from torch import nn

from thresher.core.errors import InputError
from training.quantization.fake import ActivationQuantizer, learned_step, rounded
from training.quantization.layers import QuantizedConv, QuantizedEmbedding, QuantizedLinear
from training.quantization.ranges import RANGE_METHODS, RangeObserver, affine


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def observed(values: torch.Tensor) -> RangeObserver:
    observer = RangeObserver()
    for part in values.split(100):
        observer.see(part)
    for part in values.split(100):
        observer.count(part)
    return observer


def test_affine_grid_holds_zero_exactly() -> None:
    assert affine(0.0, 2.55, 255) == (pytest.approx(0.01), 0)
    scale, zero_point = affine(-1.0, 3.0, 255)
    assert scale == pytest.approx(4 / 255)
    assert zero_point == 64
    assert affine(2.0, 5.1, 255) == (pytest.approx(0.02), 0)
    assert affine(0.0, 0.0, 255)[0] > 0


def test_activation_quantizer_equals_torch() -> None:
    x = 3 * random(1000)
    quantizer = ActivationQuantizer(8)
    quantizer.set_range(-2.0, 5.0)
    quantizer.mode = "quantize"
    scale, zero_point = affine(-2.0, 5.0, 255)
    expected = torch.fake_quantize_per_tensor_affine(x, scale, zero_point, 0, 255)
    torch.testing.assert_close(quantizer(x), expected)


def test_learned_step_has_the_gradients_of_torch() -> None:
    x, scale, zero = random(500), torch.tensor([0.02]), torch.tensor([100.0])
    ours = [x.clone().requires_grad_(), scale.clone().requires_grad_()]
    theirs = [x.clone().requires_grad_(), scale.clone().requires_grad_()]
    weight = random(500, seed=1)
    factor = 1 / (500 * 255) ** 0.5
    got = learned_step(*ours, zero, low=0, high=255)
    want = torch._fake_quantize_learnable_per_tensor_affine(*theirs, zero, 0, 255, factor)
    (got * weight).sum().backward()
    (want * weight).sum().backward()
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(ours[0].grad, theirs[0].grad)
    torch.testing.assert_close(ours[1].grad, theirs[1].grad)


def test_extremes_do_not_depend_on_the_method_when_values_are_equal() -> None:
    observer = observed(torch.full((300,), 2.0))
    for method in RANGE_METHODS:
        assert observer.range(method, 256) == (0.0, 2.0)


def test_ranges_of_uniform_values() -> None:
    observer = observed(torch.linspace(-1, 1, 20001))
    assert observer.range("minmax", 256) == (-1.0, 1.0)
    for method in ("percentile", "mse", "entropy"):
        low, high = observer.range(method, 256)
        assert low == pytest.approx(-1, abs=0.04)
        assert high == pytest.approx(1, abs=0.04)


def test_error_clipping_beats_the_extremes_when_there_is_an_outlier() -> None:
    values = torch.cat([random(50000).abs(), torch.tensor([60.0])])
    errors = {}
    for method in ("minmax", "mse"):
        scale, zero_point = affine(*observed(values).range(method, 16), 15)
        rounded = torch.fake_quantize_per_tensor_affine(values, scale, zero_point, 0, 15)
        errors[method] = float(((rounded - values) ** 2).mean())
    assert errors["mse"] < 0.3 * errors["minmax"]


def test_an_unknown_range_method_is_named() -> None:
    with pytest.raises(InputError, match="minmax"):
        observed(random(10)).range("min_max", 256)


@pytest.mark.parametrize(
    ("bits", "weight_range", "top"), [(8, "portable", 64), (8, "full", 127), (4, "portable", 7)]
)
@pytest.mark.parametrize("groups", [1, 4])
def test_convolution_equals_fake_quantized_torch(
    bits: int, weight_range: str, top: int, groups: int
) -> None:
    float_layer = nn.Conv2d(4, 8, 3, padding=1, groups=groups)
    quantizer = ActivationQuantizer(8)
    quantizer.set_range(-2.0, 2.0)
    quantizer.mode = "quantize"
    layer = QuantizedConv(float_layer, bits, weight_range=weight_range)
    layer.enabled = True
    x = quantizer(random(2, 4, 6, 6))
    scale = float_layer.weight.detach().abs().flatten(1).amax(1) / top
    weight = torch.fake_quantize_per_channel_affine(
        float_layer.weight, scale, torch.zeros(8, dtype=torch.int32), 0, -top, top
    )
    expected = nn.functional.conv2d(x, weight, float_layer.bias, padding=1, groups=groups)
    torch.testing.assert_close(layer.train()(x, quantizer.scale), expected)
    # Evaluation rounds the bias to the grid too.
    torch.testing.assert_close(layer.eval()(x, quantizer.scale), expected, atol=1e-3, rtol=1e-3)


def test_a_dead_channel_keeps_its_bias_within_32_bits() -> None:
    float_layer = nn.Linear(3, 2)
    with torch.no_grad():
        float_layer.weight[0] = 0
        float_layer.bias[0] = 7
    layer = QuantizedLinear(float_layer, 8)
    scale = layer.scales(torch.tensor(1e-3))
    bias = layer.integer_bias(scale, torch.tensor(1e-3))
    assert bias is not None
    assert bias.abs().max() < 2**31
    layer.enabled = True
    out = layer.eval()(torch.zeros(1, 3), torch.tensor(1e-3))
    assert out[0, 0].item() == pytest.approx(7, rel=1e-6)


def test_searched_clipping_lowers_the_error_of_four_bits() -> None:
    layer = QuantizedLinear(nn.Linear(512, 16), 4)
    layer.weight.data.normal_(generator=torch.Generator().manual_seed(0))

    def error() -> float:
        scale = layer.scales(torch.ones(()))
        rounded = layer.integer_weight(scale) * scale.view(-1, 1)
        return float(((rounded - layer.weight.detach()) ** 2).mean())

    before = error()
    layer.search_clip()
    assert error() < 0.8 * before


@pytest.mark.parametrize("bits", [8, 4])
def test_embedding_rows_are_within_half_a_step(bits: int) -> None:
    table = nn.Embedding(50, 6, padding_idx=0)
    layer = QuantizedEmbedding(table, bits)
    layer.enabled = True
    ids = torch.arange(50).view(5, 10)
    largest = table.weight.detach().abs()
    step = largest.max() / 127 if bits == 8 else largest.amax(0) / 7
    assert ((layer(ids) - table(ids)).abs() <= step / 2 + 1e-7).all()
    assert np.array_equal(layer(torch.tensor([[0]])).detach().numpy(), np.zeros((1, 1, 6)))


def test_a_simulation_rounds_to_the_bits_of_torchs_own_kernel() -> None:
    """Ties and values beyond the grid included: equal bits, whatever the processor."""
    draw = torch.Generator().manual_seed(0)
    whole = torch.arange(-300, 300)
    for power in range(-5, 4):
        scale = torch.rand((), generator=draw) * 10.0**power
        for point in (0, 37, 255):
            zero = torch.tensor(point, dtype=torch.int32)
            spread = 100 * torch.randn(5000, generator=draw)
            values = scale * torch.cat([spread, whole, whole + 0.5])
            expected = torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, 255)
            assert torch.equal(rounded(values, scale, zero, top=255), expected)
