"""Texts as one array of code points, so that a sign is looked for in all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np

# Characters held as arrays at once; some twenty bytes each.
BLOCK = 2_000_000
LETTER, DIGIT, CAPITAL, SMALL, SPACE = 1, 2, 4, 8, 16
NO_ROWS = np.zeros(0, dtype=np.int64)


class TextTable:
    """Texts, their code points one after the other, and which rows hold what.

    Attributes
    ----------
    texts : list of str, n rows
    codes : ndarray of uint32, shape (characters,)
    starts : ndarray of int64, shape (n + 1,)
        Where each text begins in `codes`.
    """

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        joined = "".join(texts).encode("utf-32-le", "surrogatepass")
        self.codes = np.frombuffer(joined, dtype="<u4")
        self.starts = np.concatenate([[0], np.cumsum([len(text) for text in texts], dtype=int)])

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Characters of each row."""
        return np.diff(self.starts)

    @cached_property
    def lowered(self) -> list[str]:
        """Each text in small letters; it may be longer than the text itself."""
        return [text.lower() for text in self.texts]

    @cached_property
    def classes(self) -> np.ndarray:
        """The classes of each character, as bits: letter, digit, capital, small letter, space."""
        present = np.flatnonzero(np.bincount(self.codes)) if len(self.codes) else NO_ROWS
        table = np.zeros(int(present[-1]) + 1 if len(present) else 1, dtype=np.uint8)
        for code in present.tolist():
            sign = chr(code)
            table[code] = (
                LETTER * sign.isalpha()
                + DIGIT * sign.isdigit()
                + CAPITAL * sign.isupper()
                + SMALL * sign.islower()
                + SPACE * sign.isspace()
            )
        return np.asarray(table[self.codes])

    def count(self, bits: int) -> np.ndarray:
        """Count the characters of each row that are of one of the classes."""
        return self.total((self.classes & bits) != 0)

    def total(self, marked: np.ndarray) -> np.ndarray:
        """Count the marked characters of each row, from a mask of all characters."""
        summed = np.concatenate([[0], np.cumsum(marked, dtype=np.int64)])
        return np.asarray(summed[self.starts[1:]] - summed[self.starts[:-1]])

    def rows_at(self, places: np.ndarray) -> np.ndarray:
        """Return the rows of some places in `codes`, each once."""
        return np.unique(np.searchsorted(self.starts, places, side="right") - 1)

    def having(self, signs: str) -> np.ndarray:
        """Return the rows that hold one of a few signs."""
        marked = np.zeros(len(self.codes), dtype=bool)
        for sign in signs:
            marked |= self.codes == ord(sign)
        return self.rows_at(np.flatnonzero(marked))

    def beyond_ascii(self) -> np.ndarray:
        """Return the rows with a character that is not ASCII."""
        return self.rows_at(np.flatnonzero(self.codes > 127))

    @cached_property
    def _joined(self) -> tuple[str, np.ndarray]:
        ends = np.cumsum([len(text) + 1 for text in self.lowered], dtype=int)
        return "\n".join(self.lowered), np.concatenate([[0], ends])

    def naming(self, words: Iterable[str]) -> np.ndarray:
        """Return the rows that hold one of some pieces in small letters, anywhere."""
        joined, starts = self._joined
        found: set[int] = set()
        for word in words:
            place = joined.find(word)
            while place >= 0:
                row = int(np.searchsorted(starts, place, side="right")) - 1
                found.add(row)
                place = joined.find(word, int(starts[row + 1]))
        return np.array(sorted(found), dtype=np.int64)


def blocks(texts: Sequence[str]) -> Iterator[tuple[int, TextTable]]:
    """Cut texts into tables of about two million characters, each with its first row."""
    first, held, size = 0, list[str](), 0
    for row, text in enumerate(texts):
        if held and size + len(text) > BLOCK:
            yield first, TextTable(held)
            first, held, size = row, [], 0
        held.append(text)
        size += len(text)
    if held:
        yield first, TextTable(held)
