"""Whether two texts that are nearly equal say the same: a number or a name that differs decides.

Texts made from one template are as alike as copies that were edited a little. What tells them apart
is which words differ: numbers, names and negations change what is said; a letter typed wrong, words
of courtesy and words that every sentence has do not.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

WORD = re.compile(r"[^\W\d_]+|\d+(?:[.,:/]\d+)*")
# Numbers of list entries come and go with the form of a text.
ENTRY = re.compile(r"(?m)^\s*(?:\d{1,3}[.)]|[-*+•])\s+")
NAME = re.compile(r"(?<![.!?:\n\"“(>])[ ][\"“(]?([A-ZÀ-Þ][\w'’-]+)")
# One word of content in so many may differ in long texts.
WORDS_PER_CHANGE = 25
# So long words may differ by one letter, and by two, where they begin alike.
ONE_TYPO, TWO_TYPOS = 4, 9
NEGATIONS = frozenset(
    """
    not no never none without nor cannot dont doesnt isnt arent wont cant nicht kein keine keinen
    nie ohne non pas jamais sans nunca sin não niet geen zonder
    """.split()  # noqa: SIM905
)
COMMON = frozenset(
    """
    a an the this that these those it its he she they them his her their we us our you your i me my
    am is are was were be been being do does did has have had will would can could shall should may
    might must of in on at to for from by with as into about over under and or but if so than then
    there here when which who whom what how also very just only really quite some any each please
    kindly hi hello hey dear thanks thank sure certainly course okay ok well now s t d ll re ve m
    der die das den dem des ein eine einen einem einer und oder aber ist sind war zu von mit für auf
    im bitte hallo danke le la les un une du de et ou est sont dans pour avec sur au aux merci
    bonjour el los las una unos y o es son en por con al del favor gracias hola il lo gli uno e di
    da per um uma os na het een van ik
    """.split()  # noqa: SIM905
)


def words_of(text: str) -> list[str]:
    """Return the words and numbers of a text in small letters, those of list entries left out."""
    plain = unicodedata.normalize("NFKC", ENTRY.sub(" ", text)).casefold()
    return [
        word.replace(",", "") for word in WORD.findall(plain.replace("’", "'").replace("'", ""))
    ]


def numbers_of(words: Iterable[str]) -> tuple[str, ...]:
    """Return the numbers among words, sorted."""
    return tuple(sorted(word for word in words if word[:1].isdigit()))


def names_of(text: str) -> frozenset[str]:
    """Return the words with a capital where no sentence begins, in small letters."""
    return frozenset(name.casefold().replace("'", "") for name in NAME.findall(text))


def same_content(left: str, right: str) -> bool:
    """Tell whether two nearly equal texts say the same, by the words in which they differ."""
    first, second = words_of(left), words_of(right)
    gone, new = Counter(first) - Counter(second), Counter(second) - Counter(first)
    one, other = _left_over(gone, new), _left_over(new, gone)
    odd = one + other
    if any(word[:1].isdigit() or word in NEGATIONS for word in odd):
        return False
    content = [word for word in odd if word not in COMMON]
    if not content:
        return True
    names = names_of(left) | names_of(right)
    if any(word in names for word in content):
        return False
    allowed = min(len(first), len(second)) // WORDS_PER_CHANGE
    return max(_content(one), _content(other)) <= allowed


def _content(words: list[str]) -> int:
    return sum(word not in COMMON for word in words)


def _left_over(words: Counter[str], others: Counter[str]) -> list[str]:
    """Return the words that are no mistyped form of one that only the other text has."""
    return [word for word in words.elements() if not any(_is_typo(word, other) for other in others)]


def _is_typo(left: str, right: str) -> bool:
    shorter = min(len(left), len(right))
    if shorter < ONE_TYPO or left[0] != right[0] or not (left.isalpha() and right.isalpha()):
        return False
    return _edits(left, right, at_most=2 if shorter >= TWO_TYPOS else 1)


def _edits(left: str, right: str, *, at_most: int) -> bool:
    """Tell whether few letters must be changed, added, left out or exchanged with the next one."""
    if abs(len(left) - len(right)) > at_most:
        return False
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        line = [i]
        for j, b in enumerate(right, 1):
            cost = min(row[j] + 1, line[-1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            line.append(cost)
        before, row = row, line
    return row[-1] <= at_most
