"""``thresher curate review`` and what brings its verdicts back."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.errors import InputError
from ...core.issues import Issues
from ...core.manifest import Manifest
from ..terminal import write_line
from .options import Json

Run = Annotated[
    Path, typer.Argument(metavar="RUN", help="Folder of a run, or of decisions (with --data).")
]


def review(
    run: Run,
    *,
    out: Annotated[Path, typer.Option(help="The table to fill: .csv or .jsonl.")],
    data: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="The data, where RUN is a folder of decisions alone."),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Also rows that are to be dropped or relabeled.")
    ] = False,
    formulas: Annotated[
        bool,
        typer.Option(
            "--formulas/--no-formulas",
            help="Leave cells as they are that a spreadsheet would run as formulas.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write what is to be looked at, with an empty column `verdict`.

    Fill it with accept, reject, relabel (and the new label in the column `label`) or keep_other
    (this row stays, its twin goes), then give it to `thresher curate apply --verdicts`.

    Example: thresher curate review clean.csv.run --out review.csv
    """
    from ..review_sheet import write_review
    from ..targets import check_target

    check_target(out, option="--out", data=data or "")
    reviewed = open_review(run, data)
    actions = ("review", "drop", "relabel") if all_ else ("review",)
    rows = write_review(reviewed, out, actions=actions, escape=not formulas)
    if as_json:
        write_line(json.dumps({"path": str(out), "rows": rows}, sort_keys=True))
        return
    write_line(f"{out}: {rows:,} rows to look at")
    if rows:
        back = f"thresher curate apply {run} {data or 'DATA'} --verdicts {out} --out clean.csv"
        write_line(f"Fill the column `verdict`, then: {back}")


def open_review(run: Path, data: str | None) -> Any:
    """Return what a review looks at, from a run's folder, or from decisions and the data."""
    from ..places import places_of
    from ..review_sheet import Reviewed
    from ..steps.load import read_loaded, read_places
    from .clean_run import issues_in, manifest_in
    from .curate_all import run_folder
    from .finding_source import read_rows

    folder = run if run.is_dir() else run_folder(run)
    if not folder.is_dir():
        raise InputError(f"There is no folder {run}. Name that of a run, or of decisions.")
    manifest, issues = manifest_in(folder), issues_in(folder)
    if (folder / "loaded").is_dir() and data is None:
        return Reviewed(manifest, issues, read_loaded(folder / "loaded"), read_places(folder))
    if data is None:
        raise InputError(f"{folder} holds decisions without the rows: name the data with --data.")
    loaded = read_rows(data, **manifest.header.get("columns", {}))
    return Reviewed(manifest, issues, loaded, places_of(loaded))


def judged(
    run: Path, verdicts: Path, *, by: str | None, new_labels: bool
) -> tuple[Manifest, Issues]:
    """Return the decisions of a folder after the verdicts of a file, and their findings."""
    from ..verdicts import read_verdicts, record_of, with_verdicts
    from .clean_run import issues_in, manifest_in

    manifest, issues = manifest_in(run), issues_in(run)
    said = read_verdicts(verdicts, manifest)
    if not said:
        raise InputError(f"{verdicts} holds no verdict: fill its column `verdict`.")
    record = record_of(verdicts, by=by or _user())
    return with_verdicts(
        manifest, said, issues=issues, new_labels=new_labels, record=record
    ), issues


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name and no entry in the table of users
        return "unknown"
