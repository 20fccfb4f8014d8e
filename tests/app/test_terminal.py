"""Nothing from data reaches a terminal as a command to it."""

from __future__ import annotations

import ast
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

import thresher.app
from thresher.app.console import Bars
from thresher.app.terminal import Terminal, result_console, visible, write_line

HOSTILE = "\x1b]0;title\x07\x1b[31mred\x1b]52;c;eA==\x1b\\ \x9b2J \r\b \u202egnp.exe \u2028 \ud83d"


def test_what_a_terminal_obeys_is_shown_instead() -> None:
    shown = visible(HOSTILE)
    assert shown.isprintable()
    assert shown.startswith(r"\x1b]0;title\x07\x1b[31mred")
    assert r"\u202egnp.exe" in shown
    assert visible("naïve 汉字 👩‍👧\tx\n") == "naïve 汉字 👩‍👧\tx\n"
    assert visible(shown) == shown


def test_a_line_and_ascii_json_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    text = json.dumps({"a": HOSTILE, "b": "\x7f"})
    write_line(text)
    assert capsys.readouterr().out == text + "\n"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_cells_and_messages_show_it_too(is_terminal: bool) -> None:
    stream = io.StringIO()
    console = Terminal(file=stream, force_terminal=is_terminal, width=400, color_system=None)
    table = Table(HOSTILE, title=HOSTILE)
    table.add_row(HOSTILE)
    console.print(table)
    console.print(HOSTILE, markup=False, highlight=False, soft_wrap=True)
    Bars(console).message(HOSTILE)
    written = stream.getvalue()
    assert written.count(visible(HOSTILE)) == 5
    assert all(line.isprintable() for line in written.splitlines())


def test_a_pipe_gets_whole_lines_and_columns_say_otherwise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lines() -> list[str]:
        table = Table("name")
        table.add_row("x" * 300)
        result_console().print(table)
        return capsys.readouterr().out.splitlines()

    monkeypatch.delenv("COLUMNS", raising=False)
    assert max(map(len, lines())) == 304
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, lines())) == 60


def test_colors_of_our_own_stay() -> None:
    stream = io.StringIO()
    Terminal(file=stream, force_terminal=True, color_system="standard").print("[red]x[/red]\x1b")
    assert stream.getvalue() == "\x1b[31mx\x1b[0m\\x1b\n"


def test_all_output_of_the_application_goes_through_one_place() -> None:
    home = Path(thresher.app.__file__).parent
    bare = []
    for file in sorted(home.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if name in ("print", "Console") and file.name != "terminal.py":
                bare.append(f"{file.relative_to(home)}:{node.lineno}")  # type: ignore[attr-defined]
    assert bare == []


def test_a_name_that_the_terminal_cannot_show_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "ä.csv").write_text("text,label\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "thresher", "curate", "quality", str(tmp_path / "ä\x1b[2J.csv")],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert done.returncode == 2
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"Traceback" not in done.stderr
    assert rb"\xe4\x1b[2J.csv" in done.stderr
