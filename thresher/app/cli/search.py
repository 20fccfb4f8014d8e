"""``thresher search``: the network that meets limits on time, size and accuracy here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ...core.errors import GateError
from ..terminal import result_console, write_line
from .options import INPUT_OPTIONS, Data, Device, Json, Label, Seed, read_as, with_options

if TYPE_CHECKING:
    from ..searching import SearchOutcome

Family = Annotated[list[str] | None, typer.Option("--family", help="Only these; repeatable.")]
Width = Annotated[list[int] | None, typer.Option("--width", help="Only these; repeatable.")]
Bits = Annotated[
    list[int] | None, typer.Option("--bits", help="32 is float; repeatable. Default 32, 8 and 4.")
]


@with_options(INPUT_OPTIONS)
def search(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of the search. The same folder goes on.")],
    *,
    max_ms: Annotated[float | None, typer.Option(help="Median milliseconds of a batch.")] = None,
    max_bytes: Annotated[int | None, typer.Option(help="Bytes of the file.")] = None,
    min_accuracy: Annotated[float | None, typer.Option(help="Share of validation rows.")] = None,
    batch: Annotated[int, typer.Option(help="Rows of a batch, for the timing.")] = 1,
    threads: Annotated[int, typer.Option(help="Threads of the runtime, for the timing.")] = 1,
    family: Family = None,
    width: Width = None,
    bits: Bits = None,
    prune: Annotated[
        list[float] | None,
        typer.Option(help="Share of the FLOPs to prune; repeatable. Default 0.5; 0: none."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Of the finalists.")] = None,
    budget: Annotated[float | None, typer.Option(help="Seconds to aim at.")] = None,
    label: Label = None,
    seed: Seed = None,
    device: Device = None,
    as_json: Json = False,
    **columns: Any,
) -> None:
    """Try networks, pruning and bits against this machine; keep what meets the limits.

    Leaves with 3 when nothing meets them.

    Example: thresher search reviews.csv --max-ms 0.2 --max-bytes 200000 --out small
    """
    from .. import search as find
    from ..console import shown_progress

    grid: dict[str, Any] = {
        "families": family,
        "widths": width,
        "bits": bits,
        "prune": prune,
        "device": device,
    }
    with shown_progress():
        outcome = find(
            data,
            out=out,
            max_ms=max_ms,
            max_bytes=max_bytes,
            min_accuracy=min_accuracy,
            batch_size=batch,
            threads=threads,
            epochs=epochs,
            budget_s=budget,
            random_state=seed or 0,
            **{name: value for name, value in grid.items() if value is not None},
            **read_as(label=label, **columns),
        )
    if as_json:
        write_line(json.dumps(outcome.to_json(), sort_keys=True))
    else:
        _show(outcome)
    if outcome.result.chosen is None:
        raise GateError(outcome.result.reason)


def _show(outcome: SearchOutcome) -> None:
    result = outcome.result
    table = Table("Candidate", "Accuracy", "p50 ms", "Bytes", "MFLOP", "")
    for one in result.front:
        assert one.costs is not None
        table.add_row(
            one.variant.name,
            f"{100 * (one.accuracy or 0):.1f} %",
            f"{one.costs.p50_ms:.3f}",
            f"{one.costs.size_bytes:,}",
            f"{one.costs.flops / 1e6:.3g}",
            "chosen" if one == result.chosen else "",
        )
    result_console().print(table)
    if result.chosen is not None and outcome.test is not None:
        low, high = outcome.test.interval
        write_line(f"Chosen: {result.chosen.variant.name}, {result.reason}.")
        write_line(
            f"On test rows: {100 * outcome.test.accuracy:.1f} % ({100 * low:.1f}–{100 * high:.1f})"
        )
        write_line(f"Model: {result.folder / 'models' / result.chosen.variant.name}")
    write_line(f"Page: {outcome.page}")


def add_search(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(search)
