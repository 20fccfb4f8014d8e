"""What a whole run cost, added up and priced."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from thresher.app.cli import main
from thresher.app.costs import parse_prices, total_costs
from thresher.app.pipeline import run
from thresher.app.settings import resolve
from thresher.app.tables import cost_lines
from thresher.core.errors import InputError
from thresher.core.ledger import StageCost


def stages(**more: float) -> list[dict[str, object]]:
    first = StageCost("a", wall_s=1800, cpu_s=3000, extra={"flops": 2e9, "rows_seen": 10}, **more)
    second = StageCost("b", wall_s=1800, cpu_s=100, **more)
    return [vars(first), vars(second)]


def test_stages_add_up() -> None:
    found = total_costs(stages(joules=1800.0), prices={"cpu": 0.5})
    assert (found["wall_s"], found["cpu_s"], found["gpu_s"]) == (3600, 3100, 0)
    assert (found["flops"], found["rows_seen"]) == (2e9, 10)
    assert found["energy"] == "1 Wh"
    assert found["money"] == pytest.approx(0.5)
    shown = dict(cost_lines(found))
    assert shown["Money"] == "0.5 (an hour: cpu 0.5)"
    assert shown["Training compute"] == "2.0 GFLOP"


def test_what_is_not_measured_or_priced_is_said_to_be_so() -> None:
    found = total_costs(stages(), prices={"cuda": 2.0})
    assert found["energy"].startswith("not measurable here")
    assert found["joules"] is None
    assert found["money"] is None
    assert "Money" not in dict(cost_lines(found))
    assert cost_lines({}) == []


@pytest.mark.parametrize("value", ["cpu", "cpu=", "cpu=-1", "cpu=nan", "cpu=inf", "0.5"])
def test_prices_are_checked(value: str) -> None:
    with pytest.raises(InputError, match="DEVICE=PRICE"):
        parse_prices([value])


def test_a_device_is_checked() -> None:
    with pytest.raises(InputError, match="'cpu', 'cuda', got 'gpu'"):
        parse_prices(["gpu=1"])
    assert parse_prices(["cpu=0.1", "cuda=2"]) == {"cpu": 0.1, "cuda": 2}


def test_a_run_tells_its_price_and_the_report_takes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = resolve(
        values={"data": {"limit": 120}, "cost": {"price_per_hour": {"cpu": 36.0}}, "device": "cpu"}
    )
    found = run("digits", out=tmp_path / "r", settings=settings, until="curate")
    assert found.costs["money"] == pytest.approx(found.costs["wall_s"] / 100)
    line = json.loads((tmp_path / "r" / "ledger.jsonl").read_text().splitlines()[0])
    assert line["money"] == pytest.approx(line["wall_s"] / 100)
    page = (tmp_path / "r" / "report.html").read_text()
    assert "(an hour: cpu 36)" in page
    assert "Energy" in page
    capsys.readouterr()
    words = ["thresher", "report", str(tmp_path / "r"), "--price-per-hour", "cpu=72", "--json"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    told = json.loads(capsys.readouterr().out)
    assert told["costs"]["money"] == pytest.approx(found.costs["wall_s"] / 50)
    assert "(an hour: cpu 72)" in (tmp_path / "r" / "report.html").read_text()
