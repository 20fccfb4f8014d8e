"""Plant damage in a corpus, and count what a check finds of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .text_damage import KINDS, Draw

# Of every corpus at most this share of rows is damaged, all kinds together.
DAMAGED = 0.2


@dataclass(frozen=True)
class Planted:
    """A corpus with damage: its texts, and the kind of damage of each row, "" for none."""

    name: str
    texts: list[str]
    kinds: np.ndarray


def plant(name: str, texts: list[str], *, judged: bool, seed: int) -> Planted:
    """Damage rows in place, the 45 kinds in turn until a fifth of the rows is damaged."""
    rng = np.random.default_rng([seed, *name.encode()])
    free = rng.permutation(len(texts)).tolist()
    changed, kinds = list(texts), np.full(len(texts), "", dtype=object)
    draw = Draw(name, rng, judged, texts)
    order = [list(KINDS)[place] for place in rng.permutation(len(KINDS))]
    turn = 0
    while (kinds != "").sum() < DAMAGED * len(texts) and turn < len(KINDS) * len(texts):
        kind = order[turn % len(order)]
        turn += 1
        # A row that cannot be damaged so (no spaces, no capitals) is tried with three others.
        for row in free[-4:]:
            damaged = KINDS[kind](texts[row], draw)
            if damaged is not None and damaged != texts[row]:
                changed[row], kinds[row] = damaged, kind
                free.remove(row)
                break
        rng.shuffle(free)
    return Planted(name, changed, kinds)


def counted(planted: Planted, flagged: np.ndarray) -> dict[str, float]:
    """Recall of the planted rows, precision of the flags, and the share of other rows flagged."""
    bad = planted.kinds != ""
    hits = int((flagged & bad).sum())
    return {
        "rows": len(bad),
        "planted": int(bad.sum()),
        "found": hits,
        "flagged": int(flagged.sum()),
        "clean_flagged": float(flagged[~bad].mean()) if (~bad).any() else 0.0,
    }
