"""How usual the pairs of characters of a text are in the corpus, read forwards and backwards.

A bigram model of characters fitted on the corpus itself; each text is judged by the others. Costs
two passes over the characters and a sort of each block of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..fences import fences
from .check import Hits
from .table import TextTable, blocks

# The most frequent characters have a number of their own, all others share the last one.
SIGNS = 1_024
LONGEST = 2_000
SMOOTHING = 0.01
# Nats a pair by which a text must read better backwards, and how many pairs that takes.
BACKWARDS, FEWEST_PAIRS = 0.35, 12
DRAWN = 10


def pair_log_probs(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Mean log-probability of each character given the one before, and given the one after, (n,).

    Each text counts once however long it is, through at most its first 2,000 characters; a text's
    own pairs are left out of the counts that judge it, so that one odd text cannot vouch for
    itself. NaN for texts of fewer than five characters.
    """
    clipped = [text.lower()[:LONGEST] for text in texts]
    ids = _numbers(clipped)
    size = int(ids.max(initial=0)) + 1
    counts = np.zeros(size * size)
    for _, table in blocks(clipped):
        codes, _ = _pairs(table, ids, size)
        counts += np.bincount(codes, minlength=size * size)
    parts = [_judge(*_pairs(table, ids, size), counts, len(table)) for _, table in blocks(clipped)]
    forwards = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0)
    backwards = np.concatenate([part[1] for part in parts]) if parts else np.zeros(0)
    return forwards, backwards


def _numbers(texts: list[str]) -> np.ndarray:
    """Give the code points numbers by how often they stand in the texts."""
    seen = np.zeros(0x110000, dtype=np.int64)
    for _, table in blocks(texts):
        found = np.bincount(table.codes)
        seen[: len(found)] += found
    order = np.argsort(-seen, kind="stable")[: min(SIGNS - 1, int((seen > 0).sum()))]
    ids = np.full(0x110000, len(order), dtype=np.int64)
    ids[order] = np.arange(len(order))
    return ids


def _pairs(table: TextTable, ids: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of neighboring characters within rows, as numbers, and their rows."""
    signs = ids[table.codes]
    rows = np.repeat(np.arange(len(table)), table.lengths)
    same = rows[:-1] == rows[1:]
    return (signs[:-1] * size + signs[1:])[same], rows[:-1][same]


def _judge(
    codes: np.ndarray, rows: np.ndarray, counts: np.ndarray, n: int
) -> tuple[np.ndarray, np.ndarray]:
    size = int(np.sqrt(len(counts)))
    keys, inverse, own = np.unique(
        rows * len(counts) + codes, return_inverse=True, return_counts=True
    )
    mine = own[inverse]
    firsts, seconds = codes // size, codes % size
    square = counts.reshape(size, size)
    per_row = np.bincount(rows, minlength=n)
    own_first = _own(rows, firsts, firsts, size)
    weight = SMOOTHING * size
    forwards = np.log(
        (counts[codes] - mine + SMOOTHING) / (square.sum(axis=1)[firsts] - own_first + weight)
    )
    turned = seconds * size + firsts
    place = np.searchsorted(keys, rows * len(counts) + turned)
    place = np.minimum(place, max(0, len(keys) - 1))
    mine_turned = np.where(keys[place] == rows * len(counts) + turned, own[place], 0)
    own_second = _own(rows, firsts, seconds, size)
    backwards = np.log(
        (counts[turned] - mine_turned + SMOOTHING)
        / (square.sum(axis=1)[seconds] - own_second + weight)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = [
            np.bincount(rows, values, minlength=n) / per_row for values in (forwards, backwards)
        ]
    short = per_row < 4
    return np.where(short, np.nan, mean[0]), np.where(short, np.nan, mean[1])


def _own(rows: np.ndarray, signs: np.ndarray, wanted: np.ndarray, size: int) -> np.ndarray:
    """How often the own row has each of the wanted signs among its signs."""
    keys, own = np.unique(rows * size + signs, return_counts=True)
    asked = rows * size + wanted
    place = np.minimum(np.searchsorted(keys, asked), max(0, len(keys) - 1))
    return np.where(keys[place] == asked, own[place], 0)


def pair_hits(texts: Sequence[str], whole: np.ndarray) -> list[Hits]:
    """Find texts whose letter pairs are rare in the corpus, and texts written backwards.

    `whole` is a mask of the texts that are not empty, shape (n,).
    """
    forwards, backwards = np.full(len(texts), np.nan), np.full(len(texts), np.nan)
    kept = [text for text, ok in zip(texts, whole, strict=True) if ok]
    forwards[whole], backwards[whole] = pair_log_probs(kept)
    middle = np.nanmedian(forwards) if np.isfinite(forwards).any() else 0.0
    # The mean of few pairs says little: it is drawn to the middle as if by ten usual pairs.
    lengths = np.array([min(len(text), LONGEST) for text in texts])
    drawn = middle + (forwards - middle) * lengths / (lengths + DRAWN)
    lower, _ = fences(drawn, reach=4.0, least=0.15)
    rare = {
        int(
            row
        ): f"letter pairs have the mean log-probability {drawn[row]:.1f}, corpus limit {lower:.1f}"
        for row in np.flatnonzero(drawn < lower)
    }
    return [
        Hits("rare letter pairs", "gibberish", rare, 0.3, 0.1),
        _backwards(texts, forwards, backwards),
    ]


def _backwards(texts: Sequence[str], forwards: np.ndarray, backwards: np.ndarray) -> Hits:
    gain = backwards - forwards
    _, upper = fences(gain, reach=2.0, least=0.1)
    found = {
        row: f"reads better backwards: {texts[row][::-1][:40]!r}"
        for row in np.flatnonzero(gain > max(BACKWARDS, upper)).tolist()
        if len(texts[row]) > FEWEST_PAIRS
    }
    return Hits("texts written backwards", "gibberish", found, 0.2, 0.1)
