"""The second half of a run: from clean rows to verified models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from training import TrainingRun
from training.models.lite0 import NAME as LITE0

from ..core.loaded import LoadedDataset
from .settings import ModelSettings
from .stages import Done, RunFolder
from .steps.bought import judge_bought
from .steps.choose import choose_labels, keep_budget
from .steps.compress import export_models, quantize_student
from .steps.embed import embed_rows
from .steps.material import Material
from .steps.policy import choose_augmentation
from .steps.pretrained import is_pretrained, train_pretrained
from .steps.reference import compare_with_reference
from .steps.shipped_body import material_of_body, train_plain_on_body
from .steps.start import choose_start, takes_encoder
from .steps.start_trial import ENCODER
from .steps.starts import may_start
from .steps.student import distil_student, take_encoder
from .steps.teacher import train_teacher
from .steps.train import train_plain
from .steps.verify import verify_models


def train_models(run: RunFolder, loaded: Done[LoadedDataset], clean: Done[LoadedDataset]) -> None:
    """Train, compress and verify with the run's number of threads; then give the old one back."""
    before = torch.get_num_threads()
    torch.set_num_threads(int(run.threads.value))
    try:
        make_models(run, loaded, clean)
    finally:
        torch.set_num_threads(before)


def make_models(run: RunFolder, loaded: Done[LoadedDataset], clean: Done[LoadedDataset]) -> None:
    """Choose rows and what to start from; train, distil, quantize; export and verify."""
    settings = run.settings
    material = choose_rows(run, loaded, clean)
    start = None
    if may_start(settings, clean.value.schema.modality):
        start = choose_start(run, material)
    models: dict[str, Done[Any]] = {}
    policy = teacher = None
    if start is None or start.value.value != ENCODER:
        policy = choose_augmentation(run, material)
        foreign = is_pretrained(settings.teacher.model)
        teacher = (
            train_pretrained(run, material) if foreign else train_teacher(run, material, policy)
        )
        models |= {} if foreign else {"teacher": teacher}
    if start is not None and takes_encoder(run, material, start, teacher):
        material = material_of_body(material)
        student, policy, models = take_encoder(run, material, start), None, {}
    else:
        assert policy is not None
        assert teacher is not None
        student = distil_student(run, material, policy, teacher)
    quantized = quantize_student(run, material, policy, student)
    models |= {"student": student, "int8": quantized}
    if settings.baseline:
        models |= baseline(run, material_of(run, loaded), student=student)
    exported = export_models(run, material, models)
    verified = verify_models(run, material, models, exported)
    if settings.reference:
        embedded = next((done for done in run.done if done.name == "embed"), None)
        compare_with_reference(run, material, embedded, verified)


def choose_rows(
    run: RunFolder, loaded: Done[LoadedDataset], clean: Done[LoadedDataset]
) -> Material:
    """Keep to a budget of rows or labels, where one is set."""
    settings = run.settings
    material = material_of(run, clean)
    if settings.budget.rows is None and settings.label.budget is None:
        return material
    embeddings = embed_rows(run, loaded)
    if settings.budget.rows is not None:
        material = replace(material, kept=keep_budget(run, clean, embeddings))
    if settings.label.budget is not None:
        material = replace(material, classes_known=False)
        labeled = choose_labels(run, embeddings, material)
        material = replace(material, labeled=labeled)
        if settings.curate and settings.decide.labels != "none":
            material = replace(material, judged=judge_bought(run, embeddings, material))
    return material


def material_of(run: RunFolder, rows: Done[LoadedDataset]) -> Material:
    """Gather what the training stages work with."""
    settings = run.settings
    return Material(
        rows,
        settings.data,
        run.device.value,
        settings.threads,
        settings.precision,
    )


def baseline(
    run: RunFolder, everything: Material, *, student: Done[TrainingRun]
) -> dict[str, Done[Any]]:
    """Train the plain way: all rows as given, labels alone, no distillation.

    The student's network, of its width, and the teacher's unless it is a pretrained one.
    """
    settings = run.settings
    if student.summary["model"] == LITE0:
        rows = material_of_body(everything)
        return {"plain student": train_plain_on_body(run, rows, name="plain student")}
    policy = choose_augmentation(run, everything, name="plain augment")
    shared = settings.student.model_dump(include=set(ModelSettings.model_fields))
    same = ModelSettings(**{**shared, "width": student.summary["width"]})
    plain: list[tuple[str, str, ModelSettings]] = [("plain student", "student", same)]
    if not is_pretrained(settings.teacher.model):
        plain.append(("plain teacher", "teacher", settings.teacher))
    return {
        name: train_plain(run, everything, policy, name=name, role=role, settings=chosen)
        for name, role, chosen in plain
    }
