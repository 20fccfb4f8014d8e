"""``torch.export``: the model as one graph of PyTorch's own operators, with a dynamic batch.

For servers that have PyTorch: the file needs none of our code and none of the model's. It can be
compiled (``torch.compile``, AOTInductor) or lowered further.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.exported.session import InputSpec
from thresher.core.files import atomic_path, write_json, write_text

from .description import check_classes, describe, example_rows, title
from .runtime import CARD, RECORD, ExportedModel

PROGRAM = "model.pt2"
_DESCRIPTION = "thresher.json"
WriteFile = Callable[[nn.Module, Tensor, Path, dict[str, Any]], None]


class ExportedProgram(ExportedModel):
    """A model that ``torch.export`` wrote; predicts like any other exported model.

    Parameters
    ----------
    path : path-like
        The ``.pt2`` file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        module, metadata = _open(self.path)
        self._describe(metadata, lambda rows: module(rows).detach().numpy())

    @property
    def fused(self) -> Any:
        """Not known: what PyTorch runs is decided when it runs."""
        raise InputError(f"{self.path} does not run in ONNX Runtime, which fuses operators.")

    def _describe(self, metadata: dict[str, Any], call: Callable[[Tensor], np.ndarray]) -> None:
        self._session = TorchSession(call)
        self.metadata = metadata
        self.classes = metadata["classes"]
        self.preprocessing = metadata["preprocessing"]
        self.quantization = metadata["quantization"]
        self.input_spec = InputSpec.from_json(metadata["input"])
        self.size_bytes = self.path.stat().st_size
        self.threads = torch.get_num_threads()


class TorchSession:
    """Stands where a session of ONNX Runtime would: one input by name, one output.

    Parameters
    ----------
    call : callable
        From a batch, a tensor, to logits, float32 (n, classes).
    """

    def __init__(self, call: Callable[[Tensor], np.ndarray]) -> None:
        self._call = call

    def run(self, _outputs: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Return the logits in a list."""
        rows = inputs["input"]
        with torch.no_grad():
            return [self._call(torch.from_numpy(rows if rows.flags.writeable else rows.copy()))]


def write_folder(
    model: nn.Module,
    folder: Path,
    *,
    classes: Sequence[str],
    preprocessing: Mapping[str, Any] | None,
    example: Tensor | None,
    name: str | None,
    metrics: Mapping[str, float] | None,
    file: str,
    write: WriteFile,
) -> None:
    """Write a model's file by `write`, its description and its card, all or nothing.

    The other options are those of `formats.export`.
    """
    rows = example_rows(model, example)
    check_classes(model, rows, classes)
    metadata = describe(model, rows, classes, preprocessing)
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        write(copy.deepcopy(model).eval().float().cpu(), rows, temporary / file, metadata)
        size = (temporary / file).stat().st_size
        record = {**metadata, "file": file, "size_bytes": size, "torch": torch.__version__}
        write_json(temporary / RECORD, record)
        write_text(temporary / CARD, _card(record, name=name or title(model), metrics=metrics))


def capture(model: nn.Module, rows: Tensor, *, dynamic: bool = True) -> Any:
    """Return the graph that ``torch.export`` sees, for any number of rows or that of `rows`.

    Raises
    ------
    InputError
        When it cannot follow the forward pass; names the line of the model.
    """
    shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
    try:
        with torch.no_grad():
            return torch.export.export(model, (rows,), dynamic_shapes=shapes)
    except Exception as error:  # torch.export raises whatever its parts raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        where = next((line for line in lines if line.startswith("File ")), "")
        raise InputError(
            f"torch.export cannot follow {type(model).__name__}: "
            f"{lines[0] if lines else type(error).__name__} {where}".rstrip()
            + " Write that part with tensor operators alone, or keep the model in PyTorch."
        ) from error


def save_program(model: nn.Module, rows: Tensor, path: Path, metadata: dict[str, Any]) -> None:
    """Write the graph of `model` with its description inside."""
    description = {_DESCRIPTION: json.dumps(metadata, sort_keys=True)}
    torch.export.save(capture(model, rows), path, extra_files=description)


def _open(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    if not path.is_file():
        raise InputError(f"There is no model file {path}.")
    description = {_DESCRIPTION: ""}
    try:
        program = torch.export.load(path, extra_files=description)
    except Exception as error:  # zip, pickle and schema errors of many classes
        raise InputError(f"PyTorch cannot load {path}: {error}") from error
    if not description[_DESCRIPTION]:
        raise InputError(
            f"{path} holds no description by Thresher; export the model with `training.export`."
        )
    return program.module(), json.loads(description[_DESCRIPTION])


def _card(record: Mapping[str, Any], *, name: str, metrics: Mapping[str, float] | None) -> str:
    shape = ", ".join(map(str, record["input"]["shape"]))
    lines = [
        f"# {name}",
        "",
        f"`{record['file']}` with {counted(len(record['classes']), 'class', 'classes')}, "
        f"{record['size_bytes'] / 1e3:.0f} KB "
        f"({counted(record['costs']['parameters'], 'parameter')}), written by Thresher "
        f"{record['thresher']} with PyTorch {record['torch']}.",
        "",
        f"- Input: {record['input']['dtype']} (n, {shape}). Normalization is inside.",
        f"- Output: logits, float32 (n, {len(record['classes'])}).",
        f"- Classes: {', '.join(record['classes'])}",
        f"- Preparation of a row: `{record['preprocessing']}`",
    ]
    if metrics:
        lines += ["", "| measured | value |", "|---|---|"]
        lines += [f"| {key} | {value:.4g} |" for key, value in metrics.items()]
    return "\n".join(lines) + "\n"
