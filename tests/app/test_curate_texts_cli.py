"""``thresher curate quality --rules``: published rules on files of texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from typer.testing import CliRunner

import thresher.app
from thresher.app.cli.commands import app
from thresher.core.errors import InputError


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["curate", *words, "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def prose(seed: int) -> str:
    rng = np.random.default_rng(seed)
    words = [a + b + c for a in "bdfgklmn" for b in "aeiou" for c in ("ra", "ti", "so", "nel")]
    lines = ["The " + " ".join(rng.choice(words, 14)) + " and that." for _ in range(8)]
    return "\n".join(lines)


def test_rules_name_what_fired_and_its_value() -> None:
    texts = [prose(0), "Buy now\n" * 30, prose(1), "- a list\n- of things\n- and more"]
    lines = [json.dumps({"id": at, "text": text}) for at, text in enumerate(texts)]
    Path("web.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = run("quality", "web.jsonl", "--rules", "gopher,c4,fineweb", "--out", "found.jsonl",
                "--action", "drop", "--clean", "clean.jsonl", "--show", "50")  # fmt: skip
    assert Path("clean.jsonl").read_text(encoding="utf-8").splitlines() == [lines[0], lines[2]]
    assert found["facts"]["kept by all"] == 2
    said = {(row["line"], row["detail"]) for row in found["worst"]}
    assert (2, "gopher repeated lines: share of repeated lines 0.9355, above 0.3") in said
    assert (4, "gopher bullets: share of lines that begin with a bullet 1, above 0.9") in said
    assert (4, "c4 few sentences: sentences in the lines that stay 0, below 5") in said
    assert (
        4,
        "fineweb lines without a stop: share of lines that end with a stop 0, below 0.12",
    ) in said
    looked = thresher.app.curate_quality("web.jsonl", rules="fineweb")
    assert looked.manifest.counts() == {"keep": 2, "drop": 0, "relabel": 0, "review": 2}


def test_rules_want_texts_and_known_names() -> None:
    rows = datasets.Dataset.from_dict({"text": ["a", "b"]})
    Path("numbers.csv").write_text("x,y\n1,2\n3,4\n", encoding="utf-8")
    with pytest.raises(InputError, match="no texts to look for published rules"):
        thresher.app.curate_quality("numbers.csv", rules="gopher")
    with pytest.raises(InputError, match="Did you mean 'fineweb'"):
        thresher.app.curate_quality(rows, rules="fine-web")
    with pytest.raises(InputError, match="goes with --rules"):
        thresher.app.curate_quality(rows, action="drop")
