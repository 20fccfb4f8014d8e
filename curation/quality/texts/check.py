"""A check of single texts: where to look, what to find there, and how to say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from thresher.core.counted import percent

from ..result import Finding, finding
from .table import TextTable

# A kind of damage that more rows have is how this corpus is written: it is said once.
HABIT = 0.1
# What is private or broken anywhere is listed row by row until most rows have it.
MOSTLY = 0.5
ALWAYS_LISTED = 1.0
# So few rows make no habit, however small the corpus.
FEWEST_OF_A_HABIT = 5

# Where something begins in a text, and what it is in words; and where it begins and ends.
Place = tuple[int, str]
Span = tuple[int, int]


@dataclass(frozen=True)
class Check:
    """One kind of damage.

    Attributes
    ----------
    what : str
        What is found, for a note about the corpus: ``"HTML tags"``.
    kind : str
        The kind of defect it counts as: ``"markup"``.
    rows : callable
        From a `TextTable` to the rows that are looked at: cheap, and never leaving one out.
    find : callable
        From a text to the place and the words of the first finding, or None.
    score : float
        0–1, low = bad.
    habit : float
        Above this share of the rows it is said of the corpus instead.
    in_notation : bool
        Whether it is a fault in a corpus of code or formulas too.
    """

    what: str
    kind: str
    rows: Callable[[TextTable], np.ndarray]
    find: Callable[[str], Place | None]
    score: float = 0.3
    habit: float = HABIT
    in_notation: bool = True

    def run(self, table: TextTable) -> dict[int, str]:
        """Return what is found by row, in words."""
        found = {}
        for row in self.rows(table).tolist():
            place = self.find(table.texts[row])
            if place is not None:
                found[row] = f"{place[1]} at character {place[0] + 1:,}"
        return found


@dataclass(frozen=True)
class Hits:
    """Rows in which one thing was found, with the words for each, and its habit."""

    what: str
    kind: str
    words: dict[int, str]
    score: float
    habit: float


def listed(hits: Sequence[Hits], *, n: int) -> list[Hits]:
    """Return the hits that are said row by row: no habits of the corpus."""
    return [hit for hit in hits if len(hit.words) <= max(hit.habit * n, FEWEST_OF_A_HABIT)]


def findings_of(hits: Sequence[Hits], *, n: int) -> tuple[list[Finding], tuple[str, ...]]:
    """Join hits into one finding for each kind, and say what is a habit of the corpus in notes."""
    kept = listed(hits, n=n)
    notes = tuple(
        f"{hit.what} in {percent(len(hit.words) / n)} of the texts, taken as how they are written"
        for hit in hits
        if hit not in kept
    )
    rows: dict[str, dict[int, tuple[float, str]]] = {}
    for hit in kept:
        of_kind = rows.setdefault(hit.kind, {})
        for row, words in hit.words.items():
            if row not in of_kind or hit.score < of_kind[row][0]:
                of_kind[row] = (hit.score, words)
    return [_finding(kind, of_kind, n) for kind, of_kind in rows.items()], notes


def _finding(kind: str, rows: dict[int, tuple[float, str]], n: int) -> Finding:
    mask, scores = np.zeros(n, dtype=bool), np.ones(n)
    for row, (score, _) in rows.items():
        mask[row], scores[row] = True, score
    details = [rows[row][1] for row in np.flatnonzero(mask).tolist()]
    return finding(kind, mask, scores=scores, details=details)


def shown(piece: str, *, longest: int = 40) -> str:
    """Return a piece of text in quotation marks, cut where it is long."""
    return repr(piece if len(piece) <= longest else piece[: longest - 1] + "…")


def masked(piece: str) -> str:
    """Return a private piece with all but its ends and its shape hidden."""
    last = len(piece) - 2
    hidden = "".join(
        "•" if sign.isalnum() and 2 <= place < last else sign for place, sign in enumerate(piece)
    )
    return shown(hidden if len(piece) > 6 else "•" * len(piece))


def first_private(text: str, spans: Iterator[Span], what: str) -> Place | None:
    """Return the place of the first of some private pieces, with its middle hidden."""
    for start, end in spans:
        return start, f"{what} {masked(text[start:end])}"
    return None
