"""Options of commands that stream files of texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

SHOWN = 10  # files and rows that could not be read, by name

Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILES...",
        help="Parquet, JSON Lines, CSV, TSV or plain text (a text a line), packed or not; folders "
        "and patterns of them.",
    ),
]
OutFolder = Annotated[
    Path, typer.Option(help="Folder of the findings; the same one goes on where it was stopped.")
]
Text = Annotated[
    str | None,
    typer.Option(help="Columns of the texts, separated by commas; else the usual one."),
]
Executor = Annotated[str, typer.Option(help="serial, processes or ray.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Default: one a processor.")]


def closing_lines(folder: Path, found: Mapping[str, Any]) -> list[str]:
    """Return lines that name what was set aside and what was written.

    Parameters
    ----------
    folder : Path
        As in `set_aside_lines`.
    found : mapping
        A result as JSON types, with ``failed``, ``folder`` and ``clean``.
    """
    return [
        *set_aside_lines(folder, found["failed"]),
        f"findings: {found['folder']}",
        *(f"clean: {path}" for path in found["clean"]),
    ]


def set_aside_lines(folder: Path, failed: Mapping[str, str]) -> list[str]:
    """Return lines that name the first files and rows that could not be read, and all others' file.

    Parameters
    ----------
    folder : Path
        Of the findings, with ``set_aside.parquet``.
    failed : mapping of str to str
        Why files could not be read at all.
    """
    import pyarrow.parquet as pq

    path = folder / "set_aside.parquet"
    named = list(failed.values())[:SHOWN]
    with pq.ParquetFile(path) as file:
        count = file.metadata.num_rows
        for batch in file.iter_batches(batch_size=1000):
            if len(named) >= SHOWN:
                break
            named += [
                f"{row['file']}:{row['number']}: {row['reason']}"
                for row in batch.to_pylist()
                if row["number"] is not None
            ][: SHOWN - len(named)]
    lines = [f"set aside: {one}" for one in named]
    if count > len(named):
        lines.append(f"set aside: {count - len(named):,} more, all in {path}")
    return lines
