"""``thresher search`` on a user's file: limits, page, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sklearn.datasets import load_wine
from typer.testing import CliRunner

from thresher.app.cli.commands import app
from thresher.app.pages.scatter import Point, front_of, scatter_chart
from thresher.core.errors import GateError
from thresher.core.svg import log_ticks
from training import load_exported


@pytest.fixture
def wine(tmp_path: Path) -> Path:
    frame = load_wine(as_frame=True).frame
    frame.to_csv(tmp_path / "wine.csv", index=False)
    return tmp_path / "wine.csv"


def call(*arguments: object) -> tuple[int, str, BaseException | None]:
    done = CliRunner().invoke(app, ["search", *map(str, arguments)])
    return done.exit_code, done.stdout, done.exception


def test_a_search_writes_models_and_a_page(wine: Path, tmp_path: Path) -> None:
    out = tmp_path / "found"
    asked = (wine, "--out", out, "--label", "target", "--width", 8, "--bits", 32, "--epochs", 2)
    asked = (*asked, "--prune", 0)
    code, text, error = call(*asked, "--max-bytes", 100000, "--json")
    assert code == 0, error
    found = json.loads(text)
    assert found["chosen"] == "mlp-8-float"
    model = load_exported(out / "models" / found["chosen"])
    assert model.preprocessing["kind"] == "features"
    assert 0 <= found["test"]["accuracy"] <= 1
    page = Path(found["page"]).read_text()
    assert page.count("<svg") == 2
    assert "at most 100,000 bytes" in page
    code, text, error = call(*asked, "--max-bytes", 10)
    assert isinstance(error, GateError)
    assert "Nothing meets the target" in Path(found["page"]).read_text()


def test_front_and_ticks() -> None:
    points = [Point(str(x), x, y, y, y) for x, y in ((1, 0.5), (2, 0.4), (3, 0.6), (3, 0.7))]
    assert [point.y for point in front_of(points)] == [0.5, 0.7]
    assert log_ticks(-1, 0.4) == pytest.approx([0.1, 0.2, 0.5, 1, 2])
    assert log_ticks(-6, 6)[0] == pytest.approx(1e-6)
    assert scatter_chart({}, title="t", x_label="x") == ""


def test_names_are_escaped() -> None:
    chart = scatter_chart(
        {"<b>": [Point("<i>", 1, 0.5, 0.4, 0.6, chosen=True)]}, title="<u>", x_label="x"
    )
    assert not {"<b>", "<i>", "<u>"} & set(chart.replace(">", "> ").split())
    assert "&lt;i&gt;" in chart
