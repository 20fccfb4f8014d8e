"""Every command that the README and the guides show exists, with the options that it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from thresher.app.cli.commands import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("docs/*/*.md"))]
SHELL = ("", "console", "bash", "sh")
GENERATED = {"cli.md", "log.md"}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def shown_in(page: Path) -> list[str]:
    """Return the lines of blocks that call the command, continued ones joined."""
    blocks = BLOCK.findall(page.read_text("utf-8"))
    text = "\n".join(block for kind, block in blocks if kind in SHELL).replace("\\\n", " ")
    lines = (re.sub(r"^\$ ", "", line.strip()) for line in text.splitlines())
    return [line for line in lines if line.startswith("thresher ")]


SHOWN = [
    pytest.param(line, id=f"{page.name}: {line}"[:90])
    for page in PAGES
    if page.name not in GENERATED
    for line in shown_in(page)
]


def parse(command: Any, words: list[str], above: Any = None) -> None:
    """Parse words as the command line does, down to the last command; nothing runs."""
    context = command.make_context(command.name or "thresher", list(words), parent=above)
    if hasattr(command, "resolve_command"):
        left = [*context._protected_args, *context.args]
        _, below, rest = command.resolve_command(context, left)
        parse(below, rest, context)


@pytest.mark.parametrize("line", SHOWN)
def test_a_shown_command_is_one(line: str) -> None:
    words = shlex.split(line.partition(" | ")[0].partition(" && ")[0], comments=True)
    parse(typer.main.get_command(app), words[1:])


def test_the_readme_shows_commands() -> None:
    assert len(shown_in(ROOT / "README.md")) >= 10
    assert len(SHOWN) >= 80
