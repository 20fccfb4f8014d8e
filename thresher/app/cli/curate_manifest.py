"""``thresher curate apply``, ``undo`` and ``diff``: what is done with decisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ...core.errors import InputError
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
    from ..console import shown_progress
    from ..targets import check_spares, check_target
    from .clean_run import manifest_in
    from .finding_output import describe_clean
    from .judging import apply_decisions, decisions_beside, judged

    if verdicts is None and (decided is not None or by is not None or new_labels):
        raise InputError("--manifest, --by and --new-labels go with --verdicts FILE.")
    check_target(out, option="--out", data=data)
    check_spares(out, option="--out", decisions=manifest)
    issues, folder = None, manifest
    if verdicts is None:
        decisions = manifest_in(manifest)
    else:
        folder = decisions_beside(out) if decided is None else decided
        check_target(folder, option="--manifest", data=data)
        decisions, issues = judged(manifest, verdicts, by=by, new_labels=new_labels)
    with shown_progress():
        cleaned = apply_decisions(decisions, data, out, format=format, issues=issues, keep=folder)
    said = {}
    if verdicts is not None:
        told = len(decisions.header["verdicts"][-1]["rows"])
        said = {"verdicts": told, "manifest": str(folder), "decisions": decisions.counts()}
    if as_json:
        write_line(json.dumps(cleaned.to_json() | said, sort_keys=True))
        return
    write_line(describe_clean(cleaned))
    if said:
        write_line(f"verdicts: {told:,}; the decisions with them: {folder}")


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
    from ..targets import check_spares, check_target
    from ..undoing import undo_manifest
    from .clean_run import manifest_in

    check_target(out, option="--out", data=str(clean))
    check_spares(out, option="--out", decisions=manifest)
    rows = undo_manifest(manifest_in(manifest), clean, out, format=format)
    write_line(json.dumps({"path": str(out), "rows": rows}) if as_json else f"{out}: {rows:,} rows")


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
    from ...core.writing import write_dataset
    from ..given import as_dataset
    from .clean_run import manifest_in, places_in

    table, places = manifest_in(first).diff(manifest_in(second)), places_in(first)
    for name, column in places.columns(table["row_id"].to_pylist()).items():
        table = table.append_column(name, column)
    if out is not None:
        write_dataset(as_dataset(table), out)
    rows = table.slice(0, show).to_pylist()
    if as_json:
        write_line(json.dumps({"differences": len(table), "rows": rows}, sort_keys=True))
        return
    write_line(f"{len(table):,} rows differ")
    if rows:
        result_console().print(_differences(rows, places))


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
