"""Options of training: declared once, taken by all that train, handed on to `fit`."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from thresher.core.errors import InputError
from thresher.core.options import options_of
from training import compact_model, distill, fit, quantize, samples_from_arrays, search_compact
from training.distillation.options import DistillOptions
from training.loop.options import FitOptions, RunOptions, SessionOptions, StepOptions
from training.quantization.quantize import QuantizeOptions
from training.search.explore import SearchOptions

TAKEN = {
    fit: (FitOptions,),
    distill: (DistillOptions, FitOptions),
    quantize: (QuantizeOptions, StepOptions, RunOptions, SessionOptions),
    search_compact: (SearchOptions, RunOptions),
}


def rows(n=60, side=None):
    rng = np.random.default_rng(0)
    shape = (n, 5) if side is None else (n, side, side, 1)
    inputs = rng.normal(size=shape).astype(np.float32)
    if side is not None:
        inputs = rng.integers(0, 256, size=shape, dtype=np.uint8)
    targets = rng.integers(0, 3, size=n)
    return samples_from_arrays(inputs, row_ids=np.arange(n).astype(str), targets=targets)


def mlp(seed=0):
    return compact_model("mlp", num_classes=3, input_shape=(5,), width=8, random_state=seed)


def image_model(seed=0):
    return compact_model("fast", num_classes=3, input_shape=(1, 16, 16), width=4, random_state=seed)


def weights(model):
    return torch.cat([tensor.flatten().double() for tensor in model.state_dict().values()])


@pytest.mark.parametrize(("function", "families"), TAKEN.items(), ids=[f.__name__ for f in TAKEN])
def test_signature_and_docstring_show_every_option(function, families):
    shown = inspect.signature(function).parameters
    text = inspect.getdoc(function)
    for family in families:
        for name, (_, option) in options_of(family).items():
            assert name in shown
            assert f"\n{name} : " in text
            assert option.text.split()[0] in text


@pytest.mark.parametrize("function", TAKEN, ids=lambda function: function.__name__)
def test_at_most_twelve_parameters_stand_beside_the_options(function):
    own = inspect.signature(function.__wrapped__).parameters
    assert len(own) <= 13
    assert [name for name, each in own.items() if each.kind is each.VAR_KEYWORD] == ["options"]


@pytest.mark.parametrize("function", TAKEN, ids=lambda function: function.__name__)
def test_a_misspelt_option_is_refused_with_the_nearest_name(function):
    with pytest.raises(InputError, match=r"has no option `devise`\. Did you mean 'device'\?"):
        function(devise="cpu")


def test_quantize_takes_no_options_of_labels():
    with pytest.raises(InputError, match="`quantize` has no option `label_smoothing`"):
        quantize(mlp(), rows(), label_smoothing=0.1)
    with pytest.raises(InputError, match="`quantize` has no option `patience`"):
        quantize(mlp(), rows(), patience=1)


def test_distillation_hands_the_size_of_the_first_epochs_on():
    def taught(**options):
        student = image_model(1)
        options = {"batch_size": 20, "precision": "fp32", "device": "cpu"} | options
        return distill(student, image_model(), rows(side=16), epochs=2, **options)

    whole, small = taught(), taught(first_size=8, first_share=0.5)
    assert small.flops < whole.flops
    assert not torch.equal(weights(small.model), weights(whole.model))


def test_quantization_hands_options_of_training_on(monkeypatch):
    seen = []

    def train(*given, **options):
        seen.append(options)
        return fit(*given, **options)

    monkeypatch.setattr("training.quantization.training.fit", train)
    own = {"ema": 0.5, "weight_decay": 0.1, "batch_size": 20, "compiled": "off", "random_state": 3}
    quantize(mlp(), rows(), method="qat", epochs=1, qat_ranges="moving_average", **own)
    (options,) = seen
    usual = {"optimizer": "adamw", "clip_norm": 1.0, "lr": 1e-5, "epochs": 1}
    assert {name: options[name] for name in own | usual} == own | usual
    assert set(options) == {*own, *usual, "loss", "precision"}


def test_a_search_hands_precision_on(tmp_path, monkeypatch):
    seen = []

    def train(*given, **options):
        seen.append(options["precision"])
        return fit(*given, **options)

    monkeypatch.setattr("training.search.trainings.fit", train)
    samples = rows()
    options = {"folder": tmp_path, "max_bytes": 100_000, "families": ("mlp",), "widths": (4,)}
    options |= {"bits": (32,), "prune": (), "epochs": 1, "finalists": 1}
    search_compact(samples, samples, **options, precision="fp32")
    assert set(seen) == {"fp32"}
    with pytest.raises(InputError, match="precision"):  # other weights: another search
        search_compact(samples, samples, **options)
