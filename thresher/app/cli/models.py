"""The commands about exported models: profile, gate, predict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer
from rich.table import Table

from ...core.columns import read_row_ids
from ...core.errors import GateError
from ...core.numerics.softmax import softmax
from ..terminal import Terminal, write_line
from .options import (
    Data,
    Delimiter,
    Encoding,
    Features,
    Header,
    Image,
    Json,
    MaxUnpacked,
    Na,
    Text,
    Where,
)

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
    from training import load_exported
    from training.profiling import profile as measure

    found = [
        measure(
            load_exported(model, threads=count), batch_sizes=batch or (1, 64), seconds=seconds
        ).to_json()
        for count in threads or [1]
    ]
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
    from training.gate import judge_gate

    from ..budget import measure_budget, read_budget
    from ..console import shown_progress

    plan = read_budget(budget)
    with shown_progress():
        checks = judge_gate(plan.limits, measure_budget(plan))
    if as_json:
        write_line(json.dumps([vars(check) for check in checks], sort_keys=True))
    else:
        for check in checks:
            state = "missed" if not check.met else "met" if check.certain else "met, not certain"
            write_line(f"{state:17} {check}")
    missed = [str(check) for check in checks if not check.met]
    if missed:
        raise GateError("Limits not met: " + "; ".join(missed) + ".")


def predict(
    model: Model,
    data: Data,
    out: Annotated[Path, typer.Option(help="A .csv, .jsonl or .parquet file to write.")],
    *,
    image: Image = None,
    text: Text = None,
    features: Features = None,
    where: Where = None,
    delimiter: Delimiter = None,
    header: Header = None,
    encoding: Encoding = None,
    max_unpacked: MaxUnpacked = None,
    na: Na = None,
) -> None:
    """Write the most likely class of every row, with its probability.

    Example: thresher predict runs/first/models/onnx/int8 new.csv --out predicted.csv
    """
    from training import load_exported
    from training.evaluation import predict_logits

    from ...core.writing import write_dataset
    from ..console import shown_progress
    from ..given import as_dataset
    from ..inputs import samples_for
    from ..whole_rows import with_all_numbers
    from .finding_source import read_rows

    loaded_model = load_exported(model)
    columns = loaded_model.preprocessing.get("columns")
    with shown_progress():
        rows = read_rows(
            data,
            label="none",
            image=image,
            text=text or loaded_model.preprocessing.get("text"),
            features=features or (",".join(columns) if columns else None),
            where=where,
            delimiter=delimiter,
            header=header,
            encoding=encoding,
            max_unpacked=max_unpacked,
            na=na,
        )
        rows = with_all_numbers(rows)
    logits = predict_logits(loaded_model, samples_for(loaded_model, rows)).astype(np.float64)
    probs = softmax(logits)
    table = pa.table(
        {
            "row_id": read_row_ids(rows.dataset),
            "label": np.asarray(loaded_model.classes)[probs.argmax(axis=1)],
            "probability": probs.max(axis=1),
        }
    )
    write_dataset(as_dataset(table), out)
    aside = f"; {len(rows.set_aside)} rows could not be read" if len(rows.set_aside) else ""
    write_line(f"{len(table):,} rows predicted into {out}{aside}")


def _show_profiles(found: list[dict[str, Any]]) -> None:
    first = found[0]
    write_line(
        f"{first['parameters']:,} parameters, {first['flops'] / 1e6:.2f} MFLOP a row, "
        f"{first['size_bytes']:,} bytes; {first['runtime']} on {first['machine']}"
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
    Terminal().print(table)


def add_commands(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (profile, gate, predict):
        app.command()(command)
