"""Make the student an integer model, and write models that run without PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from augment import Augmenter
from training import Samples, TrainingRun, evaluate, export, load_exported, quantize
from training.exporting import ExportedModel
from training.quantization.model import QuantizedModel
from training.quantization.prepare import prepare

from ...core.choice import Choice
from ...core.files import atomic_path
from ...core.numerics.spacing import equally_spaced
from ..stages import Done, Notes, RunFolder
from .material import Material
from .train import accuracy, training_augment

CODE = ("thresher/core", "training")
QAT_CODE = (*CODE, "augment")
WEIGHTS = "quantized.pt"
FULL_BITS = 8
CALIBRATED_ALONE = "training all layers of a body that is taken as it is would take long"


def quantize_student(
    run: RunFolder,
    material: Material,
    policy: Done[Augmenter | None] | None,
    student: Done[TrainingRun],
) -> Done[QuantizedModel]:
    """Calibrate on training rows, then train the rounded model on its float self's answers.

    A body that is taken as it is, without a policy, is only calibrated unless training is asked
    for, which takes many times as long as all else of the run; or 4 bits, which it does not stand
    without.
    """
    settings = run.settings.quantize
    calibrated = policy is None and settings.method == "auto" and settings.weight_bits == FULL_BITS
    method = "ptq" if calibrated else settings.method

    def work(folder: Path, notes: Notes) -> None:
        quantized = quantize(
            student.value.model,
            _rows_of(material, settings.calibration_rows if method == "ptq" else None),
            method=method,
            weight_bits=settings.weight_bits,
            weight_range=settings.weight_range,
            calibration_rows=settings.calibration_rows,
            validation=material.validation,
            epochs=None if settings.epochs == "auto" else settings.epochs,
            augment=None if policy is None else training_augment(policy),
            checkpoint_dir=folder / "checkpoints",
            device=run.device.value,
            precision=run.settings.precision,
            random_state=run.settings.seed,
        )
        with atomic_path(folder / WEIGHTS) as temporary:
            torch.save(quantized.state_dict(), temporary)
        notes.choices.update(quantized.choices)
        if method != settings.method:
            notes.choices["method"] = Choice(method, CALIBRATED_ALONE)
        notes.cost.rows_in = len(material.pool_at)
        notes.cost.labels = student.cost.labels
        notes.summary = {
            "layers": [vars(layer) for layer in quantized.layers()],
            **accuracy(evaluate(quantized, material.test)),
        }

    def load(folder: Path) -> QuantizedModel:
        model = prepare(
            student.value.model,
            weight_bits=settings.weight_bits,
            weight_range=settings.weight_range,
        )
        model.set_mode("quantize")
        model.load_state_dict(torch.load(folder / WEIGHTS, weights_only=True))
        return model.eval()

    return run.stage(
        "quantize",
        work,
        load=load,
        needs=[*material.needs, *([] if policy is None else [policy]), student],
        settings=[settings.model_dump(), material.key],
        code=QAT_CODE,
        where="models/quantized",
    )


def _rows_of(material: Material, most: int | None) -> Samples:
    """Return the rows that may be used, or `most` at equal distances where these are enough."""
    at = material.pool_at
    if material.whole or most is None or len(at) <= most:
        return material.pool
    return material.parts.of(at[equally_spaced(len(at), most)])


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
                "integer_operators": exported.fused.integer,
                "float_operators": exported.fused.floating,
            }

    return run.stage(
        "export",
        work,
        load=_loader(list(models), threads=int(run.threads.value)),
        needs=[*material.needs, *models.values()],
        settings=[sorted(models), material.key],
        code=CODE,
        where="models/onnx",
    )


def module(done: Done[Any]) -> nn.Module:
    """Return the torch model of a training or quantization stage."""
    value = done.value
    return value.model if isinstance(value, TrainingRun) else value


def _loader(names: list[str], *, threads: int) -> Callable[[Path], dict[str, ExportedModel]]:
    return lambda folder: {name: load_exported(folder / name, threads=threads) for name in names}
