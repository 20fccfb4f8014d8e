"""Train the plain way; what all trainings of a run share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from augment import Augmenter
from training import TrainingRun, evaluate, fit
from training.evaluation import Evaluation
from training.recipes import Recipe, recipe

from ...core.choice import Choice
from ..settings import ModelSettings
from ..stages import Done, Notes, RunFolder
from .material import Material

CODE = ("thresher/core", "training", "augment")
# Answers of a teacher that reads texts in tokens of its own.
JUDGED = "judged.npz"


def train_plain(
    run: RunFolder,
    material: Material,
    policy: Done[Augmenter | None],
    *,
    name: str,
    role: str,
    settings: ModelSettings,
) -> Done[TrainingRun]:
    """Train a model on labels alone, by one schedule."""

    def work(folder: Path, notes: Notes) -> None:
        plan = plan_training(run, material, settings, role, rows=len(material.train))
        trained = fit(
            build(plan, material, seed=run.settings.seed),
            material.train,
            validation=material.validation,
            augment=training_augment(policy),
            checkpoint_dir=folder / "checkpoints",
            device=run.device.value,
            precision=run.settings.precision,
            random_state=run.settings.seed,
            **plan.fit_options(),
        )
        finish(folder, notes, trained, material, plan, rows=len(material.train))

    return run.stage(
        name,
        work,
        load=lambda folder: TrainingRun.load(folder / "model"),
        needs=[*material.needs, policy],
        settings=[settings.model_dump(), role, material.key],
        code=CODE,
        where=f"models/{name.replace(' ', '-')}",
    )


def plan_training(
    run: RunFolder, material: Material, settings: ModelSettings, role: str, *, rows: int
) -> Recipe:
    """Choose network and training from the data at hand; what the user set stays as it is."""
    asked = settings.model_dump(include=set(ModelSettings.model_fields))
    most = asked.pop("max_epochs")
    given = {name: value for name, value in asked.items() if value != "auto"}

    def planned(**more: int) -> Recipe:
        return recipe(
            material.train.modality,
            n_rows=rows,
            input_shape=material.train.input_shape,
            num_classes=len(material.parts.classes),
            role=role,
            device=run.device.value,
            **{**given, **more},
        )

    plan = planned()
    if settings.epochs != "auto" or most == "auto" or plan.options["epochs"] <= most:
        return plan
    chosen = Choice(str(most), "`max_epochs`")
    plan = planned(epochs=most)
    return replace(plan, choices={**plan.choices, "epochs": chosen})


def build(plan: Recipe, material: Material, *, seed: int) -> nn.Module:
    """Make the untrained network of a recipe."""
    return plan.build(
        num_classes=len(material.parts.classes),
        input_shape=material.train.input_shape,
        random_state=seed,
    )


def finish(
    folder: Path,
    notes: Notes,
    trained: TrainingRun,
    material: Material,
    plan: Recipe,
    *,
    rows: int,
) -> None:
    """Write a trained model and what is to be said of it."""
    trained.save(folder / "model")
    measured = evaluate(trained.model, material.test)
    record_training(notes, trained, rows=rows)
    notes.choices.update({**material.parts.choices, **plan.choices, **trained.choices})
    notes.cost.labels = material.labels
    notes.summary |= {
        "model": plan.model,
        "width": plan.width,
        "megabytes": sum(p.numel() * p.element_size() for p in trained.model.parameters()) / 1e6,
        "validation_accuracy": trained.metrics["validation_accuracy"],
        "validation_rows": len(material.validation),
        **accuracy(measured),
    }


def record_training(notes: Notes, trained: TrainingRun, *, rows: int) -> None:
    """Put what a training took into the ledger and the summary."""
    notes.cost.rows_in = rows
    notes.cost.extra = {"flops": trained.flops, "rows_seen": trained.rows_seen}
    notes.summary = {
        "parameters": sum(p.numel() for p in trained.model.parameters()),
        "history": trained.history,
        "seconds": trained.seconds,
        "flops": trained.flops,
        "rows_seen": trained.rows_seen,
    }


def accuracy(measured: Evaluation) -> dict[str, float]:
    """Return an accuracy and its interval by name."""
    low, high = measured.interval
    return {"accuracy": measured.accuracy, "low": low, "high": high}


def training_augment(policy: Done[Augmenter | None]) -> Any:
    """Return the policy as `fit` takes it, or None."""
    return None if policy.value is None else policy.value.for_training()
