"""The words and stops of texts as numbers, rare words by their class, and which follow which.

A bigram model of a corpus fitted on itself: the association of two neighbors is the logarithm of
how many times more often the second follows the first than it stands anywhere. A text's own pairs
are left out of the counts that judge it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[^\w\s]|_+")
# A word that fewer texts hold counts as one of its class: its capital and its last letters.
FREQUENT = 5
LONGEST = 300
# The association of a pair never seen, as so many sightings of an average pair.
PRIOR = 5.0
START, END = 0, 1


@dataclass(frozen=True)
class Words:
    """Tokens of all texts, one after the other, each text between a start and an end.

    Attributes
    ----------
    tokens : ndarray of int64, shape (m,)
        0 where a text starts, 1 where it ends, higher numbers for types.
    rows : ndarray of int64, shape (m,)
    frequent : ndarray of bool
        Whether each type is a frequent word, not a class of rare ones, a number or a stop.
    lasts : list of str, n rows
        The last token of each text, "" without any.
    spread : Counter of str
        In how many texts each token stands.
    numbers : dict of str to int
        The type of each token.
    """

    tokens: np.ndarray
    rows: np.ndarray
    frequent: np.ndarray
    lasts: list[str]
    spread: Counter[str]
    numbers: dict[str, int]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Words:
        """Read the tokens of each text; of more than 300, the first and the last."""
        found = [_ends(TOKEN.findall(text)) for text in texts]
        spread = Counter(word for words in found for word in set(words))
        types = {"": START, "\n": END}
        known = {
            word: types.setdefault(word if count >= FREQUENT else _class(word), len(types))
            for word, count in spread.items()
        }
        tokens, rows = _numbered(found, known)
        lasts = [words[-1] if words else "" for words in found]
        frequent = np.array([word[-1:] != "\n" and word[:1].isalpha() for word in types])
        return cls(tokens, rows, frequent, lasts, spread, known)

    def read(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return `tokens` and `rows` of other texts, without the tokens that are not known."""
        found = [_ends(TOKEN.findall(text)) for text in texts]
        return _numbered(
            [[word for word in words if word in self.numbers] for words in found], self.numbers
        )


def _numbered(texts: list[list[str]], numbers: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.array([len(words) + 2 for words in texts], dtype=np.int64)
    tokens = [
        number for words in texts for number in (START, *map(numbers.__getitem__, words), END)
    ]
    return np.array(tokens, dtype=np.int64), np.repeat(np.arange(len(texts)), lengths)


def _ends(words: list[str]) -> list[str]:
    return words if len(words) <= LONGEST else words[: LONGEST - 10] + words[-10:]


def _class(word: str) -> str:
    if word[0].isdigit():
        return f"#{min(len(word), 5)}\n"
    return ("^" if word[0].isupper() else "~") + word[-2:].lower() + "\n"


class Associations:
    """How much more often one token follows another than it stands anywhere, as a logarithm."""

    def __init__(self, words: Words) -> None:
        inner = words.tokens[:-1] != END
        firsts, seconds = words.tokens[:-1][inner], words.tokens[1:][inner]
        self.size = int(words.tokens.max(initial=END)) + 1
        self.keys, self.counts = np.unique(firsts * self.size + seconds, return_counts=True)
        self.firsts = np.bincount(firsts, minlength=self.size)
        shares = np.bincount(seconds, minlength=self.size) + 0.5
        self.shares = shares / shares.sum()

    def of(self, firsts: np.ndarray, seconds: np.ndarray, *, own: bool = True) -> np.ndarray:
        """Association of pairs, (m,); with `own`, one sighting of each is the pair itself."""
        keys = firsts * self.size + seconds
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        seen = np.where(self.keys[place] == keys, self.counts[place], 0)
        others = np.maximum(seen - own, 0)
        total = np.maximum(self.firsts[firsts] - own, 0)
        return np.asarray(np.log((others / self.shares[seconds] + PRIOR) / (total + PRIOR)))
