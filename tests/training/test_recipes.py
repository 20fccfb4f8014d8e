import os
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from thresher.core.errors import InputError
from thresher.core.tokens import HashTokenizer
from training import compact_model, evaluate, fit, recipe
from training.rows.samples import samples_from_arrays
from training.torch_runtime.flops import count_flops
from training.torch_runtime.precision import choose_precision

CASES = [
    ("image", 1400, (1, 8, 8)),
    ("image", 20_000, (3, 32, 32)),
    ("image", 1200, (3, 224, 224)),
    ("text", 10_000, (256,)),
    ("features", 200, (5,)),
    ("features", 1, (5,)),
]


@pytest.mark.parametrize(("modality", "n", "shape"), CASES)
@pytest.mark.parametrize("role", ["teacher", "student"])
def test_every_kind_of_data_has_a_recipe(modality, n, shape, role):
    plan = recipe(modality, n_rows=n, input_shape=shape, role=role)
    model = plan.build(num_classes=3, input_shape=shape)
    assert model.spec.modality == modality
    options = plan.fit_options()
    assert options["epochs"] >= 4
    assert 1 <= options["batch_size"] <= 256
    assert 0 < options["lr"] < 1
    assert all(choice.reason for choice in plan.choices.values())


@pytest.mark.parametrize("modality", ["image", "text"])
def test_a_student_has_at_most_a_tenth_of_the_teacher(modality):
    shape = (3, 32, 32) if modality == "image" else (256,)
    sizes = [
        sum(
            p.numel()
            for p in recipe(modality, n_rows=10_000, input_shape=shape, role=role)
            .build(num_classes=10, input_shape=shape)
            .parameters()
        )
        for role in ("student", "teacher")
    ]
    assert 10 * sizes[0] <= sizes[1]


def test_time_decides_the_epochs():
    epochs = [
        recipe("image", n_rows=20_000, input_shape=(3, 32, 32), seconds=s).options["epochs"]
        for s in (1, 60, 120, 1e6)
    ]
    assert epochs == sorted(epochs)
    assert epochs[0] < epochs[1] < epochs[2] < epochs[3]


@pytest.mark.parametrize("role", ["teacher", "student"])
@pytest.mark.parametrize(("modality", "n", "shape"), CASES)
def test_cores_change_the_forecast_and_nothing_else(monkeypatch, modality, n, shape, role):
    plans = []
    for threads in (1, 2, 64):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        plans.append(recipe(modality, n_rows=n, input_shape=shape, role=role))
    for plan in plans[1:]:
        assert (plan.model, plan.width, plan.options) == (
            plans[0].model, plans[0].width, plans[0].options
        )  # fmt: skip
        assert plan.choices == plans[0].choices
    assert plans[0].seconds > plans[1].seconds > plans[2].seconds


def test_what_is_asked_for_stays():
    plan = recipe(
        "image",
        n_rows=500,
        input_shape=(3, 32, 32),
        model="mobile",
        width=8,
        epochs=3,
        batch_size=7,
        lr=0.5,
    )
    assert (plan.model, plan.width) == ("mobile", 8)
    assert [plan.options[name] for name in ("epochs", "batch_size", "lr")] == [3, 7, 0.5]
    assert plan.choices["epochs"].reason == "asked for"


@pytest.mark.parametrize(
    "options",
    [{"role": "pupil"}, {"seconds": 0}, {"n_rows": 0}, {"epochs": 0}, {"batch_size": 0}],
)
def test_wrong_input_is_told(options):
    good = {"n_rows": 10, "input_shape": (5,)}
    with pytest.raises(InputError, match=next(iter(options))):
        recipe("features", **(good | options))


def test_flops_are_those_counted_by_hand():
    linear = nn.Linear(7, 3)
    assert count_flops(linear, torch.zeros(4, 7)) == 2 * 7 * 3
    conv = nn.Conv2d(3, 8, 3, padding=1)
    assert count_flops(conv, input_shape=(3, 10, 12)) == 2 * 3 * 9 * 8 * 120
    with pytest.raises(InputError, match="either"):
        count_flops(linear)


def test_precision_is_decided_by_layers_and_machine(monkeypatch):
    monkeypatch.setattr("training.torch_runtime.precision.cpu_computes_bf16", lambda: True)
    shape = {"num_classes": 3, "input_shape": (3, 32, 32)}
    assert choose_precision(compact_model("resnet8", **shape)).value == "bf16"
    assert choose_precision(compact_model("mobile", **shape)).value == "fp32"
    assert choose_precision(nn.Linear(2, 2)).value == "fp32"
    assert choose_precision(nn.Linear(2, 2), "bf16").reason == "asked for"
    monkeypatch.setattr("training.torch_runtime.precision.cpu_computes_bf16", lambda: False)
    assert "no bfloat16" in choose_precision(compact_model("resnet8", **shape)).reason
    with pytest.raises(InputError, match="precision"):
        choose_precision(nn.Linear(2, 2), "fp16")


@pytest.mark.data
def test_banking77_is_learned_by_the_small_text_model():
    folder = os.environ.get("THRESHER_DATA")
    if folder is None:
        pytest.skip("THRESHER_DATA names no folder")
    table = pq.read_table(Path(folder) / "text_classification.parquet")
    table = table.filter(pc.field("dataset") == "banking77")
    targets = np.unique(table["label_name"].to_pylist(), return_inverse=True)[1]
    samples = samples_from_arrays(
        HashTokenizer().encode(table["text"].to_pylist()),
        row_ids=np.arange(len(targets)).astype(str),
        targets=targets,
    )
    train = np.array(table["split"].to_pylist()) == "train"
    plan = recipe("text", n_rows=int(train.sum()), input_shape=(256,), num_classes=77)
    model = plan.build(num_classes=77, input_shape=(256,))
    fit(model, samples.take(np.flatnonzero(train)), **plan.fit_options())
    assert evaluate(model, samples.take(np.flatnonzero(~train))).accuracy > 0.88


@pytest.mark.parametrize("name", ["epochs", "batch_size"])
def test_zero_is_refused_and_not_taken_as_unasked(name: str) -> None:
    with pytest.raises(InputError, match=f"`{name}` must be at least 1, got 0"):
        recipe("features", n_rows=100, input_shape=(4,), **{name: 0})
