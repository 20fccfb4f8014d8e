"""Pruning against exact low-rank matrices, counted FLOPs and hand-made masks."""

import importlib.util

import numpy as np
import pytest
import torch
from torch import nn

from thresher.core.errors import InputError, MissingExtraError
from training.loop.fit import fit
from training.models import compact_model
from training.pruning import prune
from training.rows.samples import Samples

HAS_TORCH_PRUNING = importlib.util.find_spec("torch_pruning") is not None


def network(name: str = "resnet8") -> nn.Module:
    return compact_model(name, num_classes=3, input_shape=(3, 16, 16), width=8).eval()


@pytest.mark.skipif(not HAS_TORCH_PRUNING, reason="needs the extra 'prune'")
@pytest.mark.parametrize("name", ["resnet8", "mobile", "fast"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch_pruning")
def test_channels_go_until_the_flops_are_reached(name: str) -> None:
    model = network(name)
    pruned = prune(model, amount=0.5)
    assert pruned.flops[1] <= 0.5 * pruned.flops[0]
    assert pruned.parameters[1] < pruned.parameters[0]
    assert pruned.model(torch.zeros(2, 3, 16, 16, dtype=torch.uint8)).shape == (2, 3)
    assert model(torch.zeros(2, 3, 16, 16)).shape == (2, 3)


@pytest.mark.skipif(HAS_TORCH_PRUNING, reason="the extra 'prune' is installed")
def test_the_missing_extra_is_named() -> None:
    with pytest.raises(MissingExtraError, match=r"thresher\[prune\]"):
        prune(network())


def test_a_matrix_of_low_rank_is_factorized_without_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(32, 24), nn.ReLU(), nn.Linear(24, 3))
    left, right = torch.randn(24, 4, generator=generator), torch.randn(4, 32, generator=generator)
    model[0].weight.data = left @ right
    x = torch.randn(5, 32, generator=generator)
    pruned = prune(model, amount=0.6, method="low_rank", example=x)
    assert [layer.out_features for layer in pruned.model[0]] == [4, 24]
    torch.testing.assert_close(pruned.model(x), model(x), atol=1e-4, rtol=1e-4)
    assert pruned.flops == (2 * (24 * 32 + 24 * 3), 2 * (4 * 32 + 24 * 4 + 24 * 3))


def test_low_rank_convolutions_keep_the_shape_and_drop_flops() -> None:
    pruned = prune(network(), amount=0.4, method="low_rank")
    assert pruned.flops[1] <= 0.6 * pruned.flops[0]
    assert pruned.model(torch.zeros(2, 3, 16, 16)).shape == (2, 3)
    with pytest.raises(InputError, match="Lower `amount`"):
        prune(network(), amount=0.99, method="low_rank")


def test_the_smallest_weights_go() -> None:
    model = nn.Sequential(nn.Linear(4, 2, bias=False), nn.Linear(2, 1))
    model[0].weight.data = torch.tensor([[1.0, -8, 3, -4], [5, 6, -7, 2]])
    pruned = prune(model, amount=0.25, method="weights", example=torch.zeros(1, 4))
    expected = torch.tensor([[0.0, -8, 3, -4], [5, 6, -7, 0]])
    assert torch.equal(pruned.model[0].weight, expected)
    assert torch.equal(pruned.model[1].weight, model[1].weight)
    assert pruned.sparsity == 0.2


def test_two_of_four_stay() -> None:
    model = nn.Sequential(nn.Linear(4, 2, bias=False), nn.Linear(2, 1))
    model[0].weight.data = torch.tensor([[1.0, -8, 3, -4], [5, 6, -7, 2]])
    pruned = prune(model, method="2:4", example=torch.zeros(1, 4))
    assert torch.equal(pruned.model[0].weight, torch.tensor([[0.0, -8, 0, -4], [0, 6, -7, 0]]))


def test_masked_weights_stay_zero_while_training() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (32, 3, 16, 16), generator=generator, dtype=torch.uint8)
    samples = Samples(inputs, torch.arange(32) % 3, np.arange(32).astype(str))
    pruned = prune(network(), amount=0.7, method="weights")
    before = pruned.model.features[1].first[0].weight.detach().clone()
    fit(pruned.model, samples, epochs=2, batch_size=16, hooks=pruned.hooks, precision="fp32")
    after = pruned.model.features[1].first[0].weight.detach()
    assert torch.equal(after == 0, before == 0)
    assert not torch.equal(after, before)


def test_wrong_options_are_named() -> None:
    for options, message in (
        ({"method": "channel"}, "channels"),
        ({"amount": -0.1}, "amount"),
        ({"keep": ["nothing"], "method": "weights"}, "nothing"),
    ):
        with pytest.raises(InputError, match=message):
            prune(network(), **options)


@pytest.mark.parametrize("method", ["channels", "low_rank", "weights"])
def test_nothing_taken_away_is_a_copy(method):
    model = network()
    pruned = prune(model, amount=0, method=method)
    assert pruned.model is not model
    assert pruned.flops[0] == pruned.flops[1]
    for before, after in zip(model.parameters(), pruned.model.parameters(), strict=True):
        assert torch.equal(before, after)
