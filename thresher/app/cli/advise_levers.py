"""``thresher advise``: which lever pays first on a user's data."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ...core.errors import InputError
from ..terminal import result_console, write_line
from .options import (
    COLUMN_OPTIONS,
    Config,
    Data,
    Device,
    Json,
    Seed,
    Set,
    settings_from,
    with_options,
)

if TYPE_CHECKING:
    from ..advising.advice import Advice


@with_options(COLUMN_OPTIONS)
def advise(
    data: Data,
    *,
    out: Annotated[
        Path, typer.Option(help="Folder of the probes; `thresher run` goes on in it.")
    ] = Path("advice"),
    bottleneck: Annotated[
        str,
        typer.Option(
            "--for", help="What is to become less: size, latency, cost or labels; else found out."
        ),
    ] = "auto",
    share: Annotated[
        float, typer.Option(help="Of the CPU time of a full run: what the advice may take.")
    ] = 0.05,
    config: Config = None,
    set_: Set = None,
    seed: Seed = None,
    device: Device = None,
    as_json: Json = False,
    **columns: Any,
) -> None:
    """Say which lever to pull first, by short probes of the rows, before a run.

    Example: thresher advise reviews.csv --for labels
    """
    from .. import advise as ask
    from ..advising.levers import BOTTLENECKS
    from ..console import shown_progress

    allowed = (*BOTTLENECKS, "auto")
    if bottleneck not in allowed:
        raise InputError(f"`--for` takes {', '.join(allowed)}; got {bottleneck!r}.")
    settings = settings_from(config=config, overrides=set_, seed=seed, device=device, **columns)
    with shown_progress():
        found = ask(data, out=out, bottleneck=bottleneck, share=share, settings=settings)
    if as_json:
        write_line(json.dumps(found.to_json(), sort_keys=True))
    else:
        _show(found)


def _show(found: Advice) -> None:
    header, rows = found.table()
    table = Table(*header)
    for row in rows:
        table.add_row(*row)
    result_console().print(table)
    write_line(f"Ranked for {found.bottleneck.name}: {found.bottleneck.reason}.")
    write_line(found.text)
    write_line(
        f"The probes took {found.spent_cpu_s:.1f} CPU-seconds, and this command "
        f"{time.process_time():.1f} with the start of Python and Thresher; a full run takes about "
        f"{found.run_cpu_s:,.0f}."
    )
