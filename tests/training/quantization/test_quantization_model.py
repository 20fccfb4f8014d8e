"""From a float model to its integer simulation: folding, placement, calibration, training."""

import copy

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from thresher.core.errors import InputError
from training.loop.fit import fit
from training.models import FAMILIES, compact_model
from training.quantization import QuantizedModel, calibrate, layer_sensitivity, prepare, quantize
from training.quantization.fake import ActivationQuantizer
from training.quantization.tracing import trace
from training.rows.samples import Samples

SHAPES = {"image": (3, 16, 16), "text": (12,), "features": (9,)}


def rows(modality: str, n: int = 64, *, seed: int = 0) -> Samples:
    generator = torch.Generator().manual_seed(seed)
    shape = (n, *SHAPES[modality])
    if modality == "image":
        inputs = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    elif modality == "text":
        inputs = torch.randint(0, 40, shape, generator=generator)
    else:
        inputs = torch.randn(shape, generator=generator)
    targets = torch.randint(0, 3, (n,), generator=generator)
    return Samples(inputs, targets, np.arange(n).astype(str))


def model_of(name: str) -> nn.Module:
    modality = FAMILIES[name].modality
    vocabulary = {"vocabulary": 40} if modality == "text" else {}
    model = compact_model(name, num_classes=3, input_shape=SHAPES[modality], width=8, **vocabulary)
    for _ in range(3):  # fills the statistics of batch norm
        model(rows(modality).inputs)
    return model.eval()


