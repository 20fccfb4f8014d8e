"""Bits for each layer, and layers left in float, chosen by what they cost."""

import numpy as np
import pytest
import torch
from torch import nn

from thresher.core.errors import InputError
from training.exporting import export
from training.models import compact_model
from training.quantization import prepare, quantize
from training.rows.samples import Samples


class Outlier(nn.Module):
    """Its first layer alone cannot stand few bits: one channel's weights differ a thousandfold."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.wide = nn.Linear(8, 8)
        self.head = nn.Linear(8, 4)
        with torch.no_grad():
            self.wide.weight.copy_(torch.randn(8, 8, generator=generator))
            self.wide.weight[:, 0] = 1000.0
            self.head.weight.copy_(torch.randn(4, 8, generator=generator))
            for layer in (self.wide, self.head):  # not the global state's, which other tests move
                layer.bias.uniform_(-0.35, 0.35, generator=generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.wide(x)))


@pytest.fixture(scope="module")
def case() -> tuple[nn.Module, Samples]:
    model = Outlier().eval()
    inputs = torch.randn((400, 8), generator=torch.Generator().manual_seed(1))
    inputs[:, 0] = 0  # so that only the rounding, never the value, of the outliers counts
    with torch.no_grad():
        targets = model(inputs).argmax(1)
    return model, Samples(inputs, targets, np.arange(400).astype(str))


def test_the_layer_that_hurts_stays_in_float_and_is_named(case: tuple[nn.Module, Samples]) -> None:
    model, samples = case
    quantized = quantize(model, samples, method="ptq", keep_float="auto", tolerance=0.02)
    assert quantized.float_layers == ["wide"]
    assert quantized.choices["keep_float"].value == "wide"
    easy = quantize(model, samples, method="ptq", keep_float="auto", tolerance=1.0)
    assert easy.float_layers == []
    assert easy.choices["keep_float"].value == "none"


def test_mixed_bits_spare_the_sensitive_layer(case: tuple[nn.Module, Samples]) -> None:
    model, samples = case
    quantized = quantize(
        model, samples, method="ptq", weight_bits="mixed", keep_float=["wide"], tolerance=0.2
    )
    assert {layer.name: layer.weight_bits for layer in quantized.layers()} == {
        "wide": 32,
        "head": 4,
    }
    strict = quantize(
        model, samples, method="ptq", weight_bits="mixed", keep_float=["wide"], tolerance=0.0
    )
    assert {layer.name: layer.weight_bits for layer in strict.layers()}["head"] == 8
    assert "no layer bears 4 bits" in str(strict.choices["weight_bits"])


def test_unknown_layers_and_words_are_named(case: tuple[nn.Module, Samples]) -> None:
    model, samples = case
    with pytest.raises(InputError, match="nowhere"):
        prepare(model, layer_bits={"nowhere": 4})
    with pytest.raises(InputError, match="mixed"):
        quantize(model, samples, weight_bits="some")
    with pytest.raises(InputError, match="auto"):
        quantize(model, samples, keep_float="best")


def test_a_float_layer_behind_the_stem_leaves_the_pixels_as_they_are() -> None:
    model = compact_model("resnet8", num_classes=3, input_shape=(3, 16, 16), width=8).eval()
    inside = prepare(model, keep_float=["features.1"])
    assert any(name == "pixels" for name, _ in inside.graph.named_modules())
    first = prepare(model, keep_float=["features.0"])
    assert not any(name == "pixels" for name, _ in first.graph.named_modules())


@pytest.mark.slow
def test_mixed_bits_are_stored_as_such(tmp_path) -> None:
    model = compact_model("resnet8", num_classes=3, input_shape=(3, 16, 16), width=16).eval()
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (64, 3, 16, 16), generator=generator, dtype=torch.uint8)
    samples = Samples(inputs, None, np.arange(64).astype(str))
    whole = quantize(model, samples, method="ptq")
    mixed = quantize(model, samples, method="ptq", weight_bits="mixed", tolerance=1.0)
    names = ["a", "b", "c"]
    sizes = [
        export(found, tmp_path / str(index), classes=names, threads=1).size_bytes
        for index, found in enumerate((whole, mixed))
    ]
    assert sizes[1] < 0.7 * sizes[0]
