"""Whether two texts that are nearly equal say the same: a number or a name that differs decides.

Texts made from one template are as alike as copies that were edited a little. What tells them apart
is which words differ. Numbers, names and negations change what is said, and so does a word that is
the subject: one that the text repeats or that the question has. A letter typed wrong, words of
courtesy and words that every sentence has do not. A word counts as mistyped where it stands in no
other text and the one it replaces does, or where nothing is known of either in a long text.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

# Names of code, such as "numpy.fft", are one word.
WORD = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*|\d+(?:[.,:/]\d+)*\w*")
# Numbers of list entries come and go with the form of a text.
ENTRY = re.compile(r"(?m)^\s*(?:\d{1,3}[.)]|[-*+•])\s+")
NAME = re.compile(r"(?<![.!?:\n\"“(>])[ ][\"“(]?([A-ZÀ-Þ][\w'’-]+)")
# In long texts one word of content in so many may be left out, and one in so many be replaced.
WORDS_PER_LOSS, WORDS_PER_CHANGE = 25, 50
# So long words may differ by one letter, and by two, where they begin alike.
ONE_TYPO, TWO_TYPOS = 4, 9
LONG_TEXT = 25
# With more words that differ it is not worth looking at each.
MOST_ODD, ODD_SHARE = 8, 4
UNKNOWN: Mapping[str, int] = MappingProxyType({})
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
    might must of in on at to for from by with as into about and but if so than then
    there here when which who whom what how also very just only really quite some any each please
    kindly hi hello hey dear thanks thank sure certainly course okay ok well now
    whats thats heres theres wheres hows whos lets im ive youre
    der die das den dem des ein eine einen einem einer und oder aber ist sind war zu von mit für auf
    im bitte hallo danke le la les un une du de et ou est sont dans pour avec sur au aux merci
    bonjour el los las una unos es son en por con al del favor gracias hola il lo gli uno di
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
    return tuple(sorted(word for word in words if has_digit(word)))


def names_of(text: str) -> frozenset[str]:
    """Return the words with a capital where no sentence begins, in small letters."""
    return frozenset(name.casefold().replace("'", "") for name in NAME.findall(text))


def has_digit(word: str) -> bool:
    """Tell whether a word is a number or has one in it."""
    return any(map(str.isdigit, word))


@dataclass(frozen=True)
class Said:
    """The words of a text in their order and counted, and which of them are names."""

    words: list[str]
    counts: Counter[str]
    names: frozenset[str]


@lru_cache(maxsize=4096)
def said(text: str) -> Said:
    """Read the words of a text; pairs of close texts come by again."""
    words = words_of(text)
    return Said(words, Counter(words), names_of(text))


def same_content(
    left: str,
    right: str,
    *,
    known: Mapping[str, int] = UNKNOWN,
    subject: Collection[str] = (),
) -> bool:
    """Tell whether two nearly equal texts say the same, by the words in which they differ.

    Parameters
    ----------
    left, right : str
    known : mapping of str to int
        In how many different texts a word stands, for telling mistyped ones.
    subject : collection of str
        Words of the questions that these texts answer; no such word may be replaced.
    """
    first, second = said(left), said(right)
    length = min(len(first.words), len(second.words))
    gone, new = first.counts - second.counts, second.counts - first.counts
    if max(gone.total(), new.total()) > MOST_ODD + length // ODD_SHARE:
        return False
    if any(has_digit(word) or word in NEGATIONS for word in (*gone, *new)):
        return False
    if not _same_order(first, second, subject if length >= LONG_TEXT else None):
        return False
    lost = _lost(gone, new, first, second, known, subject)
    if not lost[0] and not lost[1]:
        return True
    if any(word in first.names or word in second.names for side in lost for word in side):
        return False
    # Words that one of the texts lacks wholly, though the other repeats them or is about them.
    both = first.counts | second.counts
    missing = [w for side in lost for w in side if not (first.counts[w] and second.counts[w])]
    if any(word in subject or both[word] > 1 for word in missing):
        return False
    allowed = WORDS_PER_LOSS if min(map(len, lost)) == 0 else WORDS_PER_CHANGE
    return max(map(len, lost)) <= length // allowed


def _lost(
    gone: Counter[str],
    new: Counter[str],
    first: Said,
    second: Said,
    known: Mapping[str, int],
    subject: Collection[str],
) -> tuple[list[str], list[str]]:
    """Return the words of content that only one side has, those mistyped on either left out."""
    long = min(len(first.words), len(second.words)) >= LONG_TEXT
    counts = first.counts, second.counts

    def mistyped(word: str, instead: str) -> bool:
        if word[0] != instead[0] or not _is_typo(word, instead):
            return False
        times = sorted((known.get(word, 1), known.get(instead, 1)))
        once = sum(count[word] for count in counts) == 1 == sum(count[instead] for count in counts)
        told = times[0] == 1 and (times[1] > 1 or (long and once))
        return told and not (word in subject and instead in subject)

    def content(side: Counter[str], others: Counter[str]) -> list[str]:
        return [
            word
            for word in side.elements()
            if word not in COMMON and not any(mistyped(word, other) for other in others)
        ]

    return content(gone, new), content(new, gone)


def _same_order(first: Said, second: Said, among: Collection[str] | None) -> bool:
    """Tell whether the words of content that both have stand in one order.

    In short texts all of them, "dog bites man" and "man bites dog"; in long ones those `among` a
    few, since sentences may change their places.
    """

    def told(side: Said, other: Said) -> list[str]:
        return [
            word
            for word in side.words
            if word in other.counts and word not in COMMON and (among is None or word in among)
        ]

    if among is not None and not among:
        return True
    one, two = told(first, second), told(second, first)
    return one == two or sorted(one) != sorted(two)


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
