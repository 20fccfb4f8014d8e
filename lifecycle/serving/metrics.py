"""What is counted of a server, for Prometheus at ``/metrics`` and for every further exporter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .answering import SOURCES
from .exporting import Add, Exporter, PrometheusExporter, Read

STATUSES = (200, 400, 408, 413, 415, 422, 499, 500, 503, 504)
SWAPS = ("swapped", "refused")
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The numbers of one server.

    Parameters
    ----------
    exporters : sequence of Exporter
        Beside that of Prometheus; each is told the same.
    """

    def __init__(self, exporters: Sequence[Exporter] = ()) -> None:
        self.prometheus = PrometheusExporter()
        self._exporters: tuple[Exporter, ...] = (self.prometheus, *exporters)
        for name, text, rising, read in self.prometheus.process():
            for exporter in exporters:
                exporter.watched(name, text, read, rising=rising)
        requests = self._counter("thresher_requests", "Requests by status.", "status")
        rows = self._counter("thresher_rows", "Answered rows by source.", "source")
        swaps = self._counter("thresher_swaps", "Models offered while serving.", "result")
        self._requests = {status: requests(str(status)) for status in STATUSES}
        self._rows = {source: rows(source) for source in SOURCES}
        self._swaps = {result: swaps(result) for result in SWAPS}
        self._stages = self._counter("thresher_stage_rows", "Rows run by stage.", "stage")
        self._stage_adds: dict[int, Add] = {}
        self._failed = self._counter("thresher_failed_rows", "Rows that got an error.")("")
        self._dropped = self._counter(
            "thresher_dropped_rows", "Rows dropped before they ran: nobody waited."
        )("")
        self._latency = self._histogram(
            "thresher_request_seconds", "From the first byte to the answer.", _SECONDS
        )
        self._batches = self._histogram("thresher_batch_rows", "Rows of a batch.", _ROWS)
        self._running = self._counter("thresher_model_seconds", "Spent in the model.")("")

    def _counter(self, name: str, text: str, label: str | None = None) -> Callable[[str], Add]:
        counters = [each.counter(name, text, label) for each in self._exporters]
        return lambda value: _together([add_of(value) for add_of in counters])

    def _histogram(self, name: str, text: str, bounds: Sequence[float]) -> Add:
        return _together([each.histogram(name, text, bounds) for each in self._exporters])

    def watch(self, name: str, text: str, value: Read) -> None:
        """Show a number that is read when somebody asks."""
        for exporter in self._exporters:
            exporter.watched(name, text, value)

    def request(self, status: int, seconds: float, sources: dict[str, int], failed: int) -> None:
        """Count a request."""
        self._requests[status](1)
        self._latency(seconds)
        for source, rows in sources.items():
            if rows:
                self._rows[source](rows)
        if failed:
            self._failed(failed)

    def batch(self, stage: int, rows: int, seconds: float, dropped: int) -> None:
        """Count a batch."""
        if rows:
            if stage not in self._stage_adds:
                self._stage_adds[stage] = self._stages(str(stage))
            self._stage_adds[stage](rows)
            self._batches(rows)
            self._running(seconds)
        if dropped:
            self._dropped(dropped)

    def swap(self, result: str) -> None:
        """Count a model that was offered."""
        self._swaps[result](1)


def _together(adds: Sequence[Add]) -> Add:
    """Return one function that tells all; the only one as it is, since it is called per request."""
    if len(adds) == 1:
        return adds[0]

    def add(value: float) -> None:
        for each in adds:
            each(value)

    return add
