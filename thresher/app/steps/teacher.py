"""Train the teacher: the large model, on labels alone, as long as held-out rows allow."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from augment import Augmenter
from training import TrainingRun, fit
from training.recipes import Recipe

from ..stages import Done, Notes, RunFolder
from .lengths import record_lengths, train_long_enough
from .material import Material
from .train import CODE, finish, plan_training, training_augment


def train_teacher(
    run: RunFolder, material: Material, policy: Done[Augmenter | None]
) -> Done[TrainingRun]:
    """Train the large model on the clean, labeled rows."""
    settings, role, rows = run.settings.teacher, "teacher", len(material.train)

    def learn(model: nn.Module, plan: Recipe, checkpoints: Path) -> TrainingRun:
        return fit(
            model,
            material.train,
            validation=material.validation,
            augment=training_augment(policy),
            checkpoint_dir=checkpoints,
            device=run.device.value,
            precision=run.settings.precision,
            random_state=run.settings.seed,
            **plan.fit_options(),
        )

    def work(folder: Path, notes: Notes) -> None:
        plan = plan_training(run, material, settings, role, rows=rows)
        trained, tried = train_long_enough(
            run, material, settings, learn, plan=plan, role=role, rows=rows, folder=folder
        )
        finish(folder, notes, trained, material, plan, rows=rows)
        record_lengths(notes, tried, folder)

    return run.stage(
        "teacher",
        work,
        load=lambda folder: TrainingRun.load(folder / "model"),
        needs=[*material.needs, policy],
        settings=[settings.model_dump(), role, material.key],
        code=CODE,
        where="models/teacher",
    )
