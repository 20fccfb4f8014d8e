"""Words of many texts at once as numbers of 64 bits, and hashes of every run of n words.

Case, punctuation, white space and Unicode form (NFKC) do not count. A word is a run of letters,
digits and underscores; in scripts that put no blanks between words (Chinese, Japanese, Thai, Lao,
Burmese, Khmer) every letter is one. Texts of ASCII go through one table of bytes, others through
Unicode's rules first; after that no step looks at a single word, but for those of more than 128
bytes. About 80 MB of ASCII text a CPU-second, 20 to 40 of other text.

Runs are hashed by differences of a prefix sum, Σ hash(word) · B^place (Karp and Rabin, "Efficient
randomized pattern-matching algorithms", 1987), modulo 2^64 with an odd B, whose powers have an
inverse: any n costs the same.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import pairwise

import numpy as np

from .numerics.hashing import mix64

_BASE = 0x9E3779B97F4A7C15  # 5 modulo 8: differences of its powers have few factors of two
_BASES = (_BASE, 0xD1342543DE82EF95)
_LENGTH = np.uint64(0xBF58476D1CE4E5B9)
_LONGEST = 128
_NOT_WORD = re.compile(r"\W+")
_WORD = re.compile(r"\w+")
_PIECE = re.compile(r"\S+")
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff])"
)
# What bytes of ASCII become: small letters, digits and underscores stay, all else is a blank.
_TABLE = bytes(
    ord(chr(code).lower()) if code < 128 and (chr(code).isalnum() or chr(code) == "_") else
    (code if code >= 128 else 32)
    for code in range(256)
)  # fmt: skip
_BLANK, _BY_RULE = 32, 0x110000
_TABLED = 0x20000  # code points beyond are rare ideographs
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(9)], dtype=np.uint64)


@dataclass(frozen=True)
class WordHashes:
    """The words of texts, one behind the other.

    Attributes
    ----------
    hashes : ndarray of uint64, shape (w,)
    indptr : ndarray of int64, shape (n + 1,)
        Text i has ``hashes[indptr[i]:indptr[i + 1]]``.
    content : bytes
        All words in small letters, in UTF-8.
    starts, lengths : ndarray of int64, shape (w,)
        Where each word is in `content`.
    """

    hashes: np.ndarray
    indptr: np.ndarray
    content: bytes = b""
    starts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    lengths: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def spelled(self, places: np.ndarray) -> list[str]:
        """Return some words, by their places, in small letters."""
        pairs = zip(self.starts[places].tolist(), self.lengths[places].tolist(), strict=True)
        return [self.content[start : start + size].decode() for start, size in pairs]

    @property
    def counts(self) -> np.ndarray:
        """Words of each text, int64 (n,)."""
        return np.diff(self.indptr)

    @cached_property
    def owners(self) -> np.ndarray:
        """Text of each word, int64 (w,)."""
        return np.repeat(np.arange(len(self.indptr) - 1), self.counts)

    def runs(self, n: int, *, base: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return where each run of `n` words within one text begins, int64, and its hash, uint64.

        Parameters
        ----------
        n : int
            Words, at least 1.
        base : {0, 1}
            Which of two independent hashes.
        """
        width = len(self.hashes) - n + 1
        if width <= 0:
            return np.zeros(0, np.int64), np.zeros(0, np.uint64)
        places = np.arange(width)
        ends = np.repeat(self.indptr[1:], self.counts)[:width]
        inside = places + n <= ends
        hashes = self._prefix(base)
        runs = hashes[n:] - hashes[:-n]
        runs *= _powers(width, base)[1]
        if not inside.all():
            places, runs = places[inside], runs[inside]
        return places, _of_length(runs, np.array([n], np.uint64))

    def wholes(self, texts: np.ndarray) -> np.ndarray:
        """Return the hash of all words of some texts, uint64, equal to that of a run as long.

        `texts`, int64, are places of texts with at least one word.
        """
        first, last = self.indptr[texts], self.indptr[texts + 1]
        hashes = self._prefix(0)
        runs = (hashes[last] - hashes[first]) * _powers(len(self.hashes), 0)[1][first]
        return _of_length(runs, (last - first).astype(np.uint64))

    def _prefix(self, base: int) -> np.ndarray:
        sums = np.zeros(len(self.hashes) + 1, np.uint64)
        np.cumsum(self.hashes * _powers(len(self.hashes), base)[0], out=sums[1:])
        return sums


def hash_words(texts: Sequence[str]) -> WordHashes:
    """Return the hashes of the words of texts, shape (n,); one word has one hash everywhere."""
    plain = [text if text.isascii() else _plain(text) for text in texts]
    joined = "\n".join(plain).encode("utf-8", "replace")
    sizes = [
        len(text) if text.isascii() else len(text.encode("utf-8", "replace")) for text in plain
    ]
    data = b" " + joined.translate(_TABLE) + b" " * 9
    buffer = np.frombuffer(data, np.uint8)
    inside = buffer != 32
    changes = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    starts, ends = changes[0::2], changes[1::2]
    text_starts = np.cumsum([1, *(size + 1 for size in sizes)])[: len(texts) + 1]
    if not len(texts):
        text_starts = np.zeros(1, np.int64)
    indptr = np.searchsorted(starts, text_starts).astype(np.int64)
    lengths = ends - starts
    return WordHashes(_hashed(data, starts, lengths), indptr, data, starts, lengths)


