"""Weights counted from the recipes are those of the networks that the recipes build."""

from __future__ import annotations

import pytest

from thresher.app.advising.weights import count_weights
from training import compact_model, recipe

SHAPES = [
    ("features", (5,)),
    ("features", (140,)),
    ("text", (64,)),
    ("image", (3, 8, 8)),
    ("image", (3, 16, 16)),
    ("image", (3, 24, 24)),
    ("image", (3, 28, 28)),
    ("image", (1, 65, 65)),
    ("image", (3, 96, 96)),
]


@pytest.mark.parametrize("role", ["teacher", "student"])
@pytest.mark.parametrize(("modality", "shape"), SHAPES)
def test_counted_weights_are_those_of_built_networks(modality, shape, role):
    plan = recipe(
        modality,
        n_rows=2000,
        input_shape=shape,
        num_classes=7,
        role=role,
        seconds=100_000,
        device="cpu",
    )
    model = plan.build(num_classes=7, input_shape=shape)
    weights = sum(values.numel() for values in model.parameters())
    assert count_weights(modality, role, shape=shape, num_classes=7) == weights


def test_wider_inputs_of_a_table_add_a_row_of_weights_each():
    counts = [count_weights("features", "student", shape=(d,), num_classes=2) for d in (10, 11)]
    model = compact_model("mlp", num_classes=2, input_shape=(11,), width=32)
    assert counts[1] == sum(values.numel() for values in model.parameters())
    assert counts[1] - counts[0] == 32
