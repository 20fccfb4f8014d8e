"""Repetition: runs of one sign, of one word, of groups of three words, of lines.

The limits for lines and groups are Gopher's (Rae et al., 2021), loosened for short texts and for
records that name a thing in two columns: only what stands three times or more counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import groupby

import numpy as np

from thresher.core.counted import counted, percent

from .check import Check, Place, shown
from .table import TextTable

LETTER_RUN = re.compile(r"([^\W\d_])\1{9,}")
SIGN_RUN = re.compile(r"([^\w\s])\1{29,}|_{30,}")
WORDS_IN_A_ROW = 8
FEWEST_WORDS = 12
REPEATED = 0.5
FEWEST_LINES = 4


def _letters(text: str) -> Place | None:
    found = LETTER_RUN.search(text)
    return found and (
        found.start(),
        f"{found.group()[0]!r} {counted(len(found.group()), 'time')} in a row",
    )


def _signs(text: str) -> Place | None:
    found = SIGN_RUN.search(text)
    return found and (
        found.start(),
        f"{found.group()[0]!r} {counted(len(found.group()), 'time')} in a row",
    )


def _word(text: str) -> Place | None:
    words = text.split()
    if len(words) - len(set(words)) < WORDS_IN_A_ROW - 1:
        return None
    for word, same in groupby(words):
        times = len(list(same))
        if times >= WORDS_IN_A_ROW and any(map(str.isalpha, word)):
            return text.find(" ".join([word] * 2)), (
                f"the word {shown(word)} {counted(times, 'time')} in a row"
            )
    return None


def _groups(text: str) -> Place | None:
    words = text.lower().split()
    if len(words) < FEWEST_WORDS or len(set(words)) > 0.7 * len(words):
        return None
    triples = Counter(zip(words, words[1:], words[2:], strict=False))
    repeated = sum(count for count in triples.values() if count > 2) / (len(words) - 2)
    if repeated <= REPEATED:
        return _twice(text, words)
    first = " ".join(triples.most_common(1)[0][0])
    place = max(0, text.lower().find(first))
    return place, f"{percent(repeated)} of the word triples repeat, first {shown(first)}"


def _twice(text: str, words: list[str]) -> Place | None:
    half = len(words) // 2
    if len(words) % 2 or words[:half] != words[half:]:
        return None
    return len(text) // 2, "the whole text stands twice, again"


def _lines(text: str) -> Place | None:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    counts = Counter(lines)
    again = sum(len(line) * (count - 1) for line, count in counts.items() if len(line) >= 10)
    if len(lines) < FEWEST_LINES or again <= REPEATED * sum(map(len, lines)):
        return None
    first = counts.most_common(1)[0][0]
    return text.find(
        first
    ), f"{percent(again / sum(map(len, lines)))} are repeated lines, first {shown(first)}"


def _with_run(shortest: int) -> Callable[[TextTable], np.ndarray]:
    return lambda table: _rows_with_run(table, shortest)


def _rows_with_run(table: TextTable, shortest: int) -> np.ndarray:
    """Return the rows with a sign, other than space, that stands so often in a row."""
    codes = table.codes
    changes = np.flatnonzero(np.diff(codes)) + 1
    firsts = np.concatenate([[0], changes]) if len(codes) else changes
    long = firsts[np.diff(np.append(firsts, len(codes))) >= shortest]
    return table.rows_at(long)


def _wordy(table: TextTable) -> np.ndarray:
    return np.flatnonzero(table.total(table.codes == 32) >= FEWEST_WORDS - 6)


def _of_lines(table: TextTable) -> np.ndarray:
    return np.flatnonzero(table.total(table.codes == 10) >= FEWEST_LINES - 1)


CHECKS = (
    Check("runs of a letter", "repetition", _with_run(10), _letters),
    Check("runs of a sign", "repetition", _with_run(30), _signs, in_notation=False),
    Check("runs of a word", "repetition", _wordy, _word),
    Check("repeated words", "repetition", _wordy, _groups),
    Check("repeated lines", "repetition", _of_lines, _lines),
)
