"""Four bits: what keeps eight, how step sizes learn, and that training brings accuracy back."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from thresher.core.errors import InputError, ThresherWarning
from training import check_parity, compact_model, export, fit, quantize
from training.exporting import audit
from training.quantization import prepare
from training.quantization.fake import learned_step
from training.quantization.judge import Judge
from training.quantization.layers import QuantizedLinear
from training.quantization.ranges import RangeObserver, affine
from training.quantization.training import usual_training
from training.rows.samples import Samples

FOUR = {"weight_bits": 4, "activation_bits": 4}
CLASSES = ["a", "b", "c"]


class Residual(nn.Module):
    """A stem, a residual block and a head, the input also read by a layer beside the stem."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.beside = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 1)
        self.inner = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.stem(x))
        y = torch.relu(self.inner(y) + self.beside(x))
        return self.head(torch.flatten(y.mean((2, 3)), 1))


def bits_of(model: nn.Module, **options: object) -> tuple[dict[str, int], dict[str, int]]:
    """Return the bits of each layer's weights, and those of the value that each layer reads."""
    quantized = prepare(model, **{**FOUR, **options})
    graph = quantized.graph
    read = {
        str(node.target): graph.get_submodule(str(node.args[0].target)).bits
        for node in graph.graph.nodes
        if node.op == "call_module" and hasattr(graph.get_submodule(node.target), "weight_scale")
    }
    return {layer.name: layer.weight_bits for layer in quantized.layers()}, read


def test_the_ends_and_what_only_they_read_keep_eight_bits() -> None:
    weights, read = bits_of(Residual())
    assert weights == {"stem": 8, "beside": 8, "inner": 4, "head": 8}
    assert read == {"stem": 8, "beside": 8, "inner": 4, "head": 8}
    quantized = prepare(Residual(), **FOUR)
    assert quantized.end_layers == ["stem", "beside", "head"]
    # Input, stem's answer, both terms of the sum, the sum, its mean: one of them is multiplied.
    assert sorted(q.bits for q in quantized.quantizers()) == [4, 8, 8, 8, 8, 8]
    assert quantized.rounded_to == [4, 8]


def test_sensitive_bits_are_a_floor_that_layers_named_do_not_heed() -> None:
    weights, read = bits_of(Residual(), sensitive_bits=4)
    assert set(weights.values()) == set(read.values()) == {4}
    assert bits_of(Residual(), sensitive_bits=6)[0]["head"] == 6
    assert bits_of(Residual(), layer_bits={"head": 3})[0]["head"] == 3
    weights, read = bits_of(Residual(), weight_bits=8)
    assert set(weights.values()) == {8}
    assert read["inner"] == 4
    with pytest.raises(InputError, match="sensitive_bits"):
        prepare(Residual(), sensitive_bits=9)


def test_without_a_layer_between_the_ends_all_have_the_bits_asked_for() -> None:
    two = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))
    weights, read = bits_of(two)
    assert set(weights.values()) == set(read.values()) == {4}
    assert prepare(two, **FOUR).end_layers == []


def test_a_table_of_tokens_is_no_end_and_keeps_the_next_layer_from_being_one() -> None:
    model = compact_model("hashed_embedding", num_classes=3, input_shape=(6,), width=8)
    weights, read = bits_of(model.eval())
    assert weights == {"features.0.table": 4, "features.2": 4, "head": 8}
    assert read == {"features.2": 4, "head": 8}


def test_the_layer_behind_one_in_float_is_no_end() -> None:
    model = nn.Sequential(
        nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 5), nn.Linear(5, 2)
    )
    assert bits_of(model)[0] == {"0": 8, "2": 4, "4": 4, "5": 8}
    assert bits_of(model, keep_float=["0"])[0] == {"0": 32, "2": 4, "4": 4, "5": 8}


