"""``thresher curate apply``, ``undo`` and ``diff``: what is done with decisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ...core.counted import counted
from ..places import Places
from ..terminal import result_console, write_line
from .finding import Format
from .options import Data, Json

Decisions = Annotated[
    Path, typer.Argument(metavar="MANIFEST", help="Folder of a manifest, or of a run.")
]


def apply(
    manifest: Decisions,
    data: Data,
    *,
    out: Annotated[Path, typer.Option(help="Where the clean data go; the suffix is the format.")],
    format: Format = None,  # noqa: A002 — as in write_dataset
    verdicts: Annotated[
        Path | None,
        typer.Option(help="A review that was filled in: .csv or .jsonl, see `review`."),
    ] = None,
    decided: Annotated[
        Path | None,
        typer.Option(
            "--manifest", help="Folder for the decisions after the verdicts; else OUT.manifest."
        ),
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Who gave the verdicts; else the name of the user.")
    ] = None,
    new_labels: Annotated[
        bool, typer.Option("--new-labels", help="Take labels in verdicts that no row has.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the data as a manifest decided, after the verdicts of people where there are some.

    Rows to drop are left out, rows to relabel get their new label. Columns, cells and order stay
    as they are. Beside it, OUT.undo keeps what was dropped. With --verdicts, decisions change as
    people said, or not at all where a line is wrong; OUT.manifest holds them, and `undo` takes it.

    Example: thresher curate apply decisions/ reviews.csv --out clean.csv

    Example: thresher curate apply clean.csv.run reviews.csv --verdicts review.csv --out clean.csv
    """
    from .. import curate_apply
    from ..console import shown_progress
    from .finding_output import describe_clean

    with shown_progress():
        done = curate_apply(
            manifest,
            data,
            out=out,
            format=format,
            verdicts=verdicts,
            decided=decided,
            by=by,
            new_labels=new_labels,
        )
    if as_json:
        write_line(json.dumps(done.to_json(), sort_keys=True))
        return
    write_line(describe_clean(done.clean, done.folder))
    if done.verdicts is not None:
        write_line(f"verdicts: {done.verdicts:,}; the decisions with them: {done.folder}")


def undo(
    manifest: Decisions,
    clean: Annotated[Path, typer.Argument(help="What `apply` or `--clean` wrote.")],
    *,
    out: Annotated[Path, typer.Option(help="Where the data as they were go.")],
    format: Format = None,  # noqa: A002 — as in write_dataset
    as_json: Json = False,
) -> None:
    """Put dropped rows and old labels back.

    All rows come back in their old order.

    Example: thresher curate undo decisions/ clean.csv --out reviews-again.csv
    """
    from .. import curate_undo

    rows = curate_undo(manifest, clean, out=out, format=format)
    write_line(
        json.dumps({"path": str(out), "rows": rows})
        if as_json
        else f"{out}: {counted(rows, 'row')}"
    )


def diff(
    first: Annotated[Path, typer.Argument(help="Folder of a manifest.")],
    second: Annotated[Path, typer.Argument(help="Folder of another one.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Write the differences to a .parquet, .csv or .jsonl file.")
    ] = None,
    show: Annotated[int, typer.Option(min=0, help="Print this many rows.")] = 20,
    as_json: Json = False,
) -> None:
    """Show rows that two manifests decide differently.

    Example: thresher curate diff decisions-0.9/ decisions-0.95/
    """
    from .. import curate_diff

    found = curate_diff(first, second, out=out)
    table = found.table
    rows = table.slice(0, show).to_pylist()
    if as_json:
        write_line(json.dumps({"differences": len(table), "rows": rows}, sort_keys=True))
        return
    write_line(counted(len(table), "row differs", "rows differ"))
    if rows:
        result_console().print(_differences(rows, found.places))


def _differences(rows: list[dict[str, Any]], places: Places) -> Table:
    table = Table()
    for name in ("row", "first", "second"):
        table.add_column(name, overflow="fold")
    for row in rows:
        sides = (
            " ".join(str(row[f"{side}_{name}"] or "") for name in ("action", "reason", "new_label"))
            for side in ("old", "new")
        )
        name = places.called(row["row_id"]) or row["row_id"]
        table.add_row(Text(name), *(Text(side.strip()) for side in sides))
    return table
