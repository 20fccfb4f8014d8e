"""Decide what happens to each row, and apply it: the only stage that removes or changes rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

import thresher
from curation import decide
from curation.curator.target_checks import WITHOUT_CLASSES, check_relabel

from ...core.choice import Choice
from ...core.columns import class_names, read_row_ids, read_splits
from ...core.files import read_json, write_json
from ...core.fingerprint import fingerprint
from ...core.issues import Issues
from ...core.loaded import LoadedDataset
from ...core.manifest import Manifest
from ...core.schema import TASKS, Schema
from ...core.writing import write_dataset
from ..class_changes import class_changes
from ..settings import DecideSettings
from ..stages import Done, Notes, RunFolder

LABEL_DECISION = "label decision"
UNBOUGHT = "labels that `label.budget` has yet to buy drop no rows; it judges those that it buys"


def decide_rows(
    run: RunFolder,
    loaded: Done[LoadedDataset],
    issues: Done[Issues],
    trial: Done[Choice] | None = None,
) -> Done[Manifest]:
    """Write one decision for each row into ``manifest/``; a trial of labels wins over the check.

    Where ``label.budget`` says that labels are still to be bought, none of them decides anything,
    also not which copies are kept; the manifest names them all the same.
    """
    settings = run.settings.decide
    unbought = run.settings.label.budget is not None
    later = unbought and settings.labels in ("auto", "drop", "relabel")
    policy = settings.model_copy(update={"labels": "review"}) if later else settings

    def work(folder: Path, notes: Notes) -> None:
        rows, schema = loaded.value.dataset, loaded.value.schema
        labels = class_names(rows, schema.label).to_pylist() if schema.label else None
        manifest = decide(
            issues.value,
            row_ids=read_row_ids(rows),
            splits=read_splits(rows),
            labels=None if unbought else labels,
            policy=_policy(policy, trial or issues, schema),
            header={
                "roles": _roles(loaded),
                "thresher": thresher.__version__,
                "dataset": loaded.value.fingerprint,
                "seed": run.settings.seed,
            },
        )
        if unbought and labels is not None:
            manifest = _naming(manifest, labels)
        manifest.save(folder / "decisions")
        notes.summary = {
            "counts": [
                {"action": action, "reason": reason, "rows": count}
                for action, reasons in manifest.reasons().items()
                for reason, count in reasons.items()
            ],
            "per_class": [vars(change) for change in class_changes(loaded.value, manifest)],
        }
        notes.cost.rows_out = len(manifest) - manifest.counts()["drop"]
        if later:
            notes.choices[LABEL_DECISION] = Choice("review", UNBOUGHT)

    return run.stage(
        "decide",
        work,
        load=lambda folder: Manifest.load(folder / "decisions"),
        needs=[loaded, issues, *([] if trial is None else [trial])],
        settings=[settings.model_dump(), unbought],
        code=("thresher/core", "curation"),
        where="manifest",
        rows=len(loaded.value.dataset),
    )


def apply_manifest(
    run: RunFolder, loaded: Done[LoadedDataset], manifest: Done[Manifest]
) -> Done[LoadedDataset]:
    """Write the clean rows into ``dataset/`` and the dropped ones into ``dataset/removed``."""

    def work(folder: Path, notes: Notes) -> None:
        schema = loaded.value.schema
        applied = manifest.value.apply(loaded.value.dataset, label=schema.label)
        write_dataset(applied.dataset, folder / "rows", format="directory")
        if len(applied.removed):
            write_dataset(applied.removed, folder / "removed", format="directory")
        write_json(folder / "schema.json", schema.to_json())
        notes.cost.rows_out = len(applied.dataset)
        notes.summary = {"kept": len(applied.dataset), "removed": len(applied.removed)}

    def load(folder: Path) -> LoadedDataset:
        import datasets

        return replace(
            loaded.value,
            dataset=datasets.load_from_disk(str(folder / "rows")),
            schema=Schema.from_json(read_json(folder / "schema.json")),
            fingerprint=fingerprint(loaded.value.fingerprint, manifest.value.fingerprint),
        )

    return run.stage(
        "apply",
        work,
        load=load,
        needs=[loaded, manifest],
        where="dataset",
        rows=len(loaded.value.dataset),
    )


def _naming(manifest: Manifest, labels: list[str | None]) -> Manifest:
    """Write beside decisions that were made without labels what these are."""
    table = manifest.table
    column = pa.array([name or None for name in labels], pa.string())
    at = table.column_names.index("old_label")
    return replace(manifest, table=table.set_column(at, "old_label", column))


def _roles(loaded: Done[LoadedDataset]) -> dict[str, str]:
    roles: dict[str, str] = loaded.summary["roles"]
    return roles


def _policy(settings: DecideSettings, decided: Done[Any], schema: Schema) -> dict[str, Any]:
    labels = settings.labels
    if labels == "auto":
        choice = decided.choices.get(LABEL_DECISION)
        labels = "review" if choice is None or choice.value != "drop" else "drop"
    if labels == "relabel":
        check_relabel(schema.task, schema.label)
    return {
        **({} if schema.task == TASKS[0] else WITHOUT_CLASSES),
        "near_duplicate": settings.near_duplicates,
        "label": labels,
        "outlier": settings.outliers,
    }
