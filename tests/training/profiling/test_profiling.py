"""Costs against hand counts, and paired timing on calls of known length."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from thresher.core.errors import InputError
from training.exporting import ExportedModel, export
from training.profiling import compare, compare_latency, measure_latency, profile
from training.profiling.energy import joules_per_call
from training.profiling.latency import _rank


class Clock:
    """A clock that stands still until a call takes its time."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("training.profiling.latency.time", made)
    return made


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    folder = tmp_path_factory.mktemp("exported") / "m"
    return export(model, folder, classes=["a", "b"], example=torch.zeros(1, 6), threads=1)


def test_costs_of_a_module() -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    before = torch.get_num_threads()
    found = profile(model, example=torch.zeros(1, 6), seconds=0, batch_sizes=(1, 3), threads=1)
    assert found.parameters == 6 * 4 + 4 + 4 * 2 + 2
    assert found.flops == 2 * (6 * 4 + 4 * 2)
    assert found.size_bytes == 4 * found.parameters
    assert set(found.latency) == {1, 3}
    assert found.latency[3].batch_size == 3
    assert found.peak_mb is None
    assert torch.get_num_threads() == before
    assert model.training


def test_costs_of_a_file(exported: ExportedModel) -> None:
    found = profile(exported, seconds=0.01)
    assert found.parameters == 38
    assert found.flops == 64
    assert found.size_bytes == exported.size_bytes
    assert found.threads == 1
    latency = found.latency[64]
    assert latency.min_ms <= latency.p50_ms <= latency.p99_ms
    assert latency.rows_per_s == pytest.approx(64 / latency.p50_ms * 1e3)
    assert found.peak_mb is None or 0 < found.peak_mb < 200
    assert json.loads(json.dumps(found.to_json()))["latency"]["1"]["calls"] >= 20


def test_equal_models_have_ratio_one(exported: ExportedModel) -> None:
    same = ExportedModel(exported.path, threads=1)
    found = compare(exported, same, seconds=0.2)
    assert found.interval[0] <= 1.02
    assert found.interval[1] >= 0.98
    with pytest.raises(InputError, match="threads"):
        compare(exported, ExportedModel(exported.path, threads=2))


def test_a_call_of_twice_the_length_is_twice_as_slow(clock: Clock) -> None:
    noise = np.random.default_rng(0)

    def slow() -> None:
        clock.now += 2e-3 + noise.exponential(1e-4)

    def fast() -> None:
        clock.now += 1e-3 + noise.exponential(5e-5)

    found = compare_latency(slow, fast, seconds=1)
    assert found.median == pytest.approx(2, rel=0.05)
    assert found.interval[0] <= 2 <= found.interval[1]
    assert found.interval[1] - found.interval[0] < 0.2


def test_waiting_does_not_count_by_a_clock_of_cpu_time(clock: Clock) -> None:
    spent = [0.0]

    def call_of(cpu: float, wait: float) -> Callable[[], None]:
        def call() -> None:
            spent[0] += cpu
            clock.now += cpu + wait

        return call

    slow, fast = call_of(2e-3, 0.0), call_of(1e-3, 5e-3)
    found = compare_latency(slow, fast, seconds=0.5, clock=lambda: spent[0])
    assert found.median == pytest.approx(2)
    assert compare_latency(slow, fast, seconds=0.5).median == pytest.approx(1 / 3)


def test_latency_of_a_known_wait(clock: Clock) -> None:
    durations = iter([1e-3] * 5 + [1e-3, 3e-3] * 10)

    def call() -> None:
        clock.now += next(durations)

    found = measure_latency(call, batch_size=4, seconds=0)
    assert (found.min_ms, found.p50_ms) == (pytest.approx(1), pytest.approx(2))
    assert found.rows_per_s == pytest.approx(2000)
    assert found.calls == 20


def test_rank_of_the_interval_covers_as_often_as_it_says() -> None:
    draws = np.sort(np.random.default_rng(0).normal(size=(20000, 31)), axis=1)
    rank = _rank(31, 0.95)
    covered = (draws[:, rank] <= 0) & (draws[:, 30 - rank] >= 0)
    assert 0.95 <= covered.mean() < 0.99


def test_energy_from_counters(tmp_path: Path) -> None:
    assert joules_per_call(lambda: None, calls=3, counters=tmp_path) is None
    counter = tmp_path / "intel-rapl:0" / "energy_uj"
    counter.parent.mkdir()
    counter.write_text("1000000")

    def use() -> None:
        counter.write_text(str(int(counter.read_text()) + 500_000))

    assert joules_per_call(use, calls=4, counters=tmp_path) == pytest.approx(0.5)


def test_wrong_options_are_named(exported: ExportedModel) -> None:
    with pytest.raises(InputError, match="batch_sizes"):
        profile(exported, batch_sizes=())
    with pytest.raises(InputError, match="example"):
        profile(nn.Linear(2, 2))
