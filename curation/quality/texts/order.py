"""Words in an order that the corpus does not know, and texts that end where none ends.

Shuffled words: see `disorder`. Cut texts: how much likelier the last word is at any place than at
an end, from three sides: whether texts end without a stop, with this word, or with a word that is
only the beginning of others.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

import numpy as np

from .check import Hits, shown
from .disorder import disorder_hits
from .words import Words

FEWEST_TEXTS = 100
# Likelihood ratio of "cut" to "ended" that is believed, cut texts being rare.
BELIEVED = 100.0
FEWEST_SIGNS = 10


def order_hits(texts: Sequence[str], sound: np.ndarray) -> list[Hits]:
    """Find texts whose words are out of order, and texts that were cut in the middle.

    `sound` is a mask of the texts in which nothing else was found, shape (n,): only their ends
    say how texts end here.
    """
    if len(texts) < FEWEST_TEXTS:
        return []
    words = Words.of(texts)
    shuffled = disorder_hits(texts, words)
    whole = sound.copy()
    whole[list(shuffled.words)] = False
    return [shuffled, _cut(texts, words, whole)]


def _cut(texts: Sequence[str], words: Words, sound: np.ndarray) -> Hits:
    """Weigh each end: without a stop, with this word, with the beginning of a word."""
    rows = [row for row in np.flatnonzero(sound).tolist() if words.lasts[row]]
    open_rows = [row for row in rows if words.lasts[row][-1].isalnum()]
    if not open_rows:
        return Hits("cut texts", "cut off", {}, 0.4, 0.05)
    ends = Counter(words.lasts[row] for row in open_rows)
    open_share = len(open_rows) / len(rows)
    total = sum(words.spread.values())
    unfinished = _beginnings(words, ends)
    rate = max(0.005, sum(word in unfinished for word in ends) / len(open_rows))
    found = {}
    for row in open_rows:
        last = words.lasts[row]
        expected = words.spread[last] * len(open_rows) / total
        ratio = 0.9 / open_share * (expected + 0.5) / (ends[last] - 0.5)
        ratio *= 0.5 / rate if last in unfinished else 1
        if ratio > BELIEVED and len(texts[row]) >= FEWEST_SIGNS:
            end = len(texts[row].rstrip())
            found[row] = (
                f"ends with {shown(last)}, {_why(last, unfinished, ends)}, at character {end:,}"
            )
    return Hits("cut texts", "cut off", found, 0.4, 0.05)


def _beginnings(words: Words, ends: Counter[str]) -> set[str]:
    """Return the last words that stand nowhere else and with which frequent words begin."""
    vocabulary = sorted(
        word for word, count in words.spread.items() if count >= 3 and len(word) > 2
    )
    found = set()
    for word in ends:
        if words.spread[word] > 1 or not word.isalpha() or len(word) < 2:
            continue
        place = bisect_left(vocabulary, word)
        if (
            place < len(vocabulary)
            and vocabulary[place].startswith(word)
            and vocabulary[place] != word
        ):
            found.add(word)
    return found


def _why(last: str, unfinished: set[str], ends: Counter[str]) -> str:
    if last in unfinished:
        return "the beginning of a longer word"
    return "where nearly all other texts end with a stop" if ends[last] < 2 else "as few others do"
