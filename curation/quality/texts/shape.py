"""The shape of a text: capitals throughout, spaces lost or added, digits inside of words."""

from __future__ import annotations

import re

import numpy as np

from thresher.core.counted import counted

from .check import Check, Place, shown
from .table import CAPITAL, SMALL, SPACE, TextTable

FEWEST_CAPITALS, CAPITAL_SHARE = 12, 0.95
# Letters and stops without a space between them; the words of no language are so long on average.
LONG_WORD, LONG_RUN = 15, 18
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)
ADDRESS = re.compile(r"\w{0,12}://|www\.|\S*[\w-]@[\w-]")
SPACED = re.compile(r"(?<!\S)(?:[^\W\d_][,.;:!?'’]?\s+){7,}[^\W\d_](?!\w)")
# A digit or a bar for a letter, between small letters or at the end of them.
MISREAD = re.compile(r"(?<![^\s(\"'])(?:[0-9|!+][^\W\d_A-Z]+|[^\W\d_]+[0-9|!@+$][^\W\d_A-Z])\S*")
UNITS = re.compile(
    r"[\d.,:]+(?:st|nd|rd|th|s|er|e|º|ª|[a-zµ]{1,3}|am|pm|x|px|mm|cm|km|kg|mb|gb|ghz|mhz|hz|khz)?\W*",
    re.IGNORECASE,
)


def _capitals(text: str) -> Place | None:
    words = re.findall(r"[^\W\d_]{2,}", text)
    capitals, small = sum(map(str.isupper, text)), sum(map(str.islower, text))
    if len(words) < 3 or capitals < max(FEWEST_CAPITALS, CAPITAL_SHARE * (capitals + small)):
        return None
    return text.find(words[0]), f"capitals throughout, first {shown(words[0])},"


def _run_together(text: str) -> Place | None:
    words = text.split()
    if len(text) < LONG_WORD * len(words) or UNSPACED.search(text):
        return None
    runs = [
        run for word in words if not ADDRESS.match(word) for run in re.findall(r"[^\W\d_]+", word)
    ]
    longest = max(runs, key=len, default="")
    if len(longest) < LONG_RUN:
        return None
    return text.find(longest), f"no space in {shown(longest)}, {len(longest)} letters,"


def _spaced(text: str) -> Place | None:
    found = SPACED.search(text)
    return found and (found.start(), f"spaces between the letters {shown(found.group())}")


def _misread(text: str) -> Place | None:
    words = text.split()
    if len(words) < 3:
        return None
    found = [m for m in MISREAD.finditer(text) if not UNITS.fullmatch(m.group())]
    if len(found) < max(2, 0.12 * len(words)):
        return None
    return found[0].start(), (
        f"digits or signs for letters in {counted(len(found), 'word')}, first "
        f"{shown(found[0].group())}"
    )


def _in_capitals(table: TextTable) -> np.ndarray:
    capitals = table.count(CAPITAL)
    cased = capitals + table.count(SMALL)
    return np.flatnonzero((capitals >= FEWEST_CAPITALS) & (capitals >= CAPITAL_SHARE * cased))


def _with_few_spaces(table: TextTable) -> np.ndarray:
    spaces = table.count(SPACE)
    return np.flatnonzero(
        (table.lengths >= LONG_WORD) & (table.lengths >= LONG_WORD * (spaces - 1))
    )


def _with_many_spaces(table: TextTable) -> np.ndarray:
    return np.flatnonzero(table.count(SPACE) >= np.maximum(7, 0.25 * table.lengths))


CHECKS = (
    Check("capitals throughout", "capitals", _in_capitals, _capitals, 0.45, 0.02),
    Check("texts without spaces", "spacing", _with_few_spaces, _run_together, 0.3),
    Check("spaces between letters", "spacing", _with_many_spaces, _spaced, 0.3),
    Check(
        "digits within words",
        "gibberish",
        lambda table: table.having("0123456789|+@!$"),
        _misread,
        0.3,
        in_notation=False,
    ),
)
