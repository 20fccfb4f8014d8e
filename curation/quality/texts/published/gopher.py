"""Gopher's rules of quality and of repetition (Rae et al., 2021, arXiv 2112.11446, appendix A.1).

Repeated n-grams are counted without overlap, as datatrove does it; its results were compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from .pieces import is_word, repeated
from .rule import Fired, Rule

STOP_WORDS = frozenset(("the", "be", "to", "of", "and", "that", "have", "with"))
FEW = Rule("gopher few words", "words", low=50)
MANY = Rule("gopher many words", "words", high=100_000)
LENGTH = Rule("gopher word length", "mean letters of a word", low=3, high=10)
HASHES = Rule("gopher hashes", "hash signs for each word", high=0.1)
ELLIPSES = Rule("gopher ellipses", "ellipses for each word", high=0.1)
BULLETS = Rule("gopher bullets", "share of lines that begin with a bullet", high=0.9)
ENDS = Rule("gopher cut lines", "share of lines that end with an ellipsis", high=0.3)
LETTERS = Rule("gopher letters", "share of words with a letter", low=0.8)
STOPS = Rule("gopher stop words", "different English stop words", low=2)
PARAGRAPHS = Rule("gopher repeated paragraphs", "share of repeated paragraphs", high=0.3)
PARAGRAPH_SIGNS = Rule(
    "gopher repeated paragraphs by length", "share of signs in repeated paragraphs", high=0.2
)
LINES = Rule("gopher repeated lines", "share of repeated lines", high=0.3)
LINE_SIGNS = Rule("gopher repeated lines by length", "share of signs in repeated lines", high=0.2)
TOP = {
    n: Rule(f"gopher top {n}-gram", f"share of signs in the most frequent {n}-gram", high=high)
    for n, high in ((2, 0.2), (3, 0.18), (4, 0.16))
}
AGAIN = {
    n: Rule(f"gopher repeated {n}-grams", f"share of signs in repeated {n}-grams", high=high)
    for n, high in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
}
_PARAGRAPH, _LINE = re.compile(r"\n{2,}"), re.compile(r"\n+")


def quality(text: str, tokens: Sequence[str]) -> Iterator[Fired]:
    """Yield the rules of quality that a text does not keep."""
    words = [token for token in tokens if is_word(token)]
    yield from FEW.check(len(words))
    yield from MANY.check(len(words))
    if words:
        yield from LENGTH.check(sum(map(len, words)) / len(words))
    if not tokens:
        return
    yield from HASHES.check(text.count("#") / len(tokens))
    yield from ELLIPSES.check((text.count("...") + text.count("…")) / len(tokens))
    lines = text.splitlines()
    begun = sum(line.lstrip().startswith(("•", "-")) for line in lines)
    yield from BULLETS.check(begun / len(lines))
    ended = sum(line.rstrip().endswith(("...", "…")) for line in lines)
    yield from ENDS.check(ended / len(lines))
    lettered = sum(any(map(str.isalpha, token)) for token in tokens)
    yield from LETTERS.check(lettered / len(tokens))
    yield from STOPS.check(len(STOP_WORDS.intersection(tokens)))


def repetition(text: str, tokens: Sequence[str]) -> Iterator[Fired]:
    """Yield the rules of repetition that a text does not keep."""
    if not text.strip():
        return
    for splitter, whole, by_count, by_length in (
        (_PARAGRAPH, text.strip(), PARAGRAPHS, PARAGRAPH_SIGNS),
        (_LINE, text, LINES, LINE_SIGNS),
    ):
        pieces = splitter.split(whole)
        again, signs = repeated(pieces)
        yield from by_count.check(again / len(pieces))
        yield from by_length.check(signs / len(text))
    for n, rule in TOP.items():
        grams = Counter(" ".join(tokens[at : at + n]) for at in range(len(tokens) - n + 1))
        if grams:
            gram, count = grams.most_common(1)[0]
            yield from rule.check(len(gram) * count / len(text))
    for n, rule in AGAIN.items():
        yield from rule.check(_signs_again(tokens, n) / len(text))


def _signs_again(tokens: Sequence[str], n: int) -> int:
    """Return the characters of n-grams that stood before, none counted twice."""
    seen: set[str] = set()
    signs = at = 0
    while at < len(tokens) - n + 1:
        gram = "".join(tokens[at : at + n])
        if gram in seen:
            signs += len(gram)
            at += n
        else:
            seen.add(gram)
            at += 1
    return signs
