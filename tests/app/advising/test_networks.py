"""Small networks: gradients are those of differences, and each learns its own rows alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from thresher.app.advising.epochs import LENGTHS, fewer_epochs
from thresher.app.advising.networks import WIDTH, Length, Networks, predictions
from thresher.app.advising.sample import Sample
from training import recipe
from training.plans import PLANS


def loss_in_torch(weights, x, y, which):
    """Return the cross-entropy of one network, built from torch's own layers."""
    w1, gain1, shift1, w2, gain2, shift2, w3, bias = (w[which] for w in weights)
    hidden = nn.functional.batch_norm(
        x[which] @ w1, None, None, gain1[0], shift1[0], training=True
    ).relu()
    hidden = nn.functional.batch_norm(
        hidden @ w2, None, None, gain2[0], shift2[0], training=True
    ).relu()
    return nn.functional.cross_entropy(hidden @ w3 + bias, y[which])


def test_gradients_are_those_of_torch(monkeypatch):
    rng = np.random.default_rng(0)
    networks = Networks.drawn(2, 5, 3, rng)
    networks.weights = [w.astype(np.float64) for w in networks.weights]
    x, codes = rng.normal(size=(2, 20, 5)), rng.integers(3, size=(2, 20))
    weights = [torch.tensor(w, requires_grad=True) for w in networks.weights]
    for which in range(2):
        loss_in_torch(weights, torch.tensor(x), torch.tensor(codes), which).backward()
    seen = []
    monkeypatch.setattr(networks, "_step", lambda gradients, _rate: seen.extend(gradients))
    networks.learn(x, np.eye(3)[codes], rate=0.1)
    for gradient, weight in zip(seen, weights, strict=True):
        assert np.allclose(gradient, weight.grad.numpy(), atol=1e-10)


def test_steps_are_those_of_adamw():
    rng = np.random.default_rng(1)
    networks = Networks.drawn(1, 4, 2, rng)
    start = networks.weights[0].astype(np.float64)
    networks.weights = [w.astype(np.float64) for w in networks.weights]
    networks.first = [np.zeros_like(w) for w in networks.weights]
    networks.second = [np.zeros_like(w) for w in networks.weights]
    own = torch.tensor(start, requires_grad=True)
    adam = torch.optim.AdamW([own], lr=0.01, weight_decay=0.01)
    for _ in range(5):
        gradient = rng.normal(size=start.shape)
        zeros = [np.zeros_like(w) for w in networks.weights[1:]]
        networks._step([gradient, *zeros], 0.01)
        own.grad = torch.tensor(gradient)
        adam.step()
    assert np.allclose(networks.weights[0], own.detach().numpy(), atol=1e-9)


def test_networks_side_by_side_learn_what_each_is_given():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2, 200, 6)).astype(np.float32)
    codes = (x[:, :, 0] > 0).astype(np.int64)
    codes[1] = 1 - codes[1]
    judged = rng.normal(size=(2, 100, 6)).astype(np.float32)
    told = predictions(x, codes, judged, classes=2, length=Length(20, 20))
    right = (judged[:, :, 0] > 0).astype(np.int64)
    assert (told[0] == right[0]).mean() > 0.9
    assert (told[1] == 1 - right[1]).mean() > 0.9


@pytest.mark.parametrize("modality", sorted(LENGTHS))
@pytest.mark.parametrize("rows", [90, 500, 3000])
def test_lengths_are_those_of_the_recipes(modality, rows):
    most, steps, largest = LENGTHS[modality]
    plan = PLANS[modality, "student"]
    assert (most, steps, largest) == (plan.epochs[1], plan.least_steps, plan.largest_batch)
    if modality == "image":
        return  # few images come more often, since augmentation renews them
    shape = (64,)
    found = recipe(
        modality, n_rows=rows, input_shape=shape, num_classes=3, seconds=1e6, device="cpu"
    )
    length = Length.of(rows, most=most, steps=steps, largest=largest)
    assert length == Length(found.options["epochs"], found.options["batch_size"])
    assert plan.width == WIDTH
    assert length.halved().epochs == length.epochs // 2


def test_late_epochs_learn_wrong_labels_by_heart():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(4, 300, 20)).astype(np.float32)
    right = (x[:, :, 0] + 0.5 * x[:, :, 1] > 0).astype(np.int64)
    codes = np.where(rng.random(right.shape) < 0.3, 1 - right, right)
    judged, told = x[:, 200:], []
    for epochs in (4, 80):
        length = Length(epochs, 16)
        found = predictions(x[:, :200], codes[:, :200], judged, classes=2, length=length)
        told.append(float((found == right[:, 200:]).mean()))
    assert told[0] > told[1] + 0.05


def test_the_lever_says_what_the_networks_showed():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(200, 6)).astype(np.float32)
    codes = (x[:, 0] > 0).astype(np.int64)
    lever = fewer_epochs(Sample(x, x, codes, 200, 200), "features")
    assert "4 small networks on 140 rows change by" in lever.evidence
    assert "44 epochs instead of 89" in lever.evidence
    assert lever.times.value == 2
