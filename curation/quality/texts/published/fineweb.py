"""The rules that FineWeb adds to those of Gopher and C4 (Penedo et al., 2024, arXiv 2406.17557)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .pieces import repeated, stops
from .rule import Fired, Rule

STOPPED = Rule("fineweb lines without a stop", "share of lines that end with a stop", low=0.12)
SHORT = Rule("fineweb short lines", "share of lines of 30 signs or fewer", high=0.67)
REPEATED = Rule("fineweb repeated lines", "share of signs in repeated lines", high=0.01)
LIST = Rule("fineweb list", "line ends for each word", high=0.3)
EMPTY = Rule("fineweb empty", "lines", low=1)
SHORT_LINE = 30


def page(text: str, tokens: Sequence[str]) -> Iterator[Fired]:
    """Yield the rules that a page does not keep."""
    lines = [line for line in text.split("\n") if line.strip()]
    yield from EMPTY.check(len(lines))
    if not lines:
        return
    yield from STOPPED.check(sum(line.endswith(stops()) for line in lines) / len(lines))
    yield from SHORT.check(sum(len(line) <= SHORT_LINE for line in lines) / len(lines))
    yield from REPEATED.check(repeated(lines)[1] / len(text.replace("\n", "")))
    yield from LIST.check(text.count("\n") / max(1, len(tokens)))
