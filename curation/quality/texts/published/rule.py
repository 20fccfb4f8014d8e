"""A published rule: what is measured of a text, and within which limits it stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One limit of one corpus.

    Attributes
    ----------
    name : str
        The corpus and what is wrong, as a kind of quality issue: ``"gopher: few words"``.
    what : str
        What is measured, in words.
    low, high : float
        Texts beyond these go, as published.
    """

    name: str
    what: str
    low: float = float("-inf")
    high: float = float("inf")

    def check(self, value: float) -> Iterator[Fired]:
        """Yield the finding for a value beyond the limits."""
        if value < self.low or value > self.high:
            yield Fired(self, value)


@dataclass(frozen=True)
class Fired:
    """A rule that a text does not keep, and what was measured."""

    rule: Rule
    value: float

    @property
    def detail(self) -> str:
        """What was measured, and the limit, in words."""
        below = self.value < self.rule.low
        limit = self.rule.low if below else self.rule.high
        side = "below" if below else "above"
        return f"{self.rule.what} {self.value:.4g}, {side} {limit:g}"
