"""OpenTelemetry gets the numbers that Prometheus reads, and its absence hurts no request."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from lifecycle import OtelExporter, serving_app
from thresher.core.errors import InputError, MissingExtraError

Numbers = dict[tuple[str, tuple[tuple[str, str], ...]], Any]
MOVING = ("process_cpu_seconds", "process_resident_memory_bytes", "process_virtual_memory_bytes",
          "process_open_fds")  # fmt: skip


def of_prometheus(text: str) -> Numbers:
    """Return values by name and label; of a distribution, its count, its sum and its buckets."""
    found: Numbers = {}
    for family in text_string_to_metric_families(text):
        if family.type == "histogram":
            parts = {s.name.removeprefix(family.name): [] for s in family.samples}
            for sample in family.samples:
                parts[sample.name.removeprefix(family.name)].append(sample.value)
            buckets = np.diff([0.0, *parts["_bucket"]]).tolist()
            found[family.name, ()] = parts["_count"][0], parts["_sum"][0], buckets
            continue
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                found[family.name, tuple(sample.labels.items())] = sample.value
    return found


def of_reader(reader: InMemoryMetricReader) -> Numbers:
    found: Numbers = {}
    data = reader.get_metrics_data()
    assert data is not None
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        for point in metric.data.data_points:
            value = (
                (point.count, point.sum, list(point.bucket_counts))
                if hasattr(point, "bucket_counts")
                else point.value
            )
            found[metric.name, tuple(sorted((point.attributes or {}).items()))] = value
    return found


def test_all_numbers_are_those_of_prometheus(models: Path) -> None:
    reader = InMemoryMetricReader()
    app = serving_app(models / "cascade", exporters=[OtelExporter(reader=reader)])
    rng = np.random.default_rng(0)
    with TestClient(app) as client:
        shape = client.get("/model").json()["input"]["shape"]
        rows = rng.normal(size=(9, *shape)).round(2).tolist()
        for body in ({"rows": rows}, {"rows": rows[:4]}, {"rows": [[None]]}, {"nothing": 1}):
            client.post("/predict", json=body)
        shown, sent = of_prometheus(client.get("/metrics").text), of_reader(reader)
    # A series that has counted nothing is at 0 in the one and absent in the other.
    counted = {at: value for at, value in shown.items() if value or at in sent}
    assert counted.keys() == sent.keys()
    assert sent["thresher_requests", (("status", "200"),)] >= 2
    assert sent["thresher_rows", (("source", "cache"),)] == 4
    assert sent["thresher_request_seconds", ()][0] == 4
    for at, value in sent.items():
        if at[0] in MOVING:
            assert value > 0
        else:
            assert value == counted[at], at
    assert set(MOVING) <= {name for name, _ in sent}


class Collector(BaseHTTPRequestHandler):
    """Takes metrics as a collector does."""

    got: list[ExportMetricsServiceRequest]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append(ExportMetricsServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportMetricsServiceRequest]]]:
    got: list[ExportMetricsServiceRequest] = []
    with HTTPServer(("127.0.0.1", 0), type("One", (Collector,), {"got": got})) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/metrics", got
        server.shutdown()
        thread.join()


def test_a_collector_gets_them_over_http(
    collector: tuple[str, list[ExportMetricsServiceRequest]],
) -> None:
    address, got = collector
    exporter = OtelExporter(address)
    exporter.counter("rows", "Rows.", "source")("cache")(3)
    exporter.watched("queue", "Rows under way.", lambda: 7.0)
    exporter.close()
    (resource,) = got[-1].resource_metrics
    named = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert named["service.name"] == "thresher"
    values = {
        metric.name: metric.sum.data_points[0]
        if metric.HasField("sum")
        else metric.gauge.data_points[0]
        for metric in resource.scope_metrics[0].metrics
    }
    assert values["rows"].as_int == 3
    assert values["rows"].attributes[0].value.string_value == "cache"
    assert values["queue"].as_double == 7.0


def test_what_cannot_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="must begin with http:// or https://, got 'localhost"):
        OtelExporter("localhost:4318")
    with pytest.raises(InputError, match="not both"):
        OtelExporter("http://localhost:4318/v1/metrics", reader=InMemoryMetricReader())
    with pytest.raises(InputError, match="`interval_s` must be in"):
        OtelExporter(interval_s=0)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.metrics", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'thresher\[otel\]'"):
        OtelExporter()
