"""Claim: what `fit` steps along is the gradient, for any layer, CPU and number of threads.

Random layers (convolutions of all kinds, linear layers, norms) train for one step in `fit`; the
gradients of their weights and of what lies below them are compared with those of the same layer in
double precision. Each layer has a process of its own, so that an abort or a hang is a result.
Beside `fit`: every tenth of these layers in plain PyTorch with channels last in memory, and with
oneDNN switched off. oneDNN is told to use the kernels of CPUs with AVX2 alone, and those of this
CPU.

Data: none; layers and inputs drawn from a seed.

Run: python benchmarks/training_gradients.py --out gradients.json     (--quick: 100 layers)
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import math
import multiprocessing
import os
import platform
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from thresher.core.files import write_json
from thresher.core.kernel_faults import onednn_version
from training import Samples, fit
from training.loop.batches import Batch
from training.loop.hooks import Hook, Moment

LARGEST_ERROR = 1e-4
PATIENCE_S = 60.0
WAYS = ("fit", "plain", "oneDNN off")
KERNELS = {"AVX2": "AVX2", "this CPU": "DEFAULT"}


def draw(number: int) -> tuple[nn.Module, tuple[int, ...]]:
    """Return the layer of a number, and the shape of its input with the batch."""
    dice = random.Random(number)
    torch.manual_seed(number)
    rows, side = dice.randint(2, 16), dice.choice([7, 8, 8, 15, 16, 16, 24, 32, 33, 64])
    inside, outside = dice.randint(1, 20), dice.randint(1, 24)
    stride = dice.choice([1, 2, 2, 3])
    kind = dice.choice(
        ["1x1", "1x1", "3x3", "odd", "depthwise", "grouped", "turned", "words", "flat"]
    )
    if kind == "flat":
        return _flat(dice, rows, side=min(side, 16), channels=inside)
    if kind == "words":
        size = dice.choice([1, 3])
        layer: nn.Module = nn.Conv1d(inside, outside, size, stride=stride, padding=size // 2)
        return layer, (rows, inside, 8 * side)
    size, padding, groups = 3, 1, 1
    if kind == "1x1":
        size, padding = 1, 0
    elif kind == "odd":
        size, padding = dice.choice([2, 5]), dice.choice([0, 2])
    elif kind == "depthwise":
        groups, outside = inside, inside * dice.choice([1, 2])
    elif kind == "grouped":
        groups = dice.choice([2, 4])
        inside, outside, size, padding = (
            groups * inside,
            groups * outside,
            *dice.choice([(1, 0), (3, 1)]),
        )
    maker = nn.ConvTranspose2d if kind == "turned" else nn.Conv2d
    layer = maker(inside, outside, size, stride=stride, padding=padding, groups=groups)
    side = min(side, 16) if kind == "turned" else side
    return layer, (rows, inside, side, side)


def _flat(
    dice: random.Random, rows: int, *, side: int, channels: int
) -> tuple[nn.Module, tuple[int, ...]]:
    kind = dice.choice(["linear", "batch", "layer", "group"])
    if kind == "linear":
        return nn.Linear(channels, dice.randint(1, 300)), (rows, channels)
    if kind == "layer":
        return nn.LayerNorm(8 * channels), (rows, side, 8 * channels)
    if kind == "batch":
        return nn.BatchNorm2d(channels), (rows, channels, side, side)
    return nn.GroupNorm(2, 2 * channels), (rows, 2 * channels, side, side)


class Case(nn.Module):
    """A layer on scaled inputs; the scale's gradient is what the layer passes on."""

    def __init__(self, layer: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.layer = layer
        self.scale = nn.Parameter(torch.ones(1, *shape[1:]))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the layer's outputs as one row each."""
        return self.layer(inputs * self.scale).flatten(1)  # type: ignore[no-any-return]


class Gradients(Hook):
    """Keeps the gradients of the last batch."""

    def on_batch(self, moment: Moment) -> None:
        """Copy them before the next batch adds to them."""
        self.found = {
            name: weight.grad.detach().double().clone()
            for name, weight in moment.model.named_parameters()
            if weight.grad is not None
        }


def gradients(way: str, model: nn.Module, inputs: Tensor, pull: Tensor) -> dict[str, Tensor]:
    """Return the gradients of the mean of the outputs times `pull`."""
    if way == "fit":
        kept = Gradients()

        def loss(network: nn.Module, batch: Batch) -> Tensor:
            return (network(batch.inputs) * pull[batch.positions]).sum(1).mean()

        rows = Samples(inputs, None, np.arange(len(inputs)).astype(str))
        options: dict[str, Any] = {"epochs": 1, "batch_size": len(inputs), "precision": "fp32"}
        fit(model, rows, loss=loss, hooks=(kept,), device="cpu", **options)
        return kept.found
    if way == "plain" and inputs.ndim == 4:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    torch.backends.mkldnn.set_flags(way != "oneDNN off")
    torch.autograd.backward((model(inputs) * pull).sum(1).mean())
    return {n: p.grad.double() for n, p in model.named_parameters() if p.grad is not None}


def judge(number: int, way: str, answer: Any) -> None:
    """Send the largest error, relative to the largest entry of the layer's exact gradient.

    Not to that of each tensor: a bias of one number may sum up to almost nothing.
    """
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    layer, shape = draw(number)
    model, inputs = Case(layer, shape).train(), torch.randn(shape)
    exact = copy.deepcopy(model).double()
    pull = torch.randn(exact(inputs.double()).shape)
    exact = copy.deepcopy(model).double()  # norms count what they have seen
    torch.autograd.backward((exact(inputs.double()) * pull.double()).sum(1).mean())
    found = gradients(way, model, inputs, pull)
    wanted = {name: p.grad for name, p in exact.named_parameters() if p.grad is not None}
    errors = [
        _error(_joined(found, inside), _joined(wanted, inside))
        for inside in (lambda name: name == "scale", lambda name: name != "scale")
    ]
    answer.send(max(errors))


def _joined(gradients: dict[str, Tensor], inside: Callable[[str], bool]) -> Tensor:
    return torch.cat([found.flatten() for name, found in gradients.items() if inside(name)])


def _error(found: Tensor, exact: Tensor) -> float:
    error = float((found - exact).abs().max() / exact.abs().max())
    return error if math.isfinite(error) else math.inf


def outcome(number: int, way: str) -> dict[str, Any]:
    """Judge one layer in a process of its own."""
    fork = multiprocessing.get_context("fork")
    mine, theirs = fork.Pipe()
    child = fork.Process(target=judge, args=(number, way, theirs))
    child.start()
    theirs.close()
    child.join(PATIENCE_S)
    if child.is_alive():
        child.kill()
        child.join()
        return {"layer": number, "what": "hang"}
    if child.exitcode:
        return {"layer": number, "what": "abort", "exit": child.exitcode}
    error = mine.recv()
    return {"layer": number, "what": "right" if error <= LARGEST_ERROR else "wrong", "error": error}


def sweep(way: str, *, kernels: str, threads: int, layers: int) -> list[dict[str, Any]]:
    """Judge all layers in a process that is told its kernels before it loads oneDNN."""
    command = [sys.executable, __file__, "--way", way, "--layers", str(layers)]
    told = {"ONEDNN_MAX_CPU_ISA": KERNELS[kernels], "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=os.environ | told, stdout=subprocess.PIPE, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def row(kernels: str, threads: int, way: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Count the outcomes."""
    counts = {
        what: sum(one["what"] == what for one in found) for what in ("abort", "hang", "wrong")
    }
    bad = [one | {"shape": str(draw(one["layer"]))} for one in found if one["what"] != "right"]
    largest = max((one["error"] for one in found if one["what"] == "right"), default=float("nan"))
    told = {"kernels": kernels, "threads": threads, "way": way, "layers": len(found)}
    return {**told, **counts, "largest_right": largest, "not_right": bad}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training_gradients.json"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--layers", type=int, default=1000)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way is not None:
        torch.set_num_threads(1)  # so that no pool of threads is there to be forked
        gradients("fit", Case(nn.Linear(2, 2), (2, 2)), torch.ones(2, 2), torch.ones(2, 2))
        numbers = range(0, options.layers, 1 if options.way == "fit" else 10)
        print(json.dumps([outcome(number, options.way) for number in numbers]))
        return
    layers = 100 if options.quick else options.layers
    rows = []
    for way, kernels, threads in itertools.product(WAYS, KERNELS, (1, 2)):
        found = sweep(way, kernels=kernels, threads=threads, layers=layers)
        rows.append(row(kernels, threads, way, found))
        print({k: v for k, v in rows[-1].items() if k != "not_right"}, flush=True)
    write_json(options.out, report(rows))


def report(rows: list[dict[str, Any]]) -> dict[str, Any]:
    names = {"fit": "`fit`", "plain": "PyTorch, channels last", "oneDNN off": "PyTorch, oneDNN off"}
    counted = ("layers", "abort", "hang", "wrong")
    table = [
        [each["kernels"], str(each["threads"]), names[each["way"]]]
        + [f"{each[name]:,}" for name in counted]
        + [f"{each['largest_right']:.1g}"]
        for each in rows
    ]
    capability = torch.backends.cpu.get_cpu_capability()
    onednn = ".".join(map(str, onednn_version()))
    return {
        "rows": rows,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "onednn": onednn,
            "cpu": capability,
        },
        "page": {
            "title": "Gradients of random layers",
            "note": "One step of each layer against double precision, each in its own process. A "
            f"gradient is wrong beyond {LARGEST_ERROR:g} of the layer's largest entry. PyTorch "
            f"{torch.__version__} with oneDNN {onednn}; this CPU has {capability}.",
            "tables": [
                {
                    "caption": "",
                    "header": [
                        *("kernels", "threads", "way", "layers", "aborts", "hangs", "wrong"),
                        "largest error of the right ones",
                    ],
                    "rows": table,
                }
            ],
        },
    }


if __name__ == "__main__":
    main()
