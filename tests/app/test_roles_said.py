"""What was taken for what stands on the terminal first, in JSON, manifests, results and reports."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest

from thresher.app.cli import main
from thresher.core.manifest import Manifest

WORDS = ["amber", "basil", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jolly"]
LINE = "text: title + body; label: none (could be v1, v2; give --label); key: id; beside: v1, v2"
ROLES = {
    "text": "title + body",
    "label": "none (could be v1, v2; give --label)",
    "key": "id",
    "beside": "v1, v2",
}


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    texts = {
        n: [" ".join(rng.choice(WORDS, k)) for _ in range(40)]
        for n, k in (("title", 3), ("body", 12))
    }
    frame = pd.DataFrame({"id": range(40), **texts, "v1": ["x", "y"] * 20, "v2": list("pqrs") * 10})
    frame.to_csv(tmp_path / "d.csv", index=False)
    return tmp_path / "d.csv"


def call(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["thresher", *map(str, arguments)])
    with pytest.raises(SystemExit) as leaving:
        main()
    assert not leaving.value.code
    return capsys.readouterr()


def test_a_check_says_them_first_and_everywhere(table, monkeypatch, capsys):
    files = {name: table.parent / name for name in ("m", "page.html")}
    shown = call(monkeypatch, capsys, "curate", "duplicates", table, "--manifest", files["m"],
                 "--out", files["page.html"], "--json")  # fmt: skip
    first, second, *_ = shown.err.splitlines()
    assert first == LINE
    assert second.startswith("NO LABEL COLUMN, so that labels are not checked")
    assert json.loads(shown.out)["roles"] == ROLES
    assert Manifest.load(files["m"]).header["roles"] == ROLES
    assert f'<p class="roles">{LINE}</p>' in files["page.html"].read_text()
    shown = call(
        monkeypatch, capsys, "curate", "apply", files["m"], table, "--out", table.with_name("c.csv")
    )
    assert shown.err.splitlines()[0].startswith("text: title + body; label: not read; key: id")


def test_a_run_says_them_first_also_where_it_goes_on(table, monkeypatch, capsys):
    out = table.with_name("clean.csv")
    for _ in range(2):
        shown = call(monkeypatch, capsys, "curate", table, "--out", out)
        lines = shown.err.splitlines()
        assert lines.index(LINE) < next(i for i, line in enumerate(lines) if "embed" in line)
    run = out.with_name(out.name + ".run")
    stages = json.loads((run / "result.json").read_text())["stages"]
    assert stages[0]["summary"]["roles"] == ROLES
    assert Manifest.load(run / "manifest" / "decisions").header["roles"] == ROLES
    assert f'<p class="roles">{LINE}</p>' in (run / "report.html").read_text()
