"""Choose how training images are augmented."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from augment import Augmenter, choose_policy, policies, preview
from augment.choosing.choose import sized_candidates
from augment.grid import Preview
from augment.operations.policy import Policy

from ...core.choice import Choice
from ..augmentation import POLICY, PREVIEW
from ..pilots import PilotRuns, seconds_of_one
from ..stages import Done, Notes, RunFolder
from .material import Material

PILOTS = "pilots.jsonl"
SHOWN_ROWS = 4


def choose_augmentation(
    run: RunFolder, material: Material, *, name: str = "augment"
) -> Done[Augmenter | None]:
    """Write the augmentation policy into a folder; texts and features are not augmented."""
    settings = run.settings.augment

    def work(folder: Path, notes: Notes) -> None:
        if material.train.modality != "image":
            reason = f"{material.train.modality} rows gained nothing from it in the measurements"
            notes.choices["augmentation"] = Choice("none", reason)
            return
        policy, choice = _policy(run, material, finished=folder / PILOTS)
        Augmenter(policy, random_state=run.settings.seed).save(folder / POLICY)
        _draw(policy, material, seed=run.settings.seed).save(folder / PREVIEW)
        notes.choices["augmentation"] = choice

    def load(folder: Path) -> Augmenter | None:
        return Augmenter.load(folder / POLICY) if (folder / POLICY).exists() else None

    return run.stage(
        name,
        work,
        load=load,
        needs=material.needs,
        settings=[settings.model_dump(), material.key],
        code=("thresher/core", "augment", *(("training",) if settings.pilots else ())),
        where=name.replace(" ", "-"),
    )


def _policy(run: RunFolder, material: Material, *, finished: Path) -> tuple[Policy, Choice]:
    settings, samples = run.settings.augment, material.train
    if settings.policy != "auto":
        return policies.make(settings.policy), Choice(settings.policy, "asked for")
    side = min(samples.input_shape[1:])
    labels = samples.targets
    assert labels is not None  # train rows are labeled by construction
    listed, fit = candidates(side), None
    if settings.pilots:
        listed = list(sized_candidates(side))
        seconds = seconds_of_one(settings.budget_s, rounds=settings.pilots, candidates=len(listed))
        fit = PilotRuns(
            samples,
            num_classes=len(material.parts.classes),
            seconds=seconds,
            device=run.device.value,
            file=finished,
        )
    chosen = choose_policy(
        samples.inputs.permute(0, 2, 3, 1).numpy(),
        labels.numpy(),
        candidates=listed,
        fit=fit,
        budget_s=settings.budget_s,
        rounds=max(1, settings.pilots),
        random_state=run.settings.seed,
    )
    return chosen.policy, Choice(chosen.policy.name, chosen.reason)


def _draw(policy: Policy, material: Material, *, seed: int) -> Preview:
    """Draw the policy's work on a row each of the first classes, as training will see it."""
    samples = material.train
    _, rows = np.unique(np.asarray(samples.targets), return_index=True)
    rows = rows[:SHOWN_ROWS]
    return preview(
        samples.inputs[rows].permute(0, 2, 3, 1).contiguous().numpy(),
        policies=policy,
        row_ids=samples.row_ids[rows],
        views=8,
        caption=False,
        random_state=seed,
    )


def candidates(side: int) -> list[Policy]:
    """Return the policies to choose from, sized for images of `side` pixels."""
    pad, hole = max(1, side // 8), max(2, side // 4)
    return [
        policies.standard(pad=pad, flip=True, cutout=hole),
        policies.standard(pad=pad, flip=False, cutout=hole),
        policies.crop_flip(pad=pad, flip=True),
        policies.crop_flip(pad=pad, flip=False),
        policies.none(),
    ]
