"""What the finding commands share: their options, and what they print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import COLUMN_OPTIONS, Data, Json, command_of, help_of, read_as, with_options

if TYPE_CHECKING:
    from ..findings.outcome import Outcome

Findings = Annotated[
    Path | None,
    typer.Option("--out", help="Write the findings to this .html, .parquet, .csv or .jsonl file."),
]
ManifestFolder = Annotated[
    Path | None, typer.Option("--manifest", help="Write the decisions to this folder.")
]
Clean = Annotated[
    Path | None, typer.Option(help="Write the data without the rows to drop, at once.")
]
Format = Annotated[
    str | None,
    typer.Option(
        help="Of clean data, where no suffix says it: directory, imagefolder or webdataset."
    ),
]
Show = Annotated[int, typer.Option(min=0, help="Print this many of the worst rows of each check.")]
Seed = Annotated[int, typer.Option(help=help_of("seed"))]
# A function of `thresher.app` with the options of its own, which waits for the shared ones.
Asked = Callable[..., "Outcome"]


@with_options(COLUMN_OPTIONS, ahead=True)
def shared_options(
    data: Data,
    *,
    out: Findings = None,
    manifest: ManifestFolder = None,
    clean: Clean = None,
    format: Format = None,  # noqa: A002 — as in write_dataset
    show: Show = 5,
    seed: Seed = 0,
    as_json: Json = False,
    **columns: Any,
) -> None:
    """Declare what every finding command takes; only its signature is used."""


def finding_command(own: Callable[..., Asked]) -> Callable[..., None]:
    """Make a command of a function from a command's own options to what is called."""
    return command_of(own, shared=shared_options, call=_show)


def _show(
    asked: Asked,
    *,
    data: str,
    out: Path | None,
    manifest: Path | None,
    clean: Path | None,
    format: str | None,  # noqa: A002
    show: int,
    seed: int,
    as_json: bool,
    **columns: Any,
) -> None:
    from ..console import shown_progress
    from .finding_output import print_outcome

    written = {"out": out, "manifest": manifest, "clean": clean, "format": format}
    with shown_progress():
        outcome = asked(data, **written, random_state=seed, **read_as(**columns))
    print_outcome(outcome, show=show, as_json=as_json)
