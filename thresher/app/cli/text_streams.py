"""Options of commands that stream files of texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
