"""Load the rows, give them ids, set aside what cannot be used, and plant faults when asked to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from ...core.choice import Choice
from ...core.columns import class_names, read_row_ids, read_splits, take_rows
from ...core.errors import InputError
from ...core.faults import PlantedFaults, plant_faults
from ...core.files import read_json, walk_files, write_json
from ...core.fingerprint import fingerprint, row_keys
from ...core.issues import Issues
from ...core.loaded import LoadedDataset
from ...core.loading import load_dataset
from ...core.progress import messages
from ...core.schema import Schema
from ...core.writing import write_dataset
from ..places import Places, places_of
from ..settings import DataSettings
from ..stages import Done, Notes, RunFolder

PLACES = "places.parquet"
Source = str | os.PathLike[str] | Mapping[str, Any] | Any


def load_rows(run: RunFolder, source: Source) -> Done[LoadedDataset]:
    """Read the source into ``loaded/``."""
    settings = run.settings.data

    def work(folder: Path, notes: Notes) -> None:
        loaded = load_by_columns(source, settings, seed=run.settings.seed)
        notes.choices.update(loaded.choices)
        places_of(loaded).save(folder / PLACES)
        _save(_limited(loaded, settings.limit), folder, notes)

    done = run.stage(
        "load",
        work,
        load=read_loaded,
        settings=[source_version(source), _plain(settings)],
        where="loaded",
    )
    messages(done.summary["role_lines"])
    return done


def load_by_columns(source: Source, columns: DataSettings, *, seed: int) -> LoadedDataset:
    """Load the source as the settings of its columns say."""
    return load_dataset(
        source,
        label=columns.label,
        task=columns.task,
        image=columns.image,
        text=columns.text,
        features=columns.features,
        split=columns.split,
        row_id=columns.row_id,
        where=columns.where,
        delimiter=columns.delimiter,
        header=columns.header,
        encoding=columns.encoding,
        max_unpacked=columns.max_unpacked,
        na=columns.na,
        keep_unlabeled=columns.keep_unlabeled,
        random_state=seed,
        test_fraction=columns.test_fraction,
    )


def plant(run: RunFolder, loaded: Done[LoadedDataset]) -> Done[LoadedDataset]:
    """Plant faults of known place into ``planted/``."""

    def work(folder: Path, notes: Notes) -> None:
        planted, faults = plant_faults(
            loaded.value, **run.settings.plant.model_dump(), random_state=run.settings.seed
        )
        _save(planted, folder, notes)
        faults.save(folder / "faults.parquet")

    return run.stage(
        "plant",
        work,
        load=read_loaded,
        needs=[loaded],
        settings=run.settings.plant,
        where="planted",
    )


def read_faults(planted: Done[LoadedDataset]) -> PlantedFaults:
    """Read where the faults were planted."""
    return PlantedFaults.load(planted.folder / "faults.parquet")


def read_loaded(folder: Path) -> LoadedDataset:
    """Read what `load_rows` or `plant` left in a stage's folder; the rows stay on disk."""
    head = read_json(folder / "schema.json")
    return LoadedDataset(
        dataset=datasets.load_from_disk(str(folder / "rows")),
        schema=Schema.from_json(head["schema"]),
        set_aside=Issues.load(folder / "set_aside.parquet"),
        origin=head["origin"],
        fingerprint=head["fingerprint"],
        choices={name: Choice(*said) for name, said in head["choices"].items()},
    )


def read_places(run: Path) -> Places:
    """Read where the rows of a run stand in the user's data."""
    return Places.load(run / "loaded" / PLACES)


def source_version(source: Source) -> str:
    """Identify the source's present state without reading it: names, sizes and times of files."""
    if isinstance(source, datasets.Dataset):
        return str(source._fingerprint)
    if isinstance(source, Mapping):
        return fingerprint({str(name): source_version(part) for name, part in source.items()})
    if not isinstance(source, (str, os.PathLike)):
        raise InputError(
            f"A run reads a path, a name, a datasets.Dataset or a mapping of splits; got "
            f"{type(source).__name__}. Turn it into a datasets.Dataset first."
        )
    parts = [part.partition("=")[2] or part for part in str(source).split(",")]
    return fingerprint(str(source), [_files(part) for part in parts])


def _files(name: str) -> list[tuple[str, int, int]]:
    path = Path(name)
    found = [path] if path.is_file() else sorted(walk_files(path)) if path.is_dir() else _glob(name)
    # Of what a link leads to: the link itself stays as it is when the data change.
    states = [(str(item), item.stat()) for item in found if item.is_file()]
    return [(item, state.st_size, state.st_mtime_ns) for item, state in states]


def _glob(name: str) -> list[Path]:
    if "*" not in name:
        return []
    root = Path(Path(name).anchor or ".")
    return sorted(root.glob(str(Path(name).relative_to(Path(name).anchor))))


def _plain(settings: DataSettings) -> dict[str, Any]:
    return settings.model_dump(exclude={"image_size"})


def _limited(loaded: LoadedDataset, limit: int | None) -> LoadedDataset:
    """Keep `limit` training rows: those with the lowest keys, which are the rows' own."""
    splits = read_splits(loaded.dataset)
    train = np.flatnonzero(splits == "train")
    if limit is None or limit >= len(train):
        return loaded
    keys = row_keys(read_row_ids(loaded.dataset)[train])
    chosen = train[np.argsort(keys, kind="stable")[:limit]]
    kept = np.sort(np.concatenate([chosen, np.flatnonzero(splits != "train")]))
    rows = take_rows(loaded.dataset, kept)
    return replace(loaded, dataset=rows, fingerprint=fingerprint(loaded.fingerprint, limit))


def _save(loaded: LoadedDataset, folder: Path, notes: Notes) -> None:
    write_dataset(loaded.dataset, folder / "rows", format="directory")
    loaded.set_aside.save(folder / "set_aside.parquet")
    head = {
        "schema": loaded.schema.to_json(),
        "origin": loaded.origin,
        "fingerprint": loaded.fingerprint,
        "choices": {name: [said.value, said.reason] for name, said in loaded.choices.items()},
    }
    write_json(folder / "schema.json", head)
    splits, counts = np.unique(read_splits(loaded.dataset), return_counts=True)
    notes.cost.rows_out = len(loaded.dataset)
    notes.summary = {
        "rows": len(loaded.dataset),
        "splits": dict(zip(splits.tolist(), counts.tolist(), strict=True)),
        "set_aside": len(loaded.set_aside),
        "modality": loaded.schema.modality,
        "classes": len(loaded.schema.classes),
        "roles": loaded.roles,
        "role_lines": loaded.role_lines,
    }
    if loaded.schema.label is not None:
        names = class_names(loaded.dataset, loaded.schema.label)
        notes.cost.labels = len(names) - names.null_count
