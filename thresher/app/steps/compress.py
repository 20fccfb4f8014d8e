"""Make the student an integer model, and write models that run without PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from training import TrainingRun, evaluate, export, load_exported, quantize
from training.exporting import ExportedModel
from training.quantization import QuantizedModel

from ...core.randomness import check_random_state
from ..stages import Done, Notes, RunFolder
from .material import Material
from .train import accuracy

CODE = ("thresher/core", "training")


def quantize_student(
    run: RunFolder, material: Material, student: Done[TrainingRun]
) -> Done[QuantizedModel]:
    """Calibrate on training rows, then train the rounded model on its float self's answers."""
    settings = run.settings.quantize

    def work(folder: Path, notes: Notes) -> None:
        pool = material.pool
        count = min(settings.calibration_rows, len(pool))
        rows = check_random_state(run.settings.seed).permutation(len(pool))[:count]
        quantized = quantize(
            student.value.model,
            pool.take(np.sort(rows)),
            method=settings.method,
            weight_bits=settings.weight_bits,
            train=pool,
            validation=material.validation,
            epochs=None if settings.epochs == "auto" else settings.epochs,
            checkpoint_dir=folder / "checkpoints",
            device=run.device.value,
            random_state=run.settings.seed,
        )
        torch.save(quantized, folder / "quantized.pt")
        notes.choices.update(quantized.choices)
        notes.summary = {
            "layers": [vars(layer) for layer in quantized.layers()],
            "history": quantized.history,
            **accuracy(evaluate(quantized, material.test)),
        }

    def load(folder: Path) -> QuantizedModel:
        model: QuantizedModel = torch.load(folder / "quantized.pt", weights_only=False)
        return model.eval()

    return run.stage(
        "quantize",
        work,
        load=load,
        needs=[*material.needs, student],
        settings=[settings.model_dump(), material.key],
        code=CODE,
        where="models/quantized",
    )


def export_models(
    run: RunFolder, material: Material, models: dict[str, Done[Any]]
) -> Done[dict[str, ExportedModel]]:
    """Write each model as ONNX into ``models/onnx/NAME/``."""

    def work(folder: Path, notes: Notes) -> None:
        for name, done in models.items():
            exported = export(
                module(done),
                folder / name,
                classes=material.parts.classes,
                preprocessing=material.parts.preprocessing,
                name=f"{name} model of a Thresher run",
                metrics={"test accuracy": done.summary["accuracy"]},
            )
            notes.summary[name] = {
                "bytes": exported.size_bytes,
                "operators": exported.fused.to_json(),
            }

    return run.stage(
        "export",
        work,
        load=_loader(list(models)),
        needs=[*material.needs, *models.values()],
        settings=[sorted(models), material.key],
        code=CODE,
        where="models/onnx",
    )


def module(done: Done[Any]) -> nn.Module:
    """Return the torch model of a training or quantization stage."""
    value = done.value
    return value.model if isinstance(value, TrainingRun) else value


def _loader(names: list[str]) -> Callable[[Path], dict[str, ExportedModel]]:
    return lambda folder: {name: load_exported(folder / name) for name in names}
