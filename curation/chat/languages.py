"""Answers in another language than their prompts, where no other language was asked for.

Likelihoods of `py3langid` (Lui and Baldwin, ACL 2012), for texts of some length alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..quality.language import likeliest_language
from .order import Fault

FEWEST_LETTERS, LOOKED_AT = 60, 600
SURE = 0.98
LANGUAGE_NAMES = re.compile(
    r"\b(?:translat\w*|übersetz\w*|tradu\w+|language|sprache|langue|idioma|lingua|english|german"
    r"|french|spanish|italian|portuguese|dutch|russian|chinese|mandarin|japanese|korean|arabic"
    r"|hindi|polish|turkish|swedish|danish|norwegian|finnish|greek|hebrew|latin|czech|ukrainian"
    r"|deutsch\w*|englisch\w*|französisch\w*|spanisch\w*|anglais\w*|français\w*|allemand\w*"
    r"|espagnol\w*|inglés|español|alemán|francés)\b",
    re.IGNORECASE,
)
CODE = re.compile(r"```.*?(?:```|\Z)|`[^`]*`|https?://\S+", re.DOTALL)


def language_faults(
    prompts: Sequence[str], answers: Sequence[str], systems: Sequence[str]
) -> list[list[Fault]]:
    """Return for each row whether its answer is in another language than its prompt."""
    return [
        _fault(prompt, answer, system)
        for prompt, answer, system in zip(prompts, answers, systems, strict=True)
    ]


def _fault(prompt: str, answer: str, system: str) -> list[Fault]:
    if LANGUAGE_NAMES.search(prompt) or LANGUAGE_NAMES.search(system):
        return []
    sides = [CODE.sub(" ", text)[:LOOKED_AT] for text in (prompt, answer)]
    if min(sum(map(str.isalpha, text)) for text in sides) < FEWEST_LETTERS:
        return []
    (asked, asked_share), (said, said_share) = map(likeliest_language, sides)
    if asked == said or min(asked_share, said_share) < SURE:
        return []
    return [("other language", f"asked in {asked!r}, answered in {said!r}", 0.3)]
