"""The numbers of a server for OpenTelemetry, pushed to a collector by its own SDK.

The SDK sends from a thread of its own, and a collector that is away loses numbers, not requests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from thresher.core.errors import InputError, check_number, require

from .exporting import Add, Read

_CLOSE_MS = 2000  # a collector that is away does not hold up the end of a server


class OtelExporter:
    """Send the numbers that ``/metrics`` shows to OpenTelemetry too.

    Parameters
    ----------
    endpoint : str, optional
        Where a collector takes metrics by OTLP over HTTP, with the path; default is what the
        variables ``OTEL_EXPORTER_OTLP_…`` say, else ``http://localhost:4318/v1/metrics``.
    interval_s : float
        Seconds between two times that it sends.
    reader : opentelemetry.sdk.metrics.export.MetricReader, optional
        A reader of your own instead, such as for another protocol.

    Raises
    ------
    InputError
        For an endpoint that is no address, or one together with a reader.
    MissingExtraError
        Without ``thresher[otel]``.

    Examples
    --------
    >>> from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    >>> from lifecycle import OtelExporter
    >>> exporter = OtelExporter(reader=InMemoryMetricReader())
    >>> exporter.counter("rows", "Rows by source.", "source")("cache")(3)
    >>> exporter.close()
    """

    def __init__(
        self, endpoint: str | None = None, *, interval_s: float = 60.0, reader: Any = None
    ) -> None:
        check_number("interval_s", interval_s, low=0, high=86_400, low_open=True)
        metrics: Any = require("opentelemetry.sdk.metrics", extra="otel")
        resources: Any = require("opentelemetry.sdk.resources", extra="otel")
        if reader is None:
            reader = _otlp_reader(endpoint, interval_s)
        elif endpoint is not None:
            raise InputError("Give `endpoint` or a `reader` of your own, not both.")
        named = resources.Resource.create()  # with OTEL_SERVICE_NAME and …_RESOURCE_ATTRIBUTES
        if str(named.attributes.get("service.name", "")).startswith("unknown_service"):
            named = named.merge(resources.Resource({"service.name": "thresher"}))
        self._provider = metrics.MeterProvider(
            metric_readers=[reader], resource=named, shutdown_on_exit=False
        )
        self._meter = self._provider.get_meter("thresher")
        self._observation: Any = require("opentelemetry.metrics", extra="otel").Observation

    def counter(self, name: str, text: str, label: str | None = None) -> Callable[[str], Add]:
        """Declare a sum; return what gives the function that adds to it, for a label's value."""
        counter = self._meter.create_counter(name, description=text)

        def add_of(value: str) -> Add:
            add: Add = partial(counter.add, attributes={} if label is None else {label: value})
            return add

        return add_of

    def histogram(self, name: str, text: str, bounds: Sequence[float]) -> Add:
        """Declare values whose distribution counts; return what takes one."""
        record: Add = self._meter.create_histogram(
            name, description=text, explicit_bucket_boundaries_advisory=list(bounds)
        ).record
        return record

    def watched(self, name: str, text: str, read: Read, *, rising: bool = False) -> None:
        """Declare a number that is read whenever numbers are sent."""
        make = self._meter.create_observable_gauge
        if rising:
            make = self._meter.create_observable_counter
        make(name, callbacks=[lambda _: [self._observation(read())]], description=text)

    def close(self) -> None:
        """Send what is left and let go."""
        self._provider.shutdown(timeout_millis=_CLOSE_MS)


def _otlp_reader(endpoint: str | None, interval_s: float) -> Any:
    if endpoint is not None and not endpoint.startswith(("http://", "https://")):
        raise InputError(
            f"`endpoint` must begin with http:// or https://, got {endpoint!r}. A collector of "
            "this machine is mostly at http://localhost:4318/v1/metrics."
        )
    export: Any = require("opentelemetry.sdk.metrics.export", extra="otel")
    otlp: Any = require("opentelemetry.exporter.otlp.proto.http.metric_exporter", extra="otel")
    return export.PeriodicExportingMetricReader(
        otlp.OTLPMetricExporter(endpoint=endpoint), export_interval_millis=1e3 * interval_s
    )