def word_places(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Return where each word of a text begins and ends, in characters of it; int64, int64.

    The words are those of `hash_words`, also where Unicode's rules make one character several.
    """
    if text.isascii():
        return _spans(_WORD.finditer(text))
    starts: list[int] = []
    ends: list[int] = []
    for piece in _PIECE.finditer(text):
        word, first = piece.group(), piece.start()
        if word.isascii():
            pairs = [(found.start(), found.end()) for found in _WORD.finditer(word)]
        else:
            pairs = list(_places_in(word))
        starts += [first + start for start, _ in pairs]
        ends += [first + end for _, end in pairs]
    return np.array(starts, np.int64), np.array(ends, np.int64)


def _spans(found: Iterator[re.Match[str]]) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.array([match.span() for match in found], np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _places_in(piece: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of the words of a text without white space."""
    groups = [0]
    for at in range(1, len(piece)):
        before = piece[groups[-1] : at]
        together = unicodedata.normalize("NFKC", before + piece[at])
        if together == unicodedata.normalize("NFKC", before) + unicodedata.normalize(
            "NFKC", piece[at]
        ):
            groups.append(at)
    groups.append(len(piece))
    plain, origin = "", []
    for start, end in pairwise(groups):
        made = unicodedata.normalize("NFKC", piece[start:end]).casefold()
        plain += made
        origin += [(start, end)] * len(made)
    for word in _WORD.finditer(plain):
        first, last = word.span()
        cuts = [first]
        for letter in _UNSPACED.finditer(plain, first, last):
            cuts += [letter.start(), letter.end()]
        cuts.append(last)
        for start, end in pairwise(cuts):
            if start < end:
                yield origin[start][0], origin[end - 1][1]


def _plain(text: str) -> str:
    """Return a text with blanks between its words, in one case and Unicode form."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    if int(codes.max()) < _TABLED:
        mapped = _code_points()[codes]
        if int(mapped.max()) < _BY_RULE:
            return _apart(mapped).tobytes().decode("utf-32-le")
    return _by_rules(text)


def _by_rules(text: str) -> str:
    plain = _NOT_WORD.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    return _UNSPACED.sub(r" \1 ", plain) if _UNSPACED.search(plain) else plain


def _apart(codes: np.ndarray) -> np.ndarray:
    """Put blanks around the letters of scripts without blanks."""
    alone = _unspaced()[codes]
    if not alone.any():
        return codes
    widths = np.where(alone, 3, 1)
    spread = np.full(int(widths.sum()), _BLANK, np.uint32)
    spread[np.cumsum(widths) - widths + alone] = codes
    return spread


@cache
def _code_points() -> np.ndarray:
    """Return what each code point becomes where it does not depend on those beside it."""
    return np.array([_folded(chr(code)) for code in range(_TABLED)], np.uint32)


@cache
def _unspaced() -> np.ndarray:
    return np.array([bool(_UNSPACED.match(chr(code))) for code in range(_TABLED)], bool)


@cache
def _composing() -> frozenset[str]:
    """Return the characters that Unicode joins to the one before them."""
    found = set()
    for code in range(_TABLED):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            found.add(chr(int(parts[1], 16)))
    return frozenset(found | {chr(code) for code in range(0x1160, 0x1200)})


def _folded(character: str) -> int:
    made = unicodedata.normalize("NFKC", character)
    if any(unicodedata.combining(each) or each in _composing() for each in character + made):
        return _BY_RULE
    made = made.casefold()
    if not _WORD.search(made):
        return _BLANK
    return ord(made) if len(made) == 1 else _BY_RULE


def _hashed(data: bytes, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Hash words eight bytes at a time, uint64 (w,)."""
    eights = np.ndarray((len(data) - 8,), "<u8", data, strides=(1,))
    hashes = eights[starts] & _MASKS[np.minimum(lengths, 8)]
    hashes = mix64(hashes ^ (lengths.astype(np.uint64) * _LENGTH))
    left = np.flatnonzero((lengths > 8) & (lengths <= _LONGEST))
    done = 8
    while len(left):
        more = eights[starts[left] + done] & _MASKS[np.minimum(lengths[left] - done, 8)]
        hashes[left] = mix64(hashes[left] ^ more)
        done += 8
        left = left[lengths[left] > done]
    for word in np.flatnonzero(lengths > _LONGEST).tolist():
        content = data[starts[word] : starts[word] + lengths[word]]
        digest = hashlib.blake2b(content, digest_size=8).digest()
        hashes[word] = int.from_bytes(digest, "little")
    return hashes


def _of_length(runs: np.ndarray, n: np.ndarray) -> np.ndarray:
    return np.asarray(runs ^ (n * _LENGTH))


def _powers(n: int, base: int) -> tuple[np.ndarray, np.ndarray]:
    size = 1 << max(10, (n - 1).bit_length())
    up, down = _tables(size, base)
    return up[:n], down[:n]


@cache
def _tables(size: int, base: int) -> tuple[np.ndarray, np.ndarray]:
    number = _BASES[base]
    pair = []
    for factor in (number, pow(number, -1, 1 << 64)):
        steps = np.full(size, factor, np.uint64)
        steps[0] = 1
        pair.append(np.cumprod(steps))
    return pair[0], pair[1]
