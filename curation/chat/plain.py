"""What two answers have in common beside their wrapping: courtesies and marks of form go."""

from __future__ import annotations

import re

OPENING = re.compile(
    r"\A\W*(?:(?:sure|certainly|of course|absolutely|great question|good question|yes|okay|ok|hi"
    r"|hello|thanks? (?:you )?for (?:your|the) (?:question|asking))\b[^.!?:\n]{0,40}[.!?:,]\s*)?"
    r"(?:(?:here(?:'|’)?s|here (?:is|are)|below (?:is|are)|i(?:'|’)?d be (?:happy|glad) to"
    r"|let me)\b[^.!?:\n]{0,80}[.!?:]\s+)?",
    re.IGNORECASE,
)
CLOSING = re.compile(
    r"\s*(?:(?:i )?hope (?:this|that|it) helps?|(?:please )?let me know if|feel free to"
    r"|(?:do not|don(?:'|’)t) hesitate to|(?:is|if) there (?:is )?anything else"
    r"|(?:please )?(?:thanks|thank you) for)[^\n]{0,120}\Z",
    re.IGNORECASE,
)
# Signs by which a text is set: emphasis, headings, code, quotations, tables.
FORM = re.compile(r"[*_`#>|~]+")
# A system prompt that says nothing of how to answer.
EMPTY_SYSTEM = re.compile(
    r"\W*you are (?:an? |the )?(?:\w+[ -]){0,4}(?:assistant|chatbot|bot|ai|model)"
    r"(?: (?:that|who|to|for|designed to|trained by|made by|created by)\b[^.]{0,60})?\W*",
    re.IGNORECASE,
)
SYSTEM_WORDS = 16


def plain_answer(text: str) -> str:
    """Return an answer without the courtesies at its ends and without marks of form."""
    found = OPENING.match(text)
    rest = text[found.end() :] if found else text
    rest = CLOSING.sub("", rest)
    return FORM.sub(" ", rest if rest.strip() else text).strip()


def plain_prompt(text: str) -> str:
    """Return a prompt without marks of form."""
    return FORM.sub(" ", text).strip()


def plain_system(text: str) -> str:
    """Return a system prompt; empty for one that only says that there is an assistant."""
    words = " ".join(text.split())
    short = words.count(" ") < SYSTEM_WORDS
    return "" if short and EMPTY_SYSTEM.fullmatch(words) else words.casefold()
