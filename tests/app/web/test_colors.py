"""Texts can be read in the light and in the dark theme (WCAG 2.2, level AA: a contrast of 4.5)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[3] / "thresher/app/web/static"
SHEETS = ("style.css", "review.css")
INKS = ("ink", "soft", "accent", "bad", "warn")
PAIRS = [
    *((ink, ground) for ink in INKS for ground in ("paper", "wash", "raised")),
    ("accent", "tint"),
    ("bad", "bad-tint"),
    ("warn", "warn-tint"),
    ("good", "good-tint"),
    ("on-accent", "accent"),
    *((f"c{number}", "paper") for number in range(8)),
]  # fmt: skip


def themes() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {"light": {}, "dark": {}}
    for sheet in SHEETS:
        text = (STATIC / sheet).read_text(encoding="utf-8")
        parts = re.findall(r":root \{(.*?)\}", text, re.DOTALL)[:2]
        for name, part in zip(found, parts, strict=True):
            found[name] |= dict(re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})", part))
    assert found["light"].keys() == found["dark"].keys()
    return found


def luminance(color: str) -> float:
    digits = color[1:] if len(color) == 7 else "".join(digit * 2 for digit in color[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_of_black_on_white_is_known() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS, ids=lambda name: name)
def test_texts_can_be_read(theme: str, ink: str, ground: str) -> None:
    colors = themes()[theme]
    assert contrast(colors[ink], colors[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_focus_can_be_seen(theme: str) -> None:
    colors = themes()[theme]
    assert contrast(colors["focus"], colors["paper"]) >= 3
