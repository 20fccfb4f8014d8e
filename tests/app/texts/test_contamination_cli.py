"""``thresher curate contamination`` on messy files: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from thresher.app.cli.commands import app
from thresher.core.errors import InputError

RIVER = "which of these four rivers is the longest one in all of northern europe today"
METAL = "name the metal that is liquid at room temperature and was once used in thermometers"


def call(*words: object) -> Result:
    return CliRunner().invoke(app, ["curate", "contamination", *map(str, words)])


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("crawl").mkdir()
    Path("crawl/a.txt").write_text(f"nothing here\nA quiz, then: {RIVER.upper()}?\nthe end\n")
    rows = [{"content": f"he asked me to {METAL}, so"}, {"content": "fine"}]
    Path("crawl/b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"con')
    Path("crawl/c.parquet").write_bytes(b"broken")
    Path("quiz.csv").write_text(f"question,answer\n{RIVER},the Volga\n{METAL},mercury\n")
    Path("other.jsonl").write_text('{"text": "never seen anywhere by anybody at all"}\n')


@pytest.mark.usefixtures("files")
def test_items_are_found_and_texts_dropped() -> None:
    options = ["--benchmark", "quiz.csv", "--benchmark", "other.jsonl", "--out", "found"]
    result = call("crawl", *options, "--benchmark-text", "question", "--action", "drop")
    assert "The text column 'question' is not in the data" in str(result.exception)
    Path("other.jsonl").write_text('{"question": "never seen anywhere by anybody, nor written"}\n')
    result = call("crawl", *options, "--benchmark-text", "question", "--action", "drop")
    assert result.exit_code == 0, result.output
    assert "5 texts: 2 contaminated, 1 row could not be read" in result.stdout
    assert "quiz: 2 of 2 items found" in result.stdout
    assert "other: 0 of 1 item found" in result.stdout
    assert "set aside: c.parquet: unreadable file" in result.stdout
    assert "set aside: b.jsonl:3: broken JSON" in result.stdout
    with Path("crawl/d.jsonl").open("w") as file:
        file.write("[]\n" * 12)
    result = call("crawl", *options, "--benchmark-text", "question")
    named = [line for line in result.stdout.splitlines() if line.startswith("set aside:")]
    assert named[2] == "set aside: d.jsonl:1: not a JSON object; each line must be one"
    assert named[9].startswith("set aside: d.jsonl:8:")
    assert named[10] == "set aside: 4 more, all in found/set_aside.parquet"
    Path("crawl/d.jsonl").unlink()
    result = call("crawl", *options, "--benchmark-text", "question", "--action", "drop")
    assert Path("found/clean/a.txt").read_text() == "nothing here\nthe end\n"
    assert Path("found/clean/b.jsonl").read_text() == '{"content": "fine"}\n'


@pytest.mark.usefixtures("files")
def test_json_and_a_kept_index() -> None:
    first = call("crawl", "--benchmark", "quiz.csv", "--out", "a", "--index", "kept", "--json")
    found: dict[str, Any] = json.loads(first.stdout)
    assert (found["contaminated"], found["unreadable"]) == (2, 1)
    second = call("crawl", "--benchmark", "kept", "--out", "b", "--json")
    assert json.loads(second.stdout) == found | {"folder": "b"}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["none", "--benchmark", "quiz.csv"], "There is no file or folder 'none'"),
        (["crawl", "--benchmark", "none.csv"], "no file or folder 'none.csv'"),
        (["crawl", "--benchmark", "quiz.csv", "--action", "delete"], "must be one of"),
        (["crawl", "--benchmark", "quiz.csv", "--benchmark", "quiz.csv"], "Two benchmarks"),
    ],
)
def test_what_it_refuses(options: list[str], said: str) -> None:
    result = call(*options, "--out", "found")
    assert isinstance(result.exception, InputError)
    assert said in str(result.exception)
