"""Read the rows, search, decide, and write what was asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import InputError
from ...core.loaded import LoadedDataset
from ...core.options import filled, picked
from ..read_options import ColumnOptions
from ..sources import clean_format, path_of, read_rows
from .options import FindingOptions
from .search import Search, search_rows

if TYPE_CHECKING:
    from .outcome import Outcome

# What is said of the data beside the columns' roles.
SAID = ("row_id", "task", "where", "delimiter", "header", "encoding", "max_unpacked", "na")


# From the rows that were read, the seed and what was said of the data, to what was found in them.
Find = Callable[[LoadedDataset, int, Mapping[str, Any]], "Outcome"]


def look(search: Search, data: Any, *, command: str, options: Mapping[str, Any]) -> Outcome:
    """Read the rows, search, and write what was asked for."""
    if search.page and options.get("out") is None:
        raise InputError("Name the page to write: --out report.html.")

    def find(loaded: LoadedDataset, seed: int, said: Mapping[str, Any]) -> Outcome:
        return search_rows(search, loaded, command=command, random_state=seed, said=said)

    return look_by(find, read_rows, data, options=options)


def look_by(
    find: Find,
    read: Callable[..., LoadedDataset],
    data: Any,
    *,
    options: Mapping[str, Any],
    change: Callable[[LoadedDataset], LoadedDataset] | None = None,
) -> Outcome:
    """Read the rows by `read`, find, and write what was asked for.

    `change` gives the rows that clean data are made of where cells are to change.
    """
    # Pages and clean data need libraries that the help of a command does not.
    from ..clean_run import save_decisions
    from ..cleaning import apply_manifest
    from ..targets import check_target
    from .outcome import check_clean_format, check_findings_file, write_findings

    asked = filled(FindingOptions, options)
    paths = {name: _as_path(options.get(name)) for name in ("out", "manifest", "clean")}
    check_findings_file(paths["out"])
    check_clean_format(paths["clean"], asked["format"])
    for name, path in paths.items():
        check_target(path, option=f"--{name}", data=path_of(data))
    columns = filled(ColumnOptions, picked(ColumnOptions, options))
    loaded = read(data, **columns)
    said = {name: columns[name] for name in SAID}  # type: ignore[literal-required]
    outcome = find(loaded, asked["random_state"], said)
    written = dict(outcome.written)
    if (out := paths["out"]) is not None:
        write_findings(outcome, out)
        written["findings"] = out
    if (folder := paths["manifest"]) is not None:
        save_decisions(outcome.manifest, outcome.issues, outcome.places, folder)
        written["manifest"] = folder
    cleaned = None
    if (clean := paths["clean"]) is not None:
        chosen = clean_format(data, loaded, asked["format"], clean)
        source = loaded if change is None else change(loaded)
        cleaned = apply_manifest(outcome.manifest, source, clean, format=chosen)
    return replace(outcome, clean=cleaned, written=written, for_good=change is not None)


def _as_path(given: str | os.PathLike[str] | None) -> Path | None:
    return None if given is None else Path(given)
