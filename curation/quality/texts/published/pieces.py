"""Words, lines and sentences as the published rules count them.

Words are cut as English tokenizers do it: stops are tokens, and so are the ends of "don't" and
"it's"; what a dot joins ("a.b", 3.5) is one. Sentences end at a stop.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from functools import cache

WORD = re.compile(
    r"\w+(?=[nN]['’][tT]\b)|[nN]['’][tT]\b|['’](?:[smdSMD]|re|ve|ll)\b"
    r"|\w+(?:\.(?=[a-z\d])\w+|[,:](?=\d)\d+)*|\.{2,}|\S"
)
SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*(?=\s|\Z)")
# Signs that end a sentence in any script (Unicode's property Sentence_Terminal), in hexadecimal.
_STOPS = """
    21 2e 3f 589 61d-61f 6d4 700-702 7f9 837 839 83d-83e 964-965 104a-104b 1362 1367-1368 166e
    1735-1736 17d4-17d6 17d9-17da 1803 1809 1944-1945 1aa8-1aab 1b5a-1b5b 1b5e-1b5f 1b7d-1b7e
    1c3b-1c3c 1c7e-1c7f 203c-203d 2047-2049 2e2e 2e3c 2e53-2e54 3002 a4ff a60e-a60f a6f3 a6f7
    a876-a877 a8ce-a8cf a92f a9c8-a9c9 aa5d-aa5f aaf0-aaf1 abeb fe52 fe56-fe57 ff01 ff0e ff1f
    ff61 10a56-10a57 10f55-10f59 10f86-10f89 11047-11048 110be-110c1 11141-11143 111c5-111c6
    111cd 111de-111df 11238-11239 1123b-1123c 112a9 1144b-1144c 115c2-115c3 115c9-115d7
    11641-11642 1173c-1173e 11944 11946 11a42-11a43 11a9b-11a9c 11c41-11c42 11ef7-11ef8
    11f43-11f44 16a6e-16a6f 16af5 16b37-16b38 16b44 16e98 1bc9f 1da88
"""
_MARKS = string.punctuation + "«»—–’‘“”„…、。〈〉《》「」『』【】·•►％＆（）＊，：；［］"


@cache
def stops() -> tuple[str, ...]:
    """Return the signs that end a sentence in any script."""
    found: list[str] = []
    for piece in _STOPS.split():
        first, _, last = piece.partition("-")
        found += map(chr, range(int(first, 16), int(last or first, 16) + 1))
    return tuple(found)


@cache
def _marks() -> frozenset[str]:
    return frozenset((*_MARKS, *stops(), *map(chr, range(32)), *map(chr, range(127, 160))))


def words_in(text: str) -> list[str]:
    """Return the tokens of a text: words, numbers and stops."""
    return WORD.findall(text)


def is_word(token: str) -> bool:
    """Tell whether a token is more than punctuation."""
    return not _marks().issuperset(token)


def count_sentences(line: str) -> int:
    """Return the number of sentences of a line; a rest without a stop is one."""
    ends = [found.end() for found in SENTENCE_END.finditer(line)]
    rest = line[ends[-1] :] if ends else line
    return len(ends) + bool(rest.strip())


def repeated(pieces: Iterable[str]) -> tuple[int, int]:
    """Return how many pieces stood before, and their characters."""
    seen: set[str] = set()
    again = characters = 0
    for piece in pieces:
        if piece in seen:
            again += 1
            characters += len(piece)
        seen.add(piece)
    return again, characters
