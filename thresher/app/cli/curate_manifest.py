"""``thresher curate apply``, ``undo`` and ``diff``: what is done with decisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

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
    as_json: Json = False,
) -> None:
    """Write the data as a manifest decided.

    Rows to drop are left out, rows to relabel get their new label. Columns, cells and order stay
    as they are. Beside it, OUT.undo keeps what was dropped.

    Example: thresher curate apply decisions/ reviews.csv --out clean.csv
    """
    from ..cleaning import apply_manifest
    from ..console import shown_progress
    from ..targets import check_target
    from .clean_run import manifest_in
    from .finding_output import describe_clean
    from .finding_source import clean_format, read_rows

    decided = manifest_in(manifest)
    check_target(out, option="--out", data=data)
    with shown_progress():
        loaded = read_rows(data, **decided.header.get("columns", {}))
        chosen = clean_format(data, loaded, format, out)
        cleaned = apply_manifest(decided, loaded, out, format=chosen)
    write_line(
        json.dumps(cleaned.to_json(), sort_keys=True) if as_json else describe_clean(cleaned)
    )


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
    from ..targets import check_target
    from ..undoing import undo_manifest
    from .clean_run import manifest_in

    check_target(out, option="--out", data=str(clean))
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
    from .clean_run import manifest_in

    table = manifest_in(first).diff(manifest_in(second))
    if out is not None:
        write_dataset(as_dataset(table), out)
    rows = table.slice(0, show).to_pylist()
    if as_json:
        write_line(json.dumps({"differences": len(table), "rows": rows}, sort_keys=True))
        return
    write_line(f"{len(table):,} rows differ")
    if rows:
        result_console().print(_differences(rows))


def _differences(rows: list[dict[str, Any]]) -> Table:
    table = Table()
    for name in ("row", "first", "second"):
        table.add_column(name, overflow="fold")
    for row in rows:
        sides = (
            " ".join(str(row[f"{side}_{name}"] or "") for name in ("action", "reason", "new_label"))
            for side in ("old", "new")
        )
        table.add_row(row["row_id"], *(side.strip() for side in sides))
    return table