def test_the_gradient_of_a_step_size_is_the_slope_with_rounding_held_fast() -> None:
    """LSQ: the straight-through estimate takes what rounding adds, in steps, for a constant."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 40, generator=generator, dtype=torch.float64)
    weight = torch.randn(3, 40, generator=generator, dtype=torch.float64)
    scale = torch.tensor([[0.1], [0.25], [0.6]], dtype=torch.float64)
    low, high, zero = -7, 7, torch.zeros((), dtype=torch.float64)
    added = torch.round(x / scale) - x / scale
    clipped = torch.round(x / scale).clamp(low, high)
    inside = clipped == torch.round(x / scale)
    assert 0.1 < inside.double().mean() < 0.95  # both cases are met

    def surrogate(step: Tensor) -> Tensor:
        steps = torch.where(inside, x / step + added, clipped)
        return (steps * step * weight).sum(1, keepdim=True)

    h = 1e-6
    slope = (surrogate(scale + h) - surrogate(scale - h)) / (2 * h)
    learned, values = scale.clone().requires_grad_(), x.clone().requires_grad_()
    (learned_step(values, learned, zero, low=low, high=high) * weight).sum().backward()
    expected = slope / (40 * (high - low)) ** 0.5
    torch.testing.assert_close(learned.grad, expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(values.grad, weight * inside)


def test_the_first_step_size_of_weights_is_near_the_best_of_all() -> None:
    layer = QuantizedLinear(nn.Linear(200, 6), 4)
    layer.weight.data.normal_(generator=torch.Generator().manual_seed(1))
    layer.weight.data[0, 0] = 9.0  # an outlier that clipping should give up
    layer.search_clip()
    scale = layer.scales(torch.ones(()))
    layer.learn_scale(True)
    torch.testing.assert_close(layer.scales(torch.ones(())), scale)
    layer.learn_scale(False)
    weight = layer.weight.detach().double().numpy()

    def errors(steps: np.ndarray) -> np.ndarray:
        column = steps[:, None]
        found = np.clip(np.rint(weight / column), -7, 7) * column
        return ((found - weight) ** 2).sum(1)

    largest = np.abs(weight).max(1) / 7
    best = np.min([errors(largest * share) for share in np.linspace(0.05, 1.2, 4000)], 0)
    assert (errors(scale.double().numpy()) <= 1.03 * best).all()
    assert (errors(largest) > 1.1 * best).all()


def test_the_first_range_of_values_is_near_the_best_of_all() -> None:
    values = torch.randn(20_000, generator=torch.Generator().manual_seed(2)).relu()
    observer = RangeObserver()
    observer.see(values)
    observer.count(values)

    def error(high: float) -> float:
        step, zero = affine(0.0, high, 15)
        rounded = torch.fake_quantize_per_tensor_affine(values, step, zero, 0, 15)
        return float(((rounded - values) ** 2).mean())

    best = min(error(high) for high in np.linspace(0.5, float(values.max()), 400))
    assert error(observer.range("mse", 16)[1]) <= 1.02 * best


@pytest.mark.parametrize(
    ("rows", "bits", "epochs", "lr"),
    [(10_000, 8, 2, 1e-5), (10_000, 4, 4, 5e-4), (4000, 4, 10, 5e-4), (100_000, 3, 4, 5e-4)],
)
def test_few_bits_are_trained_for_some_hundred_steps(
    rows: int, bits: int, epochs: int, lr: float
) -> None:
    assert usual_training(rows, bits=bits, batch_size=128) == {"epochs": epochs, "lr": lr}
    assert usual_training(200, bits=4, batch_size=128)["epochs"] == 40


@pytest.fixture(scope="module")
def case() -> tuple[nn.Module, Samples, Samples]:
    """Return a network that four bits hurt, with rows to train and to test."""
    rng = np.random.default_rng(0)
    targets = np.arange(1200) % 3
    ideal = rng.normal(size=(3, 12))
    values = (rng.normal(size=(1200, 12)) + 0.6 * ideal[targets]).astype(np.float32)
    ids = np.arange(1200).astype(str)
    rows = Samples(torch.from_numpy(values), torch.from_numpy(targets), ids)
    train, test = rows.take(np.arange(600)), rows.take(np.arange(600, 1200))
    model = compact_model("mlp", num_classes=3, input_shape=(12,), width=16, dropout=0)
    fit(model, train, epochs=20, batch_size=50, optimizer="adamw", lr=5e-3, device="cpu")
    return model.eval(), train, test


def test_training_as_by_default_brings_few_bits_nearer_to_float(
    case: tuple[nn.Module, Samples, Samples],
) -> None:
    model, train, test = case
    judge = Judge(model, test, device="cpu")
    options = {"weight_bits": 3, "activation_bits": 3, "sensitive_bits": 3, "tolerance": 1.0}
    rows = train.without_targets()
    before = judge.score(quantize(model, rows, method="ptq", **options))
    trained = quantize(model, rows, method="qat", validation=test, batch_size=50, **options)
    assert trained.choices["method"].value == "qat"
    assert judge.score(trained).divergence < 0.9 * before.divergence
    eight = quantize(model, rows, method="ptq", **{**options, "sensitive_bits": 8})
    assert judge.score(eight).divergence < before.divergence
    assert "features.0, head" in str(eight.choices["sensitive_bits"])


def test_the_file_of_four_and_eight_bits_computes_what_was_simulated(
    case: tuple[nn.Module, Samples, Samples], tmp_path: Path
) -> None:
    model, train, test = case
    quantized = quantize(model, train, method="qat", epochs=2, device="cpu", **FOUR)
    exported = export(quantized, tmp_path / "four", classes=CLASSES, threads=1)
    assert check_parity(exported, quantized, test).agreement >= 0.99
    card = next(exported.path.parent.glob("*.md")).read_text()
    assert "4 and 8-bit weights, 4 and 8-bit activations" in card
    eight = quantize(model, train, method="ptq", device="cpu", weight_bits=4)
    assert audit(export(eight, tmp_path / "eight", classes=CLASSES).path).floating == 0


def test_few_bits_that_lose_much_are_said_to_and_eight_are_offered(
    case: tuple[nn.Module, Samples, Samples],
) -> None:
    model, train, test = case
    judge, options = Judge(model, test, device="cpu"), {"method": "ptq", "validation": test}
    two = {"weight_bits": 2, "activation_bits": 2, "sensitive_bits": 2}
    with pytest.warns(
        ThresherWarning, match=r"2 bits lose .* points, 8 bits .*weight_bits=8"
    ) as warned:
        found = quantize(model, train, **options, **two)
    assert len(warned) == 1
    lost, eight = judge.score(found), judge.score(quantize(model, train, **options))
    assert lost.loss - eight.loss > 0.02
    assert found.choices["eight_bits"].value == "better"
    assert lost.text in found.choices["eight_bits"].reason
    assert eight.text in found.choices["eight_bits"].reason
    said = f"2 bits lose {100 * lost.loss:.1f} ± {100 * lost.error:.1f} points"
    assert said in str(warned[0].message)


def test_few_bits_that_lose_little_or_what_is_allowed_bring_no_offer(
    case: tuple[nn.Module, Samples, Samples],
) -> None:
    model, train, test = case
    found = quantize(model, train, method="ptq", validation=test, weight_bits=6)
    assert "eight_bits" not in found.choices
    two = {"weight_bits": 2, "activation_bits": 2, "sensitive_bits": 2}
    # What the user allows to be lost is no reason to warn.
    loose = quantize(model, train, method="ptq", validation=test, tolerance=1.0, **two)
    assert "eight_bits" not in loose.choices
