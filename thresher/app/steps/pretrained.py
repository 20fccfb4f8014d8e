"""A pretrained model as the teacher of a run: on the same images, or on the raw texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from training import Samples, TrainingRun, evaluate, fit, pretrained_model, teacher_logits
from training.loop.options import TrainingOptions
from training.pretrained import SOURCES, PretrainedModel
from training.recipes.pretrained import pretrained_recipe
from training.torch_runtime.flops import count_flops

from ...core.choice import Choice
from ...core.columns import read_texts
from ...core.errors import InputError
from ...core.files import walk_files
from ..settings import TeacherSettings
from ..stages import Done, Notes, RunFolder
from .material import Material
from .train import CODE, JUDGED, accuracy, record_training


def is_pretrained(model: str) -> bool:
    """Tell whether the name of a teacher is that of a pretrained model."""
    prefix, colon, _ = model.partition(":")
    return bool(colon) and prefix in (*SOURCES, *SOURCES.values())


def train_pretrained(run: RunFolder, material: Material) -> Done[TrainingRun]:
    """Train a pretrained teacher on the clean, labeled rows; let it judge texts once.

    Only its head and adapters are kept. It is not exported: the run is about its student.
    """
    settings = run.settings.teacher

    def work(folder: Path, notes: Notes) -> None:
        model = load_teacher(material, settings, seed=run.settings.seed)
        rows = Rows(model, material)
        options, choices = plan_pretrained(settings, rows=len(material.train))
        trained = fit(
            model,
            rows.of(material.train),
            validation=rows.of(material.validation),
            checkpoint_dir=folder / "checkpoints",
            device=run.device.value,
            precision=run.settings.precision,
            random_state=run.settings.seed,
            **options,
        )
        trained.save(folder / "model")
        judged = rows.judge(folder / JUDGED, device=run.device.value)
        weights = sum(p.numel() * p.element_size() for p in model.parameters())
        record_training(notes, trained, rows=len(material.train))
        notes.choices.update({**material.parts.choices, **choices, **trained.choices})
        notes.cost.labels = material.labels
        notes.cost.extra["flops"] += judged
        notes.summary |= {
            "model": model.spec.name,
            "mode": model.spec.mode,
            "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
            "megabytes": weights / 1e6,
            "note": f"{model.spec.name}, {model.spec.mode}; not exported, size of all its weights",
            **accuracy(evaluate(model, rows.of(material.test), device=run.device.value)),
        }

    return run.stage(
        "teacher",
        work,
        load=lambda folder: TrainingRun.load(folder / "model"),
        needs=material.needs,
        settings=[settings.model_dump(), material.key, _files(settings.model)],
        code=CODE,
        where="models/teacher",
    )


def load_teacher(material: Material, settings: TeacherSettings, *, seed: int) -> PretrainedModel:
    """Load the model that the settings name, for the classes and the kind of rows at hand."""
    modality = material.train.modality
    if modality == "features":
        raise InputError(
            f"The teacher {settings.model!r} takes images or texts, and these rows are numbers. "
            "Leave out --teacher."
        )
    return pretrained_model(
        settings.model,
        num_classes=len(material.parts.classes),
        mode=settings.mode,
        modality=modality,
        rank=settings.rank if settings.mode == "lora" else None,
        random_state=seed,
    )


class Rows:
    """Rows as the teacher takes them: images as they are, texts in its own tokens."""

    def __init__(self, model: PretrainedModel, material: Material) -> None:
        self.model = model
        self.material = material
        self.texts: dict[str, str] = {}
        if model.spec.modality == "text":
            loaded, ids = material.rows.value, material.parts.row_ids
            column = loaded.schema.inputs[0]
            self.texts = dict(zip(ids.tolist(), read_texts(loaded.dataset, column), strict=True))

    def of(self, samples: Samples) -> Samples:
        """Return the same rows as the teacher takes them."""
        if not self.texts:
            return samples
        targets = None if samples.targets is None else samples.targets.numpy()
        return self.model.samples(self._texts(samples), row_ids=samples.row_ids, targets=targets)

    def judge(self, file: Path, *, device: str) -> float:
        """Write the teacher's answers to all texts of the pool; return the FLOPs that it took."""
        if not self.texts:
            return 0.0
        pool = self.material.pool
        model = self.model
        teacher_logits(
            lambda values: model.predict_values(values, device=device),
            self._texts(pool),
            row_ids=pool.row_ids,
            file=file,
        )
        first = self.of(pool.take(np.arange(1)))
        return count_flops(model, first.inputs) * len(pool)

    def _texts(self, samples: Samples) -> list[str]:
        return [self.texts[row_id] for row_id in samples.row_ids.tolist()]


def plan_pretrained(
    settings: TeacherSettings, *, rows: int
) -> tuple[TrainingOptions, dict[str, Choice]]:
    """Choose how the model is trained; what the user set stays as it is."""
    named = {name: getattr(settings, name) for name in ("epochs", "batch_size", "lr")}
    given = {name: value for name, value in named.items() if value != "auto"}
    options, choices = pretrained_recipe(settings.mode, n_rows=rows, **given)
    most = settings.max_epochs
    if settings.epochs != "auto" or most == "auto" or options["epochs"] <= most:
        return options, choices
    options, choices = pretrained_recipe(settings.mode, n_rows=rows, **given, epochs=most)
    return options, {**choices, "epochs": Choice(str(most), "`max_epochs`")}


def _files(model: str) -> list[list[Any]]:
    """Return names, sizes and times of a model's files, so that another model is noticed."""
    folder = Path(model.partition(":")[2]).expanduser()
    if not folder.is_dir():
        return []
    states = [(path.name, path.stat()) for path in sorted(walk_files(folder))]
    return [[name, state.st_size, state.st_mtime_ns] for name, state in states]
