"""The changelog and the decisions stay whole when several people add to them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]


def repeated(entries: list[str]) -> list[str]:
    return [entry for entry, count in Counter(entries).items() if count > 1]


def test_the_changelog_says_each_thing_once_and_in_bullets():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    lines = text.partition("## [Unreleased]")[2].splitlines()
    assert [line for line in lines if not re.match(r"(- \S|  \S|##+ |$)", line)] == []
    assert repeated([line for line in lines if line.startswith("- ")]) == []
    assert repeated(re.findall(r"^## .*|^### .*", text.partition("## [0.1.0]")[0], re.M)) == []


def test_each_decision_has_a_number_of_its_own():
    names = [path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md")]
    assert repeated([name[:3] for name in names]) == []
