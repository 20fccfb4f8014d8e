"""C4's rules (Raffel et al., JMLR 2020, arXiv 1910.10683), but for its list of bad words.

C4 first takes lines out of a page: those without a stop at the end, of fewer than three words, with
a word of more than 1,000 letters, about Javascript, cookies or terms of use. What is left must have
five sentences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from .pieces import count_sentences
from .rule import Fired, Rule

SENTENCES = Rule("c4 few sentences", "sentences in the lines that stay", low=5)
LATIN = Rule("c4 lorem ipsum", "lines with 'lorem ipsum'", high=0)
BRACES = Rule("c4 curly bracket", "lines with a curly bracket", high=0)
CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
ENDS, ELLIPSIS = (".", "?", "!", '"', "'"), "..."
POLICY = (
    *("terms of use", "privacy policy", "cookie policy"),
    *("uses cookies", "use of cookies", "use cookies"),
)
LONGEST_WORD, FEWEST_WORDS = 1000, 3


def page(text: str, sentences: Callable[[str], int] = count_sentences) -> Iterator[Fired]:
    """Yield the rules that a page does not keep; `sentences` counts those of a line."""
    stay, latin, braces = 0, 0, 0
    for line in text.splitlines():
        whole = line.strip()
        words = whole.split()
        whole = CITATION.sub("", whole)
        if not _is_prose(whole, words):
            continue
        low = whole.lower()
        if "lorem ipsum" in low:
            latin += 1
        elif "javascript" in low:
            continue
        elif "{" in whole:
            braces += 1
        elif not any(said in low for said in POLICY):
            stay += sentences(whole)
    yield from LATIN.check(latin)
    yield from BRACES.check(braces)
    yield from SENTENCES.check(stay)


def _is_prose(line: str, words: list[str]) -> bool:
    if any(len(word) > LONGEST_WORD for word in words) or len(words) < FEWEST_WORDS:
        return False
    return line.endswith(ENDS) and not line.endswith(ELLIPSIS)
