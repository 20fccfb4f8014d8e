"""What a run of ``thresher curate`` hands to the user: clean data as they came, and the findings.

A run works on cleaned rows of its own. Here its decisions are applied to the source, so that clean
data have the user's columns, files and splits.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.decisions.decide import with_final_twins

from ..core.errors import InputError
from ..core.issues import Issues
from ..core.loaded import LoadedDataset
from ..core.manifest import Manifest
from ..core.packing import name_parts
from ..core.writing import SUFFIXES, write_dataset
from .cleaning import Cleaned, apply_manifest, cover_all_rows
from .given import as_dataset, given_rows
from .places import Places, places_of, with_places
from .settings import Settings
from .sources import clean_format, columns_of
from .steps.load import PLACES, load_by_columns

# In the folder of a run: decisions about every row of the source, and what was found.
DECISIONS, FINDINGS, CLEAN = "decisions", "findings.csv", "clean"
ISSUES = "issues.parquet"
# What the stage of a run has decided, about the rows that it used.
STAGE_DECISIONS = Path("manifest", "decisions")


def write_clean_data(
    data: Any, run: Path, settings: Settings, *, out: Path | None = None
) -> Cleaned:
    """Apply the decisions of a finished run to its source.

    Parameters
    ----------
    data
        The source of the run.
    run : Path
        Gets ``decisions/`` and ``findings.csv``.
    settings : Settings
        Those of the run.
    out : Path, optional
        Default ``clean`` in the run's folder, in the form of the source.
    """
    loaded, manifest, findings = decide_about_source(data, run, settings)
    write_dataset(as_dataset(findings), run / FINDINGS)
    target, kind = (out, None) if out is not None else _as_came(data, loaded, run / CLEAN)
    return apply_manifest(manifest, loaded, target, format=kind)


def decide_about_source(
    data: Any, run: Path, settings: Settings
) -> tuple[LoadedDataset, Manifest, pa.Table]:
    """Write ``decisions/``: those of a finished run about every row of its source.

    Returns
    -------
    loaded : LoadedDataset
        The rows as they came.
    manifest : Manifest
    findings : pyarrow.Table
        With the places of their rows.
    """
    loaded = load_by_columns(data, settings.data, seed=settings.seed)
    decided = Manifest.load(run / STAGE_DECISIONS)
    columns = columns_of(loaded, _said(settings))
    decided = replace(decided, header={**decided.header, "columns": columns})
    manifest = cover_all_rows(decided, loaded, action="drop")
    found = with_final_twins(Issues.load(run / "issues" / "issues.parquet"), decided)
    issues = Issues.concat([found, loaded.set_aside])
    places = places_of(loaded)
    save_decisions(manifest, issues, places, run / DECISIONS)
    return loaded, manifest, with_places(issues.table, places, manifest)


def run_folder(out: Path) -> Path:
    """Return the folder of the run that makes a file of clean data."""
    return out.with_name(out.name + ".run")


def is_whole(settings: Settings) -> bool:
    """Tell whether the rows of a run are those of its source."""
    return settings.data.limit is None and not any(settings.plant.model_dump().values())


def check_whole(settings: Settings) -> None:
    """Raise where the rows of a run are not those of its source."""
    if not is_whole(settings):
        raise InputError(
            "With `data.limit` or planted faults a run has other rows than its source, so that "
            "there is no clean file to write: give --out a folder."
        )


def save_decisions(manifest: Manifest, issues: Issues, places: Places, folder: Path) -> None:
    """Write decisions with the findings that they rest on, and where the rows stand."""
    manifest.save(folder)
    issues.save(folder / ISSUES)
    places.save(folder / PLACES)


def places_in(folder: Path) -> Places:
    """Return where the rows of a manifest stand, as `save_decisions` wrote it, else no places."""
    inside = folder / DECISIONS / PLACES
    return Places.load(inside if inside.is_file() else folder / PLACES)


def issues_in(folder: Path) -> Issues:
    """Return the findings beside a manifest, or those of a run.

    Raises
    ------
    InputError
        When there are none.
    """
    for path in (folder / ISSUES, folder / DECISIONS / ISSUES, folder / "issues" / ISSUES):
        if path.is_file():
            return Issues.load(path)
    raise InputError(
        f"{folder} holds no findings ({ISSUES}), so that nobody knows what its decisions rest on. "
        "Decide again with --manifest."
    )


def manifest_in(folder: Path) -> Manifest:
    """Load the manifest of a folder, or that of the run that the folder holds."""
    if not (folder / "manifest.json").is_file():
        for inside in (folder / DECISIONS, folder / STAGE_DECISIONS):
            if inside.is_dir():
                return Manifest.load(inside)
        raise InputError(
            f"{folder} holds no decisions. Name the folder of a run that came as far as deciding, "
            "or one that --manifest has written."
        )
    return Manifest.load(folder)


def _said(settings: Settings) -> dict[str, Any]:
    """Return what settings say of the data beside the columns' roles, as `read_rows` takes it."""
    said = settings.data
    return {
        "where": said.where,
        "delimiter": said.delimiter,
        "header": said.header,
        "encoding": said.encoding,
        "max_unpacked": said.max_unpacked,
        "na": said.na,
        "split": said.split,
    }


def _as_came(data: Any, loaded: LoadedDataset, target: Path) -> tuple[Path, str | None]:
    """Return where clean data go and their format: that of the source."""
    names = {name_parts(part.name)[1:] for part in given_rows(loaded).parts}
    suffix, packing = names.pop() if len(names) == 1 else ("", "")
    if suffix and suffix in SUFFIXES:
        return target.with_name(target.name + suffix + packing), None
    return target, clean_format(data, loaded, None, target)
