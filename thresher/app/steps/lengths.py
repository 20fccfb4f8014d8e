"""Train for as long as held-out rows allow, where no number of epochs is asked for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from training import TrainingRun
from training.evaluation import predict_logits
from training.pretrained import PretrainedModel
from training.recipes import Recipe
from training.recipes.durations import FEWEST_HELD_OUT, Tried, joined, lengths_of, try_lengths
from training.recipes.sizes import Told

from ...core.choice import Choice
from ...core.counted import counted
from ...core.progress import message
from ..settings import ModelSettings
from ..stages import Notes, RunFolder
from .material import Material
from .pretrained import Rows
from .train import build, plan_training

LENGTHS = "lengths"
Learn = Callable[[nn.Module, Recipe, Path], TrainingRun]


class HeldOut:
    """The validation rows, as models are held against each other on them."""

    def __init__(self, run: RunFolder, material: Material) -> None:
        assert material.validation.targets is not None
        self.run, self.material = run, material
        self.codes = np.asarray(material.validation.targets.numpy())

    def tell(self, model: nn.Module) -> Told:
        """Return what a model says of the rows."""
        rows = self.material.validation
        if isinstance(model, PretrainedModel):
            rows = Rows(model, self.material).of(rows)
        return Told.of(predict_logits(model, rows, device=self.run.device.value), self.codes)


def train_long_enough(
    run: RunFolder,
    material: Material,
    settings: ModelSettings,
    learn: Learn,
    *,
    plan: Recipe,
    role: str,
    rows: int,
    folder: Path,
) -> tuple[TrainingRun, list[Tried]]:
    """Train by a plan for as long as it takes, shorter schedules first.

    At once for the plan's epochs where they are asked for, or where epochs or validation rows are
    few; nothing is returned as tried then.

    Parameters
    ----------
    learn : callable
        ``(model, plan, checkpoints) -> TrainingRun`` trains a model in place by a plan.
    plan : Recipe
        Of as many epochs as may be trained.
    role, rows
        As in `plan_training`.
    folder : Path
        What was tried is kept below it until the length is chosen.
    """
    model = build(plan, material, seed=run.settings.seed)
    most = plan.options["epochs"]
    lengths = lengths_of(most)
    held = len(material.validation)
    if settings.epochs != "auto" or len(lengths) == 1 or held < FEWEST_HELD_OUT:
        trained = learn(model, plan, folder / "checkpoints")
        if settings.epochs == "auto" and len(lengths) > 1:
            trained = _untried(trained, plan, held)
        return trained, []

    def learn_for(learner: nn.Module, epochs: int, checkpoints: Path) -> TrainingRun:
        asked = settings.model_copy(update={"epochs": epochs, "width": plan.width})
        return learn(learner, plan_training(run, material, asked, role, rows=rows), checkpoints)

    tell = HeldOut(run, material).tell
    tried = try_lengths(model, lengths, learn_for, tell, folder=folder / LENGTHS)
    found = joined(tried, most=most)
    message(f"epochs: {found.choices['epochs']}")
    return found, tried


def _untried(trained: TrainingRun, plan: Recipe, held: int) -> TrainingRun:
    """Say why no shorter schedule was tried, beside why the full one has its length."""
    full = plan.choices["epochs"]
    why = (
        f"{full.reason}; {counted(held, 'validation row is', 'validation rows are')} too few to "
        "try shorter ones"
    )
    said = Choice(full.value, why)
    return replace(trained, choices={**trained.choices, "epochs": said})


def record_lengths(notes: Notes, tried: list[Tried], folder: Path) -> None:
    """Say what became of each length, and remove the models."""
    if tried:
        notes.summary["lengths"] = [one.to_json() for one in tried]
    shutil.rmtree(folder / LENGTHS, ignore_errors=True)
