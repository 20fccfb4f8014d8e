"""Token ids by hashing: no vocabulary to learn, to ship, or to fall out of step with the model.

The hashing trick of Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", 2009,
on words, word pairs and the character n-grams within words (Bojanowski et al., "Enriching Word
Vectors with Subword Information", 2016). All texts are hashed at once in numpy; cost is linear in
the characters, about 0.1 ms for a sentence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .errors import InputError, check_count
from .missing import text_list
from .numerics.hashing import splitmix64
from .numerics.ragged import place_in_run

_NOT_A_WORD = re.compile(r"[^\w\n]+")
_SPACE, _NEWLINE = ord(" "), ord("\n")
_PRIME = np.uint64(0x100000001B3)
_CHUNK = 4096


@dataclass(frozen=True)
class HashTokenizer:
    """Turns texts into token ids, the same in every process and on every machine.

    Texts are normalized (NFKC), lowercased and split at everything that is not a letter, digit
    or underscore. A row's ids come in the order words, word pairs, character n-grams, and are cut
    at `max_tokens`.

    Attributes
    ----------
    vocabulary : int
        Ids are in 1 … vocabulary − 1; 0 is padding.
    max_tokens : int
        Length of a row.
    word_ngrams : int
        1 for words, 2 for words and pairs of neighbors.
    char_ngrams : tuple of int or None
        Shortest and longest character n-gram, a space before and after the word counted; None
        leaves words in their order, as ``text_cnn`` wants them.

    Examples
    --------
    >>> from training import HashTokenizer
    >>> tokenizer = HashTokenizer(vocabulary=1024, max_tokens=8)
    >>> tokenizer.encode(["a red kettle", "two chairs"]).shape
    (2, 8)
    """

    vocabulary: int = 32768
    max_tokens: int = 256
    word_ngrams: int = 2
    char_ngrams: tuple[int, int] | None = (3, 5)

    def __post_init__(self) -> None:
        check_count("vocabulary", self.vocabulary, low=2, high=2**31)
        check_count("max_tokens", self.max_tokens, low=1)
        check_count("word_ngrams", self.word_ngrams, low=1, high=2)
        if self.char_ngrams is not None:
            low, high = self.char_ngrams
            if not 2 <= low <= high <= 8:
                raise InputError(
                    f"`char_ngrams` must be two sizes from 2 to 8 in order, got {self.char_ngrams}."
                )

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return token ids, int64 (n, max_tokens); a text without words gives only padding."""
        texts = text_list("texts", texts)
        tokens = np.zeros((len(texts), self.max_tokens), dtype=np.int64)
        for start in range(0, len(texts), _CHUNK):
            part = texts[start : start + _CHUNK]
            rows, hashes = self._hash(_characters(part))
            order = np.argsort(rows, kind="stable")
            rows, hashes = rows[order], hashes[order]
            place = np.arange(len(rows)) - np.searchsorted(rows, rows)
            kept = place < self.max_tokens
            ids = 1 + (hashes % np.uint64(self.vocabulary - 1)).astype(np.int64)
            tokens[start + rows[kept], place[kept]] = ids[kept]
        return tokens

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self) | {"char_ngrams": self.char_ngrams and list(self.char_ngrams)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> HashTokenizer:
        """Read what `to_json` gave."""
        sizes = value["char_ngrams"]
        return cls(**(value | {"char_ngrams": None if sizes is None else tuple(sizes)}))

    def _hash(self, characters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """From characters to the rows, int64 (t,), and hashes, uint64 (t,), of all tokens."""
        row_of = np.cumsum(characters == _NEWLINE) - (characters == _NEWLINE)
        starts, words = _words(characters)
        rows, hashes = [row_of[starts]], [words]
        if self.word_ngrams == 2:
            together = row_of[starts[1:]] == row_of[starts[:-1]]
            rows.append(row_of[starts[1:]][together])
            hashes.append(splitmix64(words[:-1] * _PRIME + words[1:], steps=3)[together])
        if self.char_ngrams is not None:
            for size in range(self.char_ngrams[0], self.char_ngrams[1] + 1):
                places, grams = _ngrams(characters, size)
                rows.append(row_of[places + 1])
                hashes.append(grams)
        return np.concatenate(rows), np.concatenate(hashes)


def _characters(texts: Sequence[str]) -> np.ndarray:
    """Return code points, uint32: words between single spaces, a line feed after each row."""
    joined = "\n".join(text.replace("\n", " ") for text in texts) + "\n"
    joined = _NOT_A_WORD.sub(" ", unicodedata.normalize("NFKC", joined).lower())
    lines = (f" {line.strip()} \n" for line in joined.split("\n")[: len(texts)])
    return np.frombuffer("".join(lines).encode("utf-32-le"), dtype="<u4")


def _words(characters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the place of each word's first character, (w,), and a hash of each word, (w,)."""
    inside = (characters != _SPACE) & (characters != _NEWLINE)
    starts = np.flatnonzero(inside[1:] & ~inside[:-1]) + 1
    if not len(starts):
        return starts, np.zeros(0, dtype=np.uint64)
    places = np.flatnonzero(inside)
    first = np.searchsorted(places, starts)
    position = place_in_run(first, n=len(places))
    coded = characters[places].astype(np.uint64) * _PRIME + position.astype(np.uint64)
    return starts, splitmix64(np.add.reduceat(splitmix64(coded), first), steps=2)


def _ngrams(characters: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return place, (g,), and hash, (g,), of the n-grams with spaces at their ends only."""
    windows = len(characters) - size + 1
    if windows <= 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64)
    hashes = np.zeros(windows, dtype=np.uint64)
    whole = (characters[:windows] != _NEWLINE) & (characters[size - 1 :] != _NEWLINE)
    for offset in range(size):
        part = characters[offset : offset + windows]
        hashes = hashes * _PRIME + part
        if 0 < offset < size - 1:
            whole &= (part != _SPACE) & (part != _NEWLINE)
    places = np.flatnonzero(whole)
    return places, splitmix64(hashes[places], steps=size + 1)