class Small(nn.Module):
    """Convolution, residual addition, pooling, head."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        x = self.first(x.float() / 255 * scale).relu()
        x = (self.norm(self.second(x)) + x).relu()
        return self.head(x.mean((2, 3)))


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()
        self.head = nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gate(x))


class Gate(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


@pytest.fixture(scope="module")
def trained() -> tuple[nn.Module, Samples]:
    """A network that reads scanned digits, and 800 of them."""
    digits = load_digits()
    pixels = torch.from_numpy((digits.images[:800] * 15.9).astype(np.uint8))[:, None]
    targets = torch.from_numpy(digits.target[:800].astype(np.int64))
    samples = Samples(pixels, targets, np.arange(800).astype(str))
    model = compact_model("resnet8", num_classes=10, input_shape=(1, 8, 8), width=8)
    fit(model, samples, epochs=4, batch_size=64, device="cpu", precision="fp32")
    return model, samples


@pytest.mark.parametrize("name", FAMILIES)
def test_graph_equals_the_model_before_rounding(name: str) -> None:
    model, samples = model_of(name), rows(FAMILIES[name].modality)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    quantized = prepare(model, pixels=False).eval()
    with torch.no_grad():
        torch.testing.assert_close(
            quantized(samples.inputs), model(samples.inputs), atol=1e-5, rtol=1e-4
        )
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in quantized.modules())
    assert quantized.float_layers == []


@pytest.mark.parametrize("name", FAMILIES)
def test_eight_bits_stay_near_float(name: str) -> None:
    model, samples = model_of(name), rows(FAMILIES[name].modality)
    quantized = prepare(model)
    calibrate(quantized, samples)
    with torch.no_grad():
        exact = model(samples.inputs)
        assert (quantized.eval()(samples.inputs) - exact).abs().max() < 0.1 * exact.std() + 0.02
        trained_way = quantized.train()(samples.inputs)
    assert (trained_way - exact).abs().max() < 0.1 * exact.std() + 0.02


def test_rounding_is_placed_where_integer_kernels_need_it() -> None:
    graph = prepare(Small()).graph
    places = [
        str(node.args[0])
        for node in graph.graph.nodes
        if node.op == "call_module"
        and isinstance(graph.get_submodule(node.target), ActivationQuantizer)
    ]
    # input, after the first ReLU, second convolution, after the sum's ReLU, pooled
    assert places == ["mul", "relu", "second", "relu_1", "mean"]


def test_a_flattened_value_shares_the_grid() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 256, 3))
    assert len(list(prepare(model).quantizers())) == 2


def test_pixels_are_taken_as_they_are() -> None:
    model, samples = model_of("resnet8"), rows("image")
    with torch.no_grad():
        model.normalize.mean.copy_(torch.tensor([120.0, 120.0, 120.0]).view(1, 3, 1, 1))
        quantized = prepare(model).eval()
        assert quantized.graph.get_submodule("pixels").zero_point == 120
        # One mean for all channels: the border is exact too.
        torch.testing.assert_close(
            quantized(samples.inputs), model(samples.inputs), atol=1e-4, rtol=1e-4
        )
        model.normalize.mean[0, 0] = 0
        assert not hasattr(prepare(model).graph, "pixels")  # no pixel value is near all means
        assert not hasattr(prepare(Small(), keep_float=["first"]).graph, "pixels")


def test_layers_can_stay_in_float() -> None:
    quantized = prepare(Small(), keep_float=["first", "head"])
    assert quantized.float_layers == ["first", "head"]
    assert {layer.name: layer.weight_bits for layer in quantized.layers()} == {
        "first": 32,
        "second": 8,
        "head": 32,
    }


def test_a_layer_that_is_called_twice_stays_in_float() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared, self.head = nn.Linear(9, 9), nn.Linear(9, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.shared(self.shared(x).relu()).relu())

    assert prepare(Twice()).float_layers == ["shared"]


def test_a_max_pool_before_batch_norm_is_moved_only_for_positive_factors() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()
    )
    model(rows("image").inputs.float())
    inputs = rows("image", seed=1).inputs.float()
    for sign, norms in ((1, 0), (-1, 1)):
        model[2].weight.data.copy_(torch.tensor([0.5, 1.0, 2.0, sign]))
        graph = trace(model)
        torch.testing.assert_close(graph(inputs), model.eval()(inputs), atol=1e-4, rtol=1e-4)
        kept = [n for n in graph.graph.nodes if n.op == "call_module" and n.target == "2"]
        assert len(kept) == norms


def test_control_flow_is_explained_and_can_be_kept_whole() -> None:
    with pytest.raises(InputError, match="keep_float"):
        prepare(Branching())
    assert prepare(Branching(), keep_float=["gate"]).eval()(rows("features").inputs).shape == (
        64,
        3,
    )


def test_nothing_to_quantize_is_an_error() -> None:
    with pytest.raises(InputError, match="no convolution"):
        prepare(nn.Sequential(nn.Flatten(), nn.ReLU()))
    with pytest.raises(InputError, match="names no module"):
        prepare(Small(), keep_float=["third"])


def test_calibration_refuses_no_rows_and_nan() -> None:
    model = Small()
    with pytest.raises(InputError, match="at least one row"):
        calibrate(prepare(model), rows("image", 0))
    model.first.weight.data[0] = float("nan")
    with pytest.raises(InputError, match="not finite"):
        calibrate(prepare(model), rows("image", 4))


def test_calibration_does_not_depend_on_the_order_of_rows() -> None:
    model, samples = model_of("resnet8"), rows("image")
    grids = []
    for part in (samples, samples.take(np.arange(64)[::-1].copy())):
        quantized = prepare(model)
        calibrate(quantized, part, batch_size=7)
        grids.append([float(q.scale) for q in quantized.quantizers()])
    np.testing.assert_allclose(*grids, rtol=1e-6)


def test_auto_needs_no_training_at_eight_bits() -> None:
    quantized = quantize(model_of("resnet8"), rows("image", 200), tolerance=0.05)
    assert isinstance(quantized, QuantizedModel)
    assert quantized.choices["method"].value == "ptq"
    assert "tolerance" in quantized.choices["method"].reason
    assert not quantized.training


@pytest.mark.parametrize("qat_ranges", ["learned", "moving_average"])
def test_training_brings_few_bits_nearer_to_float(
    trained: tuple[nn.Module, Samples], qat_ranges: str
) -> None:
    model, samples = trained
    quantized = quantize(
        model,
        samples.without_targets(),
        method="qat",
        weight_bits=3,
        activation_bits=4,
        epochs=3,
        lr=1e-3,
        batch_size=64,
        qat_ranges=qat_ranges,
    )
    assert quantized.choices["method"].value == "qat"
    assert "agreement" in quantized.choices["method"].reason
    again = prepare(model, weight_bits=3, activation_bits=4)
    again.set_mode("quantize")
    again.load_state_dict(quantized.state_dict())
    with torch.no_grad():
        assert torch.equal(again.eval()(samples.inputs), quantized(samples.inputs))


def test_same_seed_same_bits() -> None:
    model, samples = model_of("mlp"), rows("features", 100)
    options = {"method": "qat", "weight_bits": 4, "epochs": 1, "random_state": 3}
    first, second = (quantize(model, samples, **options) for _ in range(2))
    for key, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[key])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "qta"}, "did you mean|Did you mean"),
        ({"ranges": "max"}, "minmax"),
        ({"weight_bits": 1}, "weight_bits"),
        ({"qat_ranges": "lsq"}, "learned"),
    ],
)
def test_wrong_options_are_named(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        quantize(model_of("mlp"), rows("features", 20), **options)


def test_the_layer_with_outliers_is_the_most_sensitive(
    trained: tuple[nn.Module, Samples],
) -> None:
    model, samples = copy.deepcopy(trained[0]), trained[1].take(np.arange(100))
    ordinary = layer_sensitivity(model, samples, weight_bits=4)
    assert len(ordinary) == 10
    assert all(divergence >= -1e-6 for divergence in ordinary.values())
    with torch.no_grad():  # the same large weight for all classes leaves the answers alone
        model.head.weight[:, 0] = 40.0
    assert next(iter(layer_sensitivity(model, samples, weight_bits=4))) == "head"
