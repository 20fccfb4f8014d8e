"""``thresher serve``: an exported model behind HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, TextIO

import lifecycle

from ..core.signatures import checked

if TYPE_CHECKING:
    from lifecycle.serving.service import Service


@checked
def serve(
    model: str | os.PathLike[str],
    *,
    options: lifecycle.ServingOptions | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    log: TextIO | None = None,
    grace_s: float = 30.0,
    ready: Callable[[str, Service], None] | None = None,
    record: str | os.PathLike[str] | None = None,
    record_content: bool = False,
    otlp: str | None = None,
) -> None:
    """Serve an exported model over HTTP until the process gets SIGINT or SIGTERM.

    Parameters
    ----------
    model : path-like
        A folder of `training.export`, `training.export_exits` or `training.Cascade.save`.
    options : lifecycle.ServingOptions, optional
        Limits, caches, batches.
    host : str
    port : int
        0 takes a free one.
    log : text file, optional
        Receives one line of JSON for each request.
    grace_s : float
        Seconds that requests under way have at the end.
    ready : callable, optional
        Is given the address and the service once requests are taken.
    record : path-like, optional
        Folder in which answered rows are kept for `monitor`, at most 256 MB.
    record_content : bool
        Also keep what was sent, which may be personal.
    otlp : str, optional
        Where an OpenTelemetry collector takes the numbers of ``/metrics`` once a minute, such as
        ``"http://localhost:4318/v1/metrics"``. Needs ``thresher[otel]``.

    Raises
    ------
    InputError
        When the model cannot be served or the port is taken.

    Examples
    --------
    >>> import os, signal
    >>> from thresher.app import serve
    >>> from training import compact_model, export
    >>> network = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> _ = export(network, "small", classes=["no", "yes"])
    >>> def ready(address, service):
    ...     print(service.model.classes)
    ...     os.kill(os.getpid(), signal.SIGINT)
    >>> serve("small", port=0, ready=ready)
    ['no', 'yes']
    """
    with ExitStack() as stack:
        observers, exporters = [], []
        if otlp is not None:
            exporters.append(stack.enter_context(closing(lifecycle.OtelExporter(otlp))))
        if record is not None:
            ring = lifecycle.RequestRing(record, content=record_content)
            observers.append(stack.enter_context(closing(ring)))
            ready = _counting_lost(ring, ready)
        lifecycle.serve(
            model,
            options=options,
            host=host,
            port=port,
            log=log,
            grace_s=grace_s,
            ready=ready,
            observers=observers,
            exporters=exporters,
        )


def _counting_lost(
    ring: lifecycle.RequestRing, ready: Callable[[str, Service], None] | None
) -> Callable[[str, Service], None]:
    """Show at ``/metrics`` how many rows could not be kept, then go on with `ready`."""

    def started(address: str, service: Service) -> None:
        said = "Rows that could not be kept for thresher monitor."
        service.metrics.watch("thresher_unrecorded_rows", said, lambda: ring.lost)
        if ready is not None:
            ready(address, service)

    return started


def measured(
    model: str | os.PathLike[str], options: lifecycle.ServingOptions
) -> tuple[lifecycle.ServingPlan, list[str]]:
    """Return how a model would be served here, what requests cost, and what that means."""
    plan = lifecycle.measure_requests(model, options=options)
    return plan, plan.advice()


def for_litserve(model: str | os.PathLike[str], file: str | os.PathLike[str]) -> None:
    """Write a script that serves a model with LitServe."""
    lifecycle.write_litserve(model, file)


def options_of(**given: object) -> lifecycle.ServingOptions:
    """Return checked options."""
    return lifecycle.ServingOptions(**given)  # type: ignore[arg-type]
