"""Gradients against double precision, in `fit`, where kernels of the CPU are known to be wrong."""

import copy
import itertools
import os
import platform
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from active_learning.learners.torch_learner import TorchLearner
from thresher.core import kernel_faults
from thresher.core.kernel_faults import KERNEL_FAULTS, GradientGuard, faulty_layers
from training import compact_model, fit, quantize
from training.exits import with_exits
from training.loop.checks import measure_normalization
from training.loop.hooks import Hook
from training.pruning import prune
from training.rows.samples import Samples, samples_from_arrays

FAULT = KERNEL_FAULTS[0]
NEEDS_X86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="the faults are in kernels for x86"
)


def rows(n=12, *, side=16, channels=4):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (n, side, side, channels), dtype=np.uint8)
    return samples_from_arrays(pictures, row_ids=np.arange(n).astype(str), targets=np.arange(n) % 3)


class Picture(nn.Module):
    """From bytes to logits, with any layers between."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.head = nn.LazyLinear(3)

    def forward(self, inputs):
        return self.head(self.layers(inputs.to(self.head.weight.dtype) / 255).mean((2, 3)))


class ByFunction(nn.Module):
    """A convolution that is no layer, on memory that the network turns to channels last itself."""

    def __init__(self, channels):
        super().__init__()
        self.filters = nn.Parameter(torch.randn(8, channels, 1, 1))

    def forward(self, inputs):
        turned = inputs.contiguous(memory_format=torch.channels_last)
        return functional.conv2d(turned, self.filters, stride=2)


def networks():
    # Without biases where sums are long: float32 adds up 10,000 equal numbers to 1e-4 at best.
    torch.manual_seed(0)
    made = {
        "narrow layer": Picture(nn.Conv2d(4, 8, 1, stride=2, bias=False), nn.ReLU()),
        "layer after another": Picture(
            nn.Conv2d(4, 12, 3, bias=False), nn.Conv2d(12, 8, 1, stride=2, bias=False)
        ),
        "function": Picture(ByFunction(4)),
        "nested": nn.ModuleDict(
            {"a": Picture(nn.Sequential(nn.Conv2d(4, 5, 1, stride=(1, 2), bias=False)))}
        )["a"],
        "resnet8": compact_model("resnet8", num_classes=3, input_shape=(4, 16, 16), width=4),
    }
    for model in made.values():
        model.eval()(torch.zeros(1, 4, 16, 16, dtype=torch.uint8))
    return made


class Kept(Hook):
    def on_batch(self, moment):
        self.gradients = {
            name: weight.grad.clone() for name, weight in moment.model.named_parameters()
        }


def largest_error(model, samples, **options):
    """Train one step in `fit`; return the largest error of its gradient and the run."""
    measure_normalization(model, samples.inputs)
    exact, kept = copy.deepcopy(model).double().train(), Kept()
    run = fit(
        model, samples, epochs=1, batch_size=len(samples), precision="fp32", device="cpu",
        hooks=(kept,), **options,
    )  # fmt: skip
    functional.cross_entropy(exact(samples.inputs), samples.targets).backward()
    errors = [
        (kept.gradients[name] - weight.grad).abs().max() / weight.grad.abs().max()
        for name, weight in exact.named_parameters()
    ]
    return float(max(errors)), run


def check_gradients():
    for threads, (name, model) in itertools.product((1, 2), networks().items()):
        torch.set_num_threads(threads)
        for side in (16, 64):
            samples = rows(side=side)
            if side == 64 and hasattr(model, "spec"):
                continue
            error, _ = largest_error(copy.deepcopy(model), samples)
            assert error < 1e-4, (name, side, threads, error)
    print("all right")


@NEEDS_X86
@pytest.mark.parametrize("kernels", ["AVX2", "DEFAULT"])
def test_gradients_equal_double_precision_on_every_cpu(kernels):
    told = {"ONEDNN_MAX_CPU_ISA": kernels}
    done = subprocess.run(
        [sys.executable, __file__], env=os.environ | told, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert b"all right" in done.stdout


@NEEDS_X86
@pytest.mark.parametrize("fault", KERNEL_FAULTS, ids=lambda fault: fault.report)
def test_a_fault_in_the_table_is_still_there(fault):
    """If this fails, upstream has mended it: give the entry its `until`, or delete it."""
    told = {"ONEDNN_MAX_CPU_ISA": "AVX2", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", fault.probe]
    try:
        done = subprocess.run(command, env=os.environ | told, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return  # it also hangs
    assert (done.returncode != 0) == fault.is_in(kernel_faults.onednn_version())
    assert b"Error" not in done.stderr


def test_narrow_strided_layers_are_known_whatever_their_class():
    model = compact_model("resnet8", num_classes=3, input_shape=(3, 32, 32), width=4)
    assert list(faulty_layers(model)) == ["features.2.shortcut.0"]
    assert not faulty_layers(
        compact_model("resnet8", num_classes=3, input_shape=(3, 32, 32), width=8)
    )
    samples = rows(24, channels=3)
    small = compact_model("resnet8", num_classes=3, input_shape=(3, 16, 16), width=4)
    fit(small, samples, epochs=1, batch_size=12)
    quantized = quantize(small, samples, method="ptq")
    assert len(faulty_layers(quantized)) == 1
    assert len(faulty_layers(nn.ModuleList([small, quantized]))) == 2
    exits = with_exits(small, exits=1)
    assert len(faulty_layers(exits)) == 1
    thinner = prune(small, amount=0.3, method="weights").model
    assert len(faulty_layers(thinner)) == 1


@pytest.mark.parametrize(
    ("layer", "found"),
    [
        (nn.Conv2d(7, 8, 1, stride=2), True),
        (nn.Conv2d(7, 8, 1, stride=(1, 2), padding="valid") , True),
        (nn.Conv2d(8, 8, 1, stride=2), False),
        (nn.Conv2d(7, 8, 1), False),
        (nn.Conv2d(7, 8, 1, stride=2, padding=1), False),
        (nn.Conv2d(7, 7, 1, stride=2, groups=7), False),
        (nn.Conv2d(7, 8, 3, stride=2), False),
        (nn.MaxPool2d(2), False),
        (nn.Linear(7, 8), False),
    ],
)  # fmt: skip
def test_other_layers_keep_channels_last(layer, found):
    assert bool(faulty_layers(layer)) is found


def test_memory_is_contiguous_where_a_layer_needs_it_and_the_run_says_why():
    seen = []

    class Look(Hook):
        def on_batch(self, moment):
            seen.append((moment.batch.inputs.stride(), moment.model.layers[0].weight.stride()))

    narrow, wide = (Picture(nn.Conv2d(4, 8, 1, stride=2)), Picture(nn.Conv2d(4, 8, 3, stride=2)))
    for model in (narrow, wide):
        model(torch.zeros(1, 4, 16, 16))
        model.to(memory_format=torch.channels_last)
    options = {"epochs": 1, "batch_size": 12, "device": "cpu", "hooks": (Look(),)}
    run = fit(narrow, rows(), **options)
    assert run.choices["memory_format"].value == "contiguous"
    assert "layers.0" in run.choices["memory_format"].reason
    assert FAULT.report in run.choices["memory_format"].reason
    assert fit(wide, rows(), **options).choices["memory_format"].value == "channels_last"
    assert seen[0] == ((1024, 256, 16, 1), (4, 1, 1, 1))
    assert seen[1] == ((1024, 1, 64, 4), (36, 1, 12, 4))


def test_a_run_says_which_gradients_were_mended():
    model = Picture(ByFunction(4))
    model(torch.zeros(1, 4, 16, 16))
    error, run = largest_error(model, rows())
    assert error < 1e-4
    assert run.choices["memory_format"].value == "channels_last"
    assert "in some gradients contiguous" in run.choices["memory_format"].reason


def test_inputs_without_pictures_have_no_layout():
    features = Samples(torch.randn(9, 5), torch.arange(9) % 3, np.arange(9).astype(str))
    run = fit(nn.Linear(5, 3), features, epochs=1, device="cpu")
    assert "memory_format" not in run.choices


def test_the_compiler_stays_out_where_it_would_bring_the_fault_back(monkeypatch):
    monkeypatch.setattr("training.torch_runtime.compiling.BACKEND", "eager")
    model = Picture(nn.Conv2d(4, 8, 1, stride=2))
    model(torch.zeros(1, 4, 16, 16))
    run = fit(model, rows(), epochs=2, compiled="on", device="cpu", precision="fp32")
    assert run.choices["compiled"].value == "off"
    assert FAULT.report in run.choices["compiled"].reason


def test_a_version_without_the_fault_is_left_alone(monkeypatch):
    monkeypatch.setattr(kernel_faults, "onednn_version", lambda: (2, 7))
    assert not FAULT.is_in((2, 7))
    assert not faulty_layers(nn.Conv2d(4, 8, 1, stride=2))
    guard = GradientGuard()
    with guard:
        Picture(nn.Conv2d(4, 8, 1, stride=2))(torch.zeros(1, 4, 8, 8)).sum().backward()
    assert guard.met is None
    mended = kernel_faults.KernelFault(**{**vars(FAULT), "until": (3, 13)})
    assert [mended.is_in(version) for version in ((3, 12, 0), (3, 13), (4, 0))] == [
        True,
        False,
        False,
    ]


def test_the_guard_reads_the_version_of_this_build():
    assert kernel_faults.onednn_version() >= (3,)
    assert FAULT in kernel_faults.present_faults()


def test_the_guard_changes_no_gradient_and_stays_only_where_it_is_needed():
    guard = GradientGuard()
    layers = nn.Sequential(nn.Conv1d(20, 6, 1, stride=2), nn.Conv1d(6, 3, 1))
    inputs = torch.randn(4, 20, 32)
    layers(inputs).square().sum().backward()
    want = [p.grad.clone() for p in layers.parameters()]
    layers.zero_grad()
    with guard.watch(first=True):
        layers(inputs).square().sum().backward()
    assert all(torch.equal(p.grad, w) for p, w in zip(layers.parameters(), want, strict=True))
    assert guard.met is None
    assert guard.watch(first=False) is not guard
    narrow = nn.Conv1d(6, 3, 1, stride=2)
    with guard:
        narrow(torch.randn(4, 32, 6).transpose(1, 2)).sum().backward()
    assert guard.mended == 1
    assert guard.watch(first=False) is guard


def test_a_learner_of_any_module_is_guarded():
    met = []

    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.head = nn.Conv2d(4, 8, 1, stride=2), nn.Linear(8, 2)

        def forward(self, vectors):
            pictures = vectors.view(-1, 16, 16, 4).permute(0, 3, 1, 2)
            return self.head(self.layer(pictures).mean((2, 3)))

    class Watched(GradientGuard):
        def _safe(self, args):
            safe = super()._safe(args)
            met.append(self.mended)
            return safe

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel_faults, "GradientGuard", Watched)
        learner = TorchLearner(lambda *_: Turned(), epochs=2, batch_size=8)
        vectors = np.random.default_rng(0).normal(size=(16, 1024)).astype(np.float32)
        learner(vectors, np.arange(16) % 2, num_classes=2, random_state=0)
    assert met == [1, 2, 3, 4]


if __name__ == "__main__":
    check_gradients()
