"""``thresher curate DATA``: all checks together, as a run that goes on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ..console import shown_progress
from ..findings.copies import compare_by
from ..terminal import write_line
from .curate_find import KEEP, Crops, Turns
from .options import settings_from

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
    from ..curating import DEFAULTS, curate
    from ..tables import print_result
    from .finding_output import describe_clean
    from .whole_run import show_plan

    out, find = asked
    settings = settings_from(overrides=set_, more={"find": find}, defaults=DEFAULTS, **columns)
    if dry_run:
        show_plan(data, settings, until="curate", as_json=as_json)
        return
    with shown_progress():
        done = curate(data, out=out, settings=settings)
    if as_json:
        write_line(json.dumps(done.to_json(), sort_keys=True))
        return
    print_result(done.result)
    rows = f"clean data: {done.result.folder / 'dataset' / 'rows'}"
    write_line(rows if done.clean is None else describe_clean(done.clean, done.result.folder))
