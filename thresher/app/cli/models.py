"""The commands about exported models: profile, gate, predict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ...core.counted import counted
from ...core.errors import GateError
from ..terminal import result_console, write_line
from .options import INPUT_OPTIONS, Data, Json, read_as, with_options

Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="An exported model: its folder or .onnx file.")
]
Threads = Annotated[
    list[int] | None, typer.Option(help="Threads of the runtime; repeatable. Default 1.")
]


def profile(
    model: Model,
    *,
    batch: Annotated[list[int] | None, typer.Option(help="Batch sizes; repeatable.")] = None,
    threads: Threads = None,
    seconds: Annotated[float, typer.Option(help="Time for each measurement.")] = 0.5,
    as_json: Json = False,
) -> None:
    """Measure what a model costs here: bytes, operations, memory, latency, energy.

    Example: thresher profile runs/first/models/onnx/int8 --batch 1 --batch 64 --threads 1
    """
    from .. import profile as measure

    sizes, counts = batch or (1, 64), threads or (1,)
    profiles = measure(model, batch_sizes=sizes, threads=counts, seconds=seconds)
    found = [one.to_json() for one in profiles]
    if as_json:
        write_line(json.dumps(found, sort_keys=True))
    else:
        _show_profiles(found)


def gate(
    budget: Annotated[Path, typer.Argument(metavar="BUDGET", help="A budget file, TOML.")],
    *,
    as_json: Json = False,
) -> None:
    """Check a model against a budget; leaves with 3 when a limit is missed.

    Example: thresher gate budget.toml
    """
    from .. import gate as judge
    from ..console import shown_progress

    with shown_progress():
        checks = judge(budget)
    if as_json:
        write_line(json.dumps([vars(check) for check in checks], sort_keys=True))
    else:
        for check in checks:
            state = "missed" if not check.met else "met" if check.certain else "met, not certain"
            write_line(f"{state:17} {check}")
    missed = [str(check) for check in checks if not check.met]
    if missed:
        raise GateError("Limits not met: " + "; ".join(missed) + ".")


@with_options(INPUT_OPTIONS)
def predict(
    model: Model,
    data: Data,
    out: Annotated[Path, typer.Option(help="A .csv, .jsonl or .parquet file to write.")],
    **columns: Any,
) -> None:
    """Write the most likely class of every row, with its probability.

    A row without a key of your own is named by its file and line too.

    Example: thresher predict runs/first/models/onnx/int8 new.csv --out predicted.csv
    """
    from .. import predict as predict_rows
    from ..console import shown_progress

    with shown_progress():
        found = predict_rows(model, data, out=out, **read_as(**columns))
    aside = len(found.set_aside)
    said = f"; {counted(aside, 'row')} could not be read" if aside else ""
    write_line(f"{counted(len(found.table), 'row')} predicted into {out}{said}")


def _show_profiles(found: list[dict[str, Any]]) -> None:
    first = found[0]
    write_line(
        f"{counted(first['parameters'], 'parameter')}, {first['flops'] / 1e6:.2f} MFLOP a row, "
        f"{counted(first['size_bytes'], 'byte')}; {first['runtime']} on {first['machine']}"
    )
    if first["peak_mb"] is not None:
        write_line(f"Loading it and one run of the largest batch take {first['peak_mb']:.1f} MB.")
    write_line(f"Energy: {first['energy']}")
    table = Table("Threads", "Batch", "p50 ms", "p99 ms", "Rows/s")
    for item in found:
        for size, latency in item["latency"].items():
            table.add_row(
                str(item["threads"]),
                size,
                f"{latency['p50_ms']:.3f}",
                f"{latency['p99_ms']:.3f}",
                f"{latency['rows_per_s']:,.0f}",
            )
    result_console().print(table)


def add_commands(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (profile, gate, predict):
        app.command()(command)
