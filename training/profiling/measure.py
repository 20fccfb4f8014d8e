"""Profile: all costs of one model on this machine."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from thresher.core.choice import available_cpus
from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count
from thresher.core.signatures import checked

from ..exporting import ExportedModel
from ..exporting.description import count_parameters, example_rows
from ..torch_runtime.flops import count_flops
from .energy import NOT_MEASURABLE, joules_per_call
from .latency import Call, Latency, LatencyRatio, compare_renewed, measure_latency
from .memory import peak_memory_mb


@dataclass(frozen=True)
class Profile:
    """What one model costs here.

    Attributes
    ----------
    parameters : int
    flops : float
        Of one row; a multiply-add is two.
    size_bytes : int
        Of the file, or of the parameters and buffers of a torch module.
    peak_mb : float or None
        Memory that loading and one run of the largest batch add, 10**6 bytes; only for files.
    latency : dict of int to Latency
        By batch size.
    energy : str
        Joules a row, or why there is no number.
    joules_per_row : float or None
    threads : int
    runtime, machine : str
    """

    parameters: int
    flops: float
    size_bytes: int
    peak_mb: float | None
    latency: dict[int, Latency]
    energy: str
    joules_per_row: float | None
    threads: int
    runtime: str
    machine: str

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        latency = {str(size): asdict(entry) for size, entry in self.latency.items()}
        return {**asdict(self), "latency": latency}


@checked
def profile(
    model: nn.Module | ExportedModel,
    *,
    batch_sizes: Sequence[int] = (1, 64),
    threads: int | None = None,
    seconds: float = 0.5,
    example: Tensor | None = None,
) -> Profile:
    """Measure what `model` costs on this machine's CPU.

    Parameters
    ----------
    model : nn.Module or ExportedModel
    batch_sizes : sequence of int
    threads : int, optional
        By default those of the exported model; for a torch module all processors.
    seconds : float
        Time for each batch size; at least 20 calls are made.
    example : Tensor, optional
        Input rows of a torch module without a ``spec``.

    Examples
    --------
    >>> from training import compact_model, export, profile
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> exported = export(model, "file", classes=["no", "yes"])
    >>> found = profile(exported, batch_sizes=(1,), seconds=0.05)
    >>> found.latency[1].p50_ms > 0
    True
    """
    if not batch_sizes:
        raise InputError("`batch_sizes` is empty: name at least one, for example (1, 64).")
    for size in batch_sizes:
        check_count("batch_sizes", size, low=1)
    chosen = threads or (model.threads if isinstance(model, ExportedModel) else available_cpus())
    largest = max(batch_sizes)
    with _prepared(model, chosen, example) as caller:
        latency = {
            size: measure_latency(caller(size), batch_size=size, seconds=seconds)
            for size in batch_sizes
        }
        repeats = max(1, int(200 / max(latency[largest].p50_ms, 1e-3)))
        joules = joules_per_call(caller(largest), calls=repeats)
    per_row = None if joules is None else joules / largest
    if isinstance(model, ExportedModel):
        costs = model.metadata["costs"]
        parameters, flops, size_bytes = costs["parameters"], costs["flops"], model.size_bytes
    else:
        parameters, flops, size_bytes = _module_costs(model, example)
    return Profile(
        parameters=parameters,
        flops=flops,
        size_bytes=size_bytes,
        peak_mb=_peak(model, largest) if isinstance(model, ExportedModel) else None,
        latency=latency,
        energy=NOT_MEASURABLE if per_row is None else f"{per_row:.3g} J a row",
        joules_per_row=per_row,
        threads=chosen,
        runtime="onnxruntime" if isinstance(model, ExportedModel) else f"torch {torch.__version__}",
        machine=f"{platform.machine()}, {counted(available_cpus(), 'processor')}",
    )


def compare(
    first: ExportedModel,
    second: ExportedModel,
    *,
    batch_size: int = 1,
    rounds: int = 31,
    seconds: float = 1.0,
    confidence: float = 0.99,
) -> LatencyRatio:
    """Time two exported models by turns on equal rows; the ratio is first over second.

    Both are loaded afresh for each of `rounds`; see `compare_renewed`.

    Examples
    --------
    >>> from training import compact_model, compare, export
    >>> models = [compact_model("mlp", num_classes=2, input_shape=(4,), width=w) for w in (8, 16)]
    >>> files = [export(model, f"m{at}", classes=["n", "y"]) for at, model in enumerate(models)]
    >>> compare(*files, rounds=9, seconds=0.05).median > 0
    True
    """
    check_count("batch_size", batch_size, low=1)
    if first.threads != second.threads:
        raise InputError(
            f"The models run on {first.threads} and {counted(second.threads, 'thread')}; load both "
            "with the same number."
        )
    return compare_renewed(
        lambda: _file_call(ExportedModel(first.path, threads=first.threads), batch_size),
        lambda: _file_call(ExportedModel(second.path, threads=second.threads), batch_size),
        rounds=rounds,
        seconds=seconds,
        confidence=confidence,
    )


def _file_call(model: ExportedModel, size: int) -> Call:
    rows = np.zeros((size, *model.input_spec.shape), dtype=model.input_spec.dtype)
    return lambda: model.predict(rows, batch_size=size)


@contextmanager
def _prepared(model: Any, threads: int, example: Tensor | None) -> Iterator[Any]:
    """Yield a function from a batch size to the call that computes such a batch."""
    if isinstance(model, ExportedModel):
        same = model if threads == model.threads else ExportedModel(model.path, threads=threads)
        yield lambda size: _file_call(same, size)
        return
    row = example_rows(model, example)[:1]
    before, training = torch.get_num_threads(), model.training
    try:
        torch.set_num_threads(threads)
        model.eval()
        with torch.inference_mode():
            yield lambda size: _module_call(model, row.expand(size, *row.shape[1:]).contiguous())
    finally:
        model.train(training)
        torch.set_num_threads(before)


def _module_call(model: nn.Module, rows: Tensor) -> Call:
    return lambda: model(rows)


def _module_costs(model: nn.Module, example: Tensor | None) -> tuple[int, float, int]:
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    flops = count_flops(model, example_rows(model, example).to(device))
    tensors = (*model.parameters(), *model.buffers())
    return count_parameters(model), flops, sum(tensor.nbytes for tensor in tensors)


def _peak(model: ExportedModel, batch_size: int) -> float | None:
    spec = model.input_spec
    return peak_memory_mb(model.path, dtype=spec.dtype, shape=(batch_size, *spec.shape))
