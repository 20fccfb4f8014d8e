"""The guide to chat and web text runs as it stands."""

from __future__ import annotations

import csv
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from thresher.app.cli import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "chat_text.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_every_command_and_every_line_of_python_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_files()
    lines = [line for block in blocks("console") for line in block.strip().splitlines()]
    assert len(lines) >= 14
    for line in lines:
        if line.startswith("thresher label tell"):
            judge()
        monkeypatch.setattr(sys, "argv", shlex.split(line, comments=True))
        code: object = 0
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code or 0
        assert code == 0, line
    assert Path("back.jsonl").read_text() == Path("chats.jsonl").read_text()
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, PAGE.name, "exec"), names)


def judge() -> None:
    """Fill the column of labels as people do."""
    with Path("batch.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with Path("judged.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {"label": "yes" if "river" in row["text"] else "no"})


def make_files() -> None:
    words = [("the river is deep", "buy it now")[at % 2] for at in range(320)]
    write("pool.jsonl", [{"text": f"{text} {at}"} for at, text in enumerate(words)])
    asked = ["How long does an egg boil?", "how long does an egg boil", "Where is Rome?"]
    said = ["It takes ten minutes.", "Ten.", "I'm sorry, but I can't help with that."]
    turns = [
        [{"role": "user", "content": ask}, {"role": "assistant", "content": say}]
        for ask, say in zip(asked, said, strict=True)
    ]
    write("chats.jsonl", [{"messages": each} for each in turns])
    texts = ["Mail ann@example.org now.", "The river and the hills. " * 30]
    write("web.jsonl", [{"text": text} for text in texts])
    pairs = zip(asked, said, [1, 2, 3], strict=True)
    write("pairs.jsonl", [{"prompt": a, "completion": b, "score": c} for a, b, c in pairs])


def write(name: str, rows: list[dict[str, object]]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
