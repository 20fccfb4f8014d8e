"""A network with exits in ONNX Runtime: one file for each segment and each head."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from thresher import __version__
from thresher.core.choice import available_cpus
from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.exported.session import INPUT, open_session
from thresher.core.files import atomic_path, read_json, write_json

from ..exporting.description import example_rows
from ..exporting.onnx_file import write_onnx
from .exit_model import ExitModel
from .rule import ExitRule
from .staged import Stage, StagedPrediction, predict_staged

RECORD = "exits.json"


class ExportedExits:
    """Segments and heads in ONNX Runtime, with the rule by which rows leave.

    Attributes
    ----------
    classes : list of str
    rule : ExitRule
    size_bytes : int
        Of all files.
    threads : int
    """

    def __init__(self, folder: str | os.PathLike[str], *, threads: int | None = None) -> None:
        self.folder = Path(folder)
        if not (self.folder / RECORD).is_file():
            raise InputError(f"{self.folder} holds no {RECORD}: name a folder of `export_exits`.")
        record = read_json(self.folder / RECORD)
        self.classes: list[str] = record["classes"]
        self.rule = ExitRule.from_json(record["rule"])
        self.threads = threads if threads is not None else available_cpus()
        names = [_names(stage) for stage in range(len(self.rule.temperatures))]
        self.size_bytes = sum(
            (self.folder / name).stat().st_size for pair in names for name in pair
        )
        self._sessions = [
            tuple(open_session(self.folder / name, threads=self.threads) for name in pair)
            for pair in names
        ]

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return logits with early exit, float32 (n, classes)."""
        return self.answer(inputs).logits

    def answer(self, inputs: np.ndarray, *, batch_size: int = 256) -> StagedPrediction:
        """Return logits and the exit that each row left at."""
        return predict_staged(self._stages(), inputs, rule=self.rule, batch_size=batch_size)

    def _stages(self) -> list[Stage]:
        def stage(segment: Any, head: Any) -> Stage:
            def step(state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
                following = segment.run(None, {INPUT: state})[0]
                return head.run(None, {INPUT: following})[0], following

            return step

        return [stage(*pair) for pair in self._sessions]


def export_exits(
    model: ExitModel,
    folder: str | os.PathLike[str],
    *,
    classes: Sequence[str],
    preprocessing: Mapping[str, Any] | None = None,
    threads: int | None = None,
) -> ExportedExits:
    """Write a calibrated network with exits as ONNX files, and load them.

    Parameters
    ----------
    model : ExitModel
        With a rule. Left as it is.
    folder : path-like
        An old one is replaced as a whole.
    classes : sequence of str
        In the order of the logits.
    preprocessing : mapping, optional
        JSON values that tell how a raw row becomes an input row.
    threads : int, optional
        Of the loaded model.

    Examples
    --------
    >>> import numpy as np
    >>> from training import compact_model, export_exits, with_exits, samples_from_arrays
    >>> x, y = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32), np.arange(64) % 2
    >>> rows = samples_from_arrays(x, row_ids=np.arange(64).astype(str), targets=y)
    >>> plain = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> model = with_exits(plain, exits=1)
    >>> rule = model.calibrate(rows, max_drop=0.5)
    >>> export_exits(model, "file", classes=["no", "yes"]).classes
    ['no', 'yes']
    """
    if model.rule is None:
        raise InputError("The model has no rule yet: call `calibrate` with held-out rows.")
    if len(classes) != model.spec.num_classes:
        raise InputError(
            f"`classes` has {counted(len(classes), 'name')}, but the model has "
            f"{model.spec.num_classes}."
        )
    with atomic_path(Path(folder)) as temporary:
        temporary.mkdir()
        _write_parts(copy.deepcopy(model).eval().float().cpu(), temporary)
        record = {
            "thresher": __version__,
            "classes": [str(name) for name in classes],
            "rule": model.rule.to_json(),
            "costs": list(model.costs),
            "preprocessing": dict(preprocessing or {}),
        }
        write_json(temporary / RECORD, record)
    return load_exits(folder, threads=threads)


def load_exits(folder: str | os.PathLike[str], *, threads: int | None = None) -> ExportedExits:
    """Load what `export_exits` wrote.

    Examples
    --------
    >>> import numpy as np
    >>> from training import compact_model, export_exits, load_exits, samples_from_arrays
    >>> from training import with_exits
    >>> x, y = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32), np.arange(64) % 2
    >>> rows = samples_from_arrays(x, row_ids=np.arange(64).astype(str), targets=y)
    >>> plain = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> model = with_exits(plain, exits=1)
    >>> rule = model.calibrate(rows, max_drop=0.5)
    >>> written = export_exits(model, "file", classes=["no", "yes"])
    >>> load_exits("file").predict(x).shape
    (64, 2)
    """
    return ExportedExits(folder, threads=threads)


@torch.no_grad()
def _write_parts(model: ExitModel, folder: Path) -> None:
    state = example_rows(model, None)
    for stage, (segment, head) in enumerate(zip(model.segments, model.heads, strict=True)):
        for name, part in zip(_names(stage), (segment, head), strict=True):
            assert isinstance(part, nn.Module)
            write_onnx(part, folder / name, example=state, metadata={"thresher": __version__})
            if part is segment:
                state = segment(state)


def _names(stage: int) -> tuple[str, str]:
    return f"segment-{stage}.onnx", f"head-{stage}.onnx"
