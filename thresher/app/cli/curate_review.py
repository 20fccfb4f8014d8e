"""``thresher curate review``: what people look at, as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ...core.counted import counted
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
    """Write what is to be looked at, with a column `verdict` to fill.

    Fill it with accept, reject, relabel (and the new label in the column `label`), keep_other
    (this row stays, its twin goes) or drop, then give it to `thresher curate apply --verdicts`.
    What was said in the page of `thresher serve-labels RUN` stands there already.

    Example: thresher curate review clean.csv.run --out review.csv
    """
    from .. import curate_review

    actions = ("review", "drop", "relabel") if all_ else ("review",)
    found = curate_review(run, out=out, data=data, actions=actions, formulas=formulas)
    if as_json:
        write_line(json.dumps({"path": str(out), "rows": found.rows}, sort_keys=True))
        return
    write_line(f"{out}: {counted(found.rows, 'row')} to look at")
    if found.rows:
        back = f"thresher curate apply {run} {data or 'DATA'} --verdicts {out} --out clean.csv"
        write_line(f"Fill the column `verdict`, then: {back}")
