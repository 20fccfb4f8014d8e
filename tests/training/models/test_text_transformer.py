"""The text transformer: padding does not count, it learns order, exports and quantizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training import Samples, check_parity, compact_model, evaluate, export, fit, quantize


def build(length=8, width=16):
    return compact_model(
        "text_transformer", num_classes=2, input_shape=(length,), width=width, vocabulary=64
    )


@pytest.fixture(scope="module")
def trained():
    """A model that tells which of two words comes first, as no bag of words can."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(10, 64, (1200, 8))
    first, second = np.sort(np.argsort(rng.random((1200, 8)))[:, :2], axis=1).T
    order = rng.integers(0, 2, 1200)
    rows = np.arange(1200)
    tokens[rows, first], tokens[rows, second] = 2 + order, 3 - order
    samples = Samples(torch.from_numpy(tokens), torch.from_numpy(order), rows.astype(str))
    train, test = samples.take(rows[:1000]), samples.take(rows[1000:])
    model = build()
    fit(model, train, epochs=16, batch_size=50, optimizer="adamw", lr=5e-3, precision="fp32")
    return model, train, test


def test_it_learns_the_order_of_words(trained):
    model, _, test = trained
    assert evaluate(model, test).accuracy > 0.9


def test_padding_does_not_count():
    model = build().eval()
    tokens = torch.tensor([[5, 9, 0, 0, 0, 0, 0, 0]])
    with torch.no_grad():
        model.features[0].places[2:] = 0
        wide = model(tokens)
        model.features[0].places[2:] = 7
        assert torch.equal(model(tokens), wide)
        empty = model(torch.zeros((2, 8), dtype=torch.int64))
    assert torch.equal(empty, model.head.bias.expand(2, 2))


def test_export_and_quantization_agree(trained, tmp_path):
    model, train, test = trained
    float_file = export(model, tmp_path / "float", classes=["a", "b"])
    assert check_parity(float_file, model, test).max_abs_diff < 1e-4
    small = quantize(model, train, method="ptq", validation=test)
    kinds = {layer.kind for layer in small.layers()}
    assert {"QuantizedEmbedding", "QuantizedLinear"} <= kinds
    file = export(small, tmp_path / "int8", classes=["a", "b"])
    assert check_parity(file, small, test).agreement >= 0.99
    assert file.size_bytes < float_file.size_bytes
    assert evaluate(file, test).accuracy > 0.88
