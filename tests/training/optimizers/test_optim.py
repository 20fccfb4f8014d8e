import numpy as np
import pytest
import torch
from torch import nn

from training import compact_model, fit
from training.optimizers.muon import orthogonalized
from training.optimizers.optim import build_optimizer, set_learning_rate
from training.rows.samples import samples_from_arrays


def test_only_matrices_decay():
    model = compact_model("resnet8", num_classes=3, input_shape=(3, 8, 8), width=4)
    for name in ("sgd", "adamw", "muon"):
        groups = build_optimizer(model, name, lr=0.1, weight_decay=0.3).param_groups
        decaying = [p for group in groups if group["weight_decay"] for p in group["params"]]
        assert {p.ndim > 1 for p in decaying} == {True}
        assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


def test_muon_keeps_first_and_last_layer_in_sgd():
    model = compact_model("mlp", num_classes=3, input_shape=(5,), width=8)
    optimizer = build_optimizer(model, "muon", lr=0.1, weight_decay=0.0)
    inner = [p for group in optimizer.param_groups if group["orthogonal"] for p in group["params"]]
    assert [tuple(p.shape) for p in inner] == [(8, 8)]
    set_learning_rate(optimizer, 0.01)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01, 0.1, 0.1])


@pytest.mark.parametrize("shape", [(8, 27), (40, 9), (6, 6)])
def test_orthogonalized_keeps_directions_and_evens_their_lengths(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    result = orthogonalized(matrix)
    lengths = torch.linalg.svdvals(result)
    assert 0.6 < lengths.min() < lengths.max() < 1.3
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    nearest = u @ v
    cosine = (nearest * result).sum() / nearest.norm() / result.norm()
    assert cosine > 0.97


@pytest.mark.parametrize("shape", [(16, 200), (200, 16), (24, 24)])
def test_orthogonalized_maps_each_singular_value_by_the_polynomial(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    matrix *= torch.logspace(0, -2, shape[1])
    u, lengths, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    lengths = lengths / lengths.norm()
    for _ in range(5):
        lengths = 3.4445 * lengths - 4.7750 * lengths**3 + 2.0315 * lengths**5
    expected = (u * lengths) @ v
    torch.testing.assert_close(orthogonalized(matrix).double(), expected, atol=1e-3, rtol=0)


def test_muon_outside_its_matrices_is_torch_sgd():
    start = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    results = []
    for name in ("muon", "sgd"):
        layer = nn.Linear(4, 3)
        with torch.no_grad():
            layer.weight.copy_(start)
            layer.bias.zero_()
        optimizer = build_optimizer(layer, name, lr=0.1, weight_decay=0.0)
        set_learning_rate(optimizer, 0.01 if name == "muon" else 0.1)
        for _ in range(3):
            optimizer.zero_grad()
            layer(torch.ones(2, 4)).square().sum().backward()
            optimizer.step()
        results.append(layer.weight.detach())
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("name", ["sgd", "adamw", "muon"])
def test_every_optimizer_learns(name):
    rng = np.random.default_rng(0)
    targets = np.arange(120) % 3
    features = rng.normal(size=(120, 5)) + 3 * np.eye(5)[targets]
    samples = samples_from_arrays(features, row_ids=np.arange(120).astype(str), targets=targets)
    model = compact_model("mlp", num_classes=3, input_shape=(5,), width=16)
    run = fit(model, samples, epochs=20, batch_size=32, optimizer=name)
    assert run.history[-1]["accuracy"] > 0.85
