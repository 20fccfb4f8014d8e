"""Which column is the label: by its name, or the only one that can be; else the likely ones."""

from __future__ import annotations

from dataclasses import dataclass

from .column_kinds import CATEGORY, IMAGE, KEY, NUMBER, PROSE, SETS, TEXT, Kind
from .column_names import LABEL_NAMES, LABEL_WORDS, OUTCOME_NAMES, name_words, plain_name

NO_LABEL = "none"
# Of a table of numbers a column with more values is rather one of its numbers.
MOST_CLASSES, SHOWN = 20, 6
FEWEST_FILLED = 0.5


@dataclass(frozen=True)
class LabelGuess:
    """The label, or None with the columns that could be it, the likeliest first; and why."""

    label: str | None
    reason: str
    candidates: tuple[str, ...] = ()


def named_label(kinds: dict[str, Kind]) -> LabelGuess | None:
    """Return the column that is called like a label; None if there is none.

    One that holds texts, as the target of a translation does, is no label: the guess has none then.
    """
    refused = None
    coordinates = _coordinates(kinds)
    for usual in LABEL_NAMES:
        for name, kind in kinds.items():
            if plain_name(name) != usual or name in coordinates:
                continue
            if kind.of in (IMAGE, KEY) or not kind.filled:
                continue
            if kind.of == TEXT and kind.words >= PROSE:
                refused = refused or f"{name!r} holds texts, {kind.distinct:,} different ones"
            else:
                return LabelGuess(name, "named like a label")
    return None if refused is None else LabelGuess(None, refused)


def _coordinates(kinds: dict[str, Kind]) -> set[str]:
    """Return the columns ``y`` that are a place in space or in a picture rather than a result."""
    there = {plain_name(name) for name in kinds}
    beside = ({"z"}, {"w", "h"}, {"width", "height"})
    if "x" not in there or not any(names <= there for names in beside):
        return set()
    return {name for name in kinds if plain_name(name) == "y"}


def guess_label(kinds: list[Kind], *, tabular: bool) -> LabelGuess:
    """Return the column named like a result, or the only one with few values.

    Parameters
    ----------
    kinds : list of Kind
        Of the columns that have no other role; of a table of numbers also those.
    tabular : bool
        Whether it is a table of numbers, in which other columns have few values too.
    """
    found = [kind for kind in kinds if _may_be_label(kind, tabular=tabular)]
    ranked = sorted(found, key=_rank)
    named = [kind for kind in ranked if _named(kind.name) < len(TIERS)]
    best = [kind for kind in named if _named(kind.name) == _named(named[0].name)]
    if len(best) == 1:
        return LabelGuess(best[0].name, "named like what is to be told", _names(ranked))
    if len(found) == 1:
        return LabelGuess(
            found[0].name, f"the only other column with few values {_values(found[0])}"
        )
    if not found:
        return LabelGuess(None, "no column looks like a label")
    names = _names(ranked)
    more = f" and {len(ranked) - SHOWN} more" if len(ranked) > SHOWN else ""
    return LabelGuess(None, f"could be {', '.join(names)}{more}", names)


def _values(kind: Kind) -> str:
    return f"({kind.distinct:,})" if kind.distinct else "(lists)"


def _names(ranked: list[Kind]) -> tuple[str, ...]:
    return tuple(kind.name for kind in ranked[:SHOWN])


def _may_be_label(kind: Kind, *, tabular: bool) -> bool:
    if kind.of == SETS:
        return True
    if kind.of not in (CATEGORY, NUMBER) or kind.filled < FEWEST_FILLED:
        return False
    if kind.distinct >= 2 and _named(kind.name) == 0:
        return True
    most = MOST_CLASSES if tabular else kind.most
    return kind.whole and 2 <= kind.distinct <= min(most, kind.most)


TIERS = (frozenset(OUTCOME_NAMES), LABEL_WORDS)


def _named(name: str) -> int:
    """Return how much a column is named like a label, 0 the most."""
    words = name_words(name)
    if plain_name(name) in TIERS[0]:
        return 0
    return 1 if words and words[-1] in TIERS[1] else len(TIERS)


def _rank(kind: Kind) -> tuple[int, bool, int, float]:
    return _named(kind.name), kind.of == NUMBER, kind.distinct, -kind.filled
