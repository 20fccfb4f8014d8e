"""Where the objects of a large JSON file lie, found without parsing it.

One pass over the bytes finds brackets outside of texts; their depth tells where the elements of
each top-level list begin and end, and which of their values are nested. Costs about 5 CPU-seconds a
gigabyte and 8 bytes for each bracket and quotation mark.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..errors import InputError

BLOCK = 2**22
_OPEN, _CLOSE, _QUOTE, _BACKSLASH = 1, 2, 3, 4
_KINDS = np.zeros(256, np.uint8)
_KINDS[list(b"{[")] = _OPEN
_KINDS[list(b"}]")] = _CLOSE
_KINDS[list(b'"')] = _QUOTE
_KINDS[list(b"\\")] = _BACKSLASH
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*$')


@dataclass(frozen=True)
class Elements:
    """The objects of one list of a JSON text, by their places in its bytes.

    Attributes
    ----------
    opened, closed : int
        Places of the list's brackets.
    starts, ends : ndarray of int64, shape (n,)
        Of each object, its end not included.
    nested_starts, nested_ends : ndarray of int64, shape (m,)
        Of values inside the objects that hold lists or objects themselves, or are objects.
    """

    opened: int
    closed: int
    starts: np.ndarray
    ends: np.ndarray
    nested_starts: np.ndarray
    nested_ends: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)


def find_elements(text: bytes, *, name: str) -> dict[str, Elements]:
    """Return the lists of objects directly below the top of a JSON object, by their keys.

    Raises
    ------
    InputError
        When the text is no JSON object, or ends before it is closed; the line is named.
    """
    places, opens = _brackets(text, name)
    depth = np.cumsum(np.where(opens, 1, -1), dtype=np.int32)
    if not len(places) or text[places[0] : places[0] + 1] != b"{":
        raise InputError(f"{name} does not hold a JSON object.")
    if depth[-1] != 0 or (depth < 0).any():
        raise InputError(_cut_off(text, name, places, opens, depth))
    tops = np.flatnonzero(opens & (depth == 2))
    ends = np.flatnonzero(~opens & (depth == 1))
    found = {}
    for first, last in zip(tops.tolist(), ends.tolist(), strict=True):
        key = _KEY.search(text[max(0, places[first] - 200) : places[first]])
        if key is not None and text[places[first] : places[first] + 1] == b"[":
            part = slice(first, last + 1)
            found[key[1].decode("utf-8", "replace")] = _elements(
                places[part], opens[part], depth[part]
            )
    return found


def _brackets(text: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return places of the brackets outside of texts, and which of them open something."""
    whole = np.frombuffer(text, np.uint8)
    parts, kinds = [], []
    for start in range(0, len(whole), BLOCK):
        kind = _KINDS[whole[start : start + BLOCK]]
        at = np.flatnonzero(kind)
        parts.append(at + start)
        kinds.append(kind[at])
    place = np.concatenate(parts) if parts else np.zeros(0, np.int64)
    kind = np.concatenate(kinds) if kinds else np.zeros(0, np.uint8)
    quote = kind == _QUOTE
    if (kind == _BACKSLASH).any():
        quote &= ~_escaped(place, kind)
    inside = np.cumsum(quote, dtype=np.int32) % 2 == 1
    if len(inside) and inside[-1]:
        last = int(place[np.flatnonzero(quote)[-1]])
        raise InputError(
            f"{name} is cut off in line {line_of(text, last)}: the text that begins with "
            f"{text[last : last + 20].decode('utf-8', 'replace')!r} has no end."
        )
    used = ~inside & ((kind == _OPEN) | (kind == _CLOSE))
    return place[used], kind[used] == _OPEN


def _escaped(place: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Tell which marks follow an odd number of backslashes without a gap."""
    slash = kind == _BACKSLASH
    begins = slash & ~(np.append(False, slash[:-1]) & (np.diff(place, prepend=-2) == 1))
    run = np.cumsum(begins)
    length = np.bincount(run[slash], minlength=run[-1] + 1)
    follows = np.append(False, slash[:-1]) & (np.diff(place, prepend=-2) == 1) & ~slash
    odd = np.append(0, length[run[:-1]]) % 2 == 1
    return np.asarray(follows & odd)


def _elements(place: np.ndarray, opens: np.ndarray, depth: np.ndarray) -> Elements:
    inner = np.flatnonzero(opens & (depth == 4))
    inner_ends = np.flatnonzero(~opens & (depth == 3))
    # A flat list is a value like a number; what holds more is cut out before parsing.
    nested = opens[np.minimum(inner + 1, len(opens) - 1)]
    return Elements(
        int(place[0]),
        int(place[-1]),
        place[opens & (depth == 3)],
        place[~opens & (depth == 2)] + 1,
        place[inner[nested]],
        place[inner_ends[nested]] + 1,
    )


def _cut_off(
    text: bytes, name: str, place: np.ndarray, opens: np.ndarray, depth: np.ndarray
) -> str:
    """Say where a text that is not closed was left open, or closed once too often."""
    early = np.flatnonzero(depth < 0)
    if len(early):
        return f"{name} closes a bracket too many in line {line_of(text, int(place[early[0]]))}."
    whole = np.flatnonzero(~opens & (depth == 2))
    after = int(place[whole[-1]]) + 1 if len(whole) else 0
    last = line_of(text, len(text.rstrip()) - 1)
    return (
        f"{name} is cut off: {int(depth[-1])} brackets are open at its end in line {last}; the "
        f"last whole entry ends in line {line_of(text, after)}, at byte {after:,}. Get the file "
        "again, or close it after that entry."
    )


def line_of(text: bytes, place: int) -> int:
    """Return the number of the line, from 1, in which a byte lies."""
    return text.count(b"\n", 0, max(place, 0)) + 1
