"""``thresher serve``: an exported model behind HTTP."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from ..terminal import write_line
from .models import Model
from .options import Json

AdminToken = Annotated[
    str | None,
    typer.Option(
        envvar="THRESHER_ADMIN_TOKEN", help="Lets POST /swap change the model; else it is off."
    ),
]
Record = Annotated[
    Path | None,
    typer.Option(help="Folder in which answered rows are kept for `thresher monitor`."),
]
RecordContent = Annotated[
    bool, typer.Option("--record-content", help="Also keep what was sent, which may be personal.")
]

Otlp = Annotated[
    str | None,
    typer.Option(
        help="Where an OpenTelemetry collector takes the numbers of /metrics, such as "
        "http://localhost:4318/v1/metrics."
    ),
]


def serve(
    model: Model,
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8000,
    threads: Annotated[int, typer.Option(help="Threads of ONNX Runtime.")] = 1,
    batch: Annotated[
        int | None, typer.Option(help="Most rows that run together. Default: measured.")
    ] = None,
    max_rows: Annotated[int, typer.Option(help="Most rows of a request.")] = 1024,
    queue_rows: Annotated[
        int, typer.Option(help="Most rows under way; beyond them a request gets 503.")
    ] = 4096,
    deadline: Annotated[float, typer.Option(help="Longest wait for an answer, seconds.")] = 10.0,
    max_body: Annotated[float, typer.Option(help="Largest body, megabytes.")] = 16.0,
    cache: Annotated[
        float, typer.Option(help="Megabytes for answers to exact repeats; 0 keeps none.")
    ] = 64.0,
    near: Annotated[
        Path | None,
        typer.Option(
            help="Also answer near repeats, as close as these held-out rows (.npy, in the order in "
            "which they came) show to be safe: at most 0.1 % of them differ with 95 % confidence."
        ),
    ] = None,
    admin_token: AdminToken = None,
    watch: Annotated[
        float,
        typer.Option(help="Seconds between looks whether the model was replaced; 0 never looks."),
    ] = 1.0,
    grace: Annotated[
        float, typer.Option(help="Seconds that requests under way have when stopping.")
    ] = 30.0,
    log: Annotated[
        Path | None, typer.Option(help="File for a line a request; default standard output.")
    ] = None,
    record: Record = None,
    record_content: RecordContent = False,
    otlp: Otlp = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Measure what a request costs here, say it, and leave.")
    ] = False,
    write_litserve: Annotated[
        Path | None, typer.Option(help="Write a script that serves with LitServe, and leave.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve an exported model over HTTP until stopped.

    Rows come as JSON or as raw bytes, many in one request; see docs/serving.md. How rows are
    batched is measured at the start. Example: thresher serve runs/first/models/onnx/int8
    """
    from .. import serve as run
    from ..model_server import for_litserve, options_of

    options = options_of(
        threads=threads,
        batch=batch,
        max_rows=max_rows,
        queue_rows=queue_rows,
        deadline_s=deadline,
        body_mb=max_body,
        cache_mb=cache,
        near=near,
        admin_token=admin_token,
        watch_s=watch,
    )
    if write_litserve is not None:
        for_litserve(model, write_litserve)
        write_line(f"{write_litserve} serves {model} with LitServe: python {write_litserve}")
    elif plan:
        _plan(model, options, as_json=as_json)
    else:
        with _opened(log) as file:
            run(
                model,
                host=host,
                port=port,
                options=options,
                log=file,
                grace_s=grace,
                ready=_said,
                record=record,
                record_content=record_content,
                otlp=otlp,
            )


def _opened(log: Path | None) -> AbstractContextManager[TextIO]:
    return nullcontext(sys.stdout) if log is None else log.open("a", encoding="utf-8")


def _said(address: str, service: Any) -> None:
    """Say on standard error what serves where, and what was chosen why."""
    model, plan = service.model, service.plan
    write_line(f"{address} serves {model.path}, model {model.digest[:12]}", error=True)
    write_line(f"batches of at most {plan.batch}", error=True)
    write_line(f"batches in a thread of their own: {plan.threaded}", error=True)
    if service.near_said is not None:
        write_line(f"near repeats: {service.near_said}", error=True)


def _plan(model: Path, options: Any, *, as_json: bool) -> None:
    from ..model_server import measured

    found, advice = measured(model, options)
    if as_json:
        write_line(json.dumps(found.to_json(), sort_keys=True))
        return
    for size, cost in found.row_ms.items():
        write_line(f"{size:3} rows together: {cost:.4f} ms of CPU a row")
    write_line(f"batches of at most {found.batch}")
    write_line(f"batches in a thread of their own: {found.threaded}")
    for line in advice:
        write_line(line)
