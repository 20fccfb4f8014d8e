"""``thresher curate DATA``: all checks together, as a run that goes on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.errors import InputError
from ...core.writing import SUFFIXES
from ..settings import Settings
from ..terminal import write_line
from .curate_find import KEEP, Crops, Turns, compare_by
from .options import settings_from

# A file is cleaned as it is: no test rows are held out of it, and rows without a label stay.
DEFAULTS = {"data": {"test_fraction": 0.0, "keep_unlabeled": True}}

Out = Annotated[
    Path,
    typer.Option(
        help="A file for the clean data (.csv, .jsonl, .parquet, .tar), beside which the folder of "
        "the run is made; or that folder itself. The same folder goes on or is reused."
    ),
]


def curate_all(
    *,
    out: Out,
    keep: Annotated[str | None, KEEP] = None,
    crops: Crops = False,
    turns: Turns = False,
) -> tuple[Path, dict[str, str]]:
    """Do all checks and write clean data (the default command).

    A run that was stopped goes on with the same command.

    Example: thresher curate reviews.csv --out clean.csv
    """
    find = {} if keep is None else {"keep": keep}
    return out, find | ({"compare": compare_by(crops=crops, turns=turns)} if crops or turns else {})


def curate_whole(
    asked: tuple[Path, dict[str, str]],
    *,
    data: str,
    dry_run: bool,
    as_json: bool,
    set_: list[str] | None,
    **columns: Any,
) -> None:
    """Run the checks into a folder, or into one beside the file of clean data."""
    from .whole_run import go

    out, find = asked
    settings = settings_from(overrides=set_, more={"find": find}, defaults=DEFAULTS, **columns)
    if dry_run or not out.suffix:
        go(data, out, settings, until="curate", dry_run=dry_run, as_json=as_json)
    else:
        clean_file(data, out, settings, as_json=as_json)


def clean_file(data: str, out: Path, settings: Settings, *, as_json: bool) -> None:
    """Run beside a file, and write the clean rows into it as the source holds them."""
    from ..tables import print_result
    from ..targets import check_target
    from .finding_output import describe_clean
    from .whole_run import do

    if out.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"`--out` ends in {out.suffix!r}. A file of clean data ends in .csv, .jsonl, .parquet "
            "or .tar; a folder has no suffix."
        )
    check_target(out, option="--out", data=data)
    result = do(data, run_folder(out), settings, until="curate")
    cleaned = _apply(data, out, result.folder, settings)
    if as_json:
        write_line(json.dumps({**result.to_json(), "clean": cleaned.to_json()}, sort_keys=True))
    else:
        print_result(result)
        write_line(describe_clean(cleaned))


def run_folder(out: Path) -> Path:
    """Return the folder of the run that makes a file of clean data."""
    return out.with_name(out.name + ".run")


def _apply(data: str, out: Path, folder: Path, settings: Settings) -> Any:
    from ...core.manifest import Manifest
    from ..cleaning import apply_manifest, cover_all_rows
    from ..steps.load import load_by_columns

    loaded = load_by_columns(data, settings.data, seed=settings.seed)
    manifest = Manifest.load(folder / "manifest" / "decisions")
    return apply_manifest(cover_all_rows(manifest, loaded, action="drop"), loaded, out)
