"""Energy counters and what the ledger makes of them; a folder stands in for the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from thresher.core import energy
from thresher.core.errors import InputError
from thresher.core.ledger import CostLedger


def counter(folder: Path, joules: float, *, package: int = 0) -> Path:
    file = folder / f"intel-rapl:{package}" / "energy_uj"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{round(joules * 1e6)}\n")
    return file


def test_counters_are_read_in_joules_and_added(tmp_path: Path) -> None:
    counter(tmp_path, 5)
    counter(tmp_path, 2, package=1)
    before = energy.read_counters(counters=tmp_path)
    assert before == pytest.approx({"intel-rapl:0": 5, "intel-rapl:1": 2})
    counter(tmp_path, 8.5)
    after = energy.read_counters(counters=tmp_path)
    assert energy.joules_between(before, after) == pytest.approx(3.5)


def test_what_is_not_known_is_none(tmp_path: Path) -> None:
    assert energy.read_counters(counters=tmp_path) == {}
    assert energy.joules_between({}, {}) is None
    assert energy.joules_between({"a": 5.0}, {"a": 1.0}) is None  # wrapped around
    counter(tmp_path, 1).write_text("damaged")
    assert energy.read_counters(counters=tmp_path) == {}


def test_a_gpu_without_its_counter_makes_the_energy_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter(tmp_path, 1)
    monkeypatch.setattr(energy, "_gpu", lambda: None)
    assert energy.read_counters("cuda", counters=tmp_path) == {}
    monkeypatch.setattr(energy, "_gpu", lambda: 7.0)
    assert energy.read_counters("cuda", counters=tmp_path)["gpu"] == 7


def test_the_ledger_tells_energy_gpu_seconds_and_money(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = iter([{"a": 1.0}, {"a": 4.0}])
    monkeypatch.setattr("thresher.core.ledger.read_counters", lambda _: next(readings))
    ledger = CostLedger(tmp_path / "l.jsonl", device="cuda", price_per_hour=3600.0)
    with ledger.stage("train"):
        pass
    (cost,) = CostLedger.load(tmp_path / "l.jsonl").stages
    assert cost.joules == 3
    assert cost.device == "cuda"
    assert cost.gpu_s == cost.wall_s
    assert cost.money == pytest.approx(cost.wall_s)


def test_without_counters_and_price_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thresher.core.ledger.read_counters", lambda _: {})
    ledger = CostLedger()
    with ledger.stage("train") as cost:
        pass
    assert (cost.joules, cost.money, cost.gpu_s) == (None, None, 0)
    with pytest.raises(InputError, match="`price_per_hour` must be in"):
        CostLedger(price_per_hour=-1)
