"""The files that browsers get: texts stay texts, and nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[3] / "thresher/app/web/static"
FILES = sorted(path for path in STATIC.iterdir() if path.suffix in (".js", ".html", ".css", ".svg"))
MARKUP = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|srcdoc"
PROGRAMS = r"\beval\(|new Function|setTimeout\(\s*['\"`]|javascript:"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_text_becomes_markup_or_a_program(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.search(MARKUP, text) is None
    assert re.search(PROGRAMS, text) is None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert re.search(r"https?://|@import|url\(", text) is None


@pytest.mark.parametrize("path", [p for p in FILES if p.suffix == ".html"], ids=lambda p: p.name)
def test_pages_have_no_scripts_or_styles_inside(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\son\w+=", text) is None
    assert '<html lang="en">' in text
    assert 'name="viewport"' in text
    assert 'id="live"' in text
    assert 'id="banner"' in text
