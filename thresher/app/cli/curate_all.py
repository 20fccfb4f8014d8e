"""``thresher curate DATA``: all checks together, as a run that goes on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.errors import InputError
from ...core.packing import data_suffix
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
        "the run is made; or that folder itself, which then holds them in the form they came in. "
        "Of several splits each gets a file, clean-train.csv. The same folder goes on or is reused."
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
    from .whole_run import show_plan

    out, find = asked
    settings = settings_from(overrides=set_, more={"find": find}, defaults=DEFAULTS, **columns)
    if dry_run:
        show_plan(settings, until="curate", as_json=as_json)
    else:
        clean(data, out, settings, as_json=as_json)


def clean(data: str, out: Path, settings: Settings, *, as_json: bool) -> None:
    """Run in a folder, or beside a file, and write the clean rows as the source holds them."""
    from ..console import shown_progress
    from ..tables import print_result
    from .clean_run import check_whole, is_whole, write_clean_data
    from .finding_output import describe_clean
    from .whole_run import do

    run, file = out, None
    if out.suffix:
        _check_file(out, data)
        check_whole(settings)
        run, file = run_folder(out), out
    result = do(data, run, settings, until="curate")
    cleaned = None
    if is_whole(settings):
        with shown_progress():
            cleaned = write_clean_data(data, result.folder, settings, out=file)
    if as_json:
        found = {} if cleaned is None else {"clean": cleaned.to_json()}
        write_line(json.dumps({**result.to_json(), **found}, sort_keys=True))
        return
    print_result(result)
    own = f"clean data: {run / 'dataset' / 'rows'}"
    write_line(own if cleaned is None else describe_clean(cleaned))


def _check_file(out: Path, data: str) -> None:
    from ..targets import check_target

    if data_suffix(out) not in SUFFIXES:
        raise InputError(
            f"`--out` ends in {out.suffix!r}. A file of clean data ends in .csv, .jsonl, .json, "
            ".parquet or .tar; a folder has no suffix."
        )
    check_target(out, option="--out", data=data)


def run_folder(out: Path) -> Path:
    """Return the folder of the run that makes a file of clean data."""
    return out.with_name(out.name + ".run")
