"""Faults of answers: refusals, templates left unfilled, leaked marks, answers cut or parroted."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from thresher.core.counted import counted

from ..duplicates.texts.shingles import normalized
from ..quality.texts.check import shown
from .order import Fault

_CANNOT = r"(?:cannot|can(?:'|’)?t|can not)(?! help but)"
REFUSAL = re.compile(
    r"\A\W{0,3}(?:(?:i(?:'|’)?m|i am|we(?:'|’)?re|we are) (?:very |really |so |truly )?"
    r"(?:sorry|afraid)|(?:my )?apologies|i apologi[sz]e|sorry|unfortunately|as an? (?:ai|"
    rf"artificial|(?:large )?language)|i (?:{_CANNOT}|won(?:'|’)?t|will not|am not able|am unable"
    r"|must decline|do not feel comfortable)|i(?:'|’)m (?:not able|unable|not going)"
    r"|es tut mir leid|tut mir leid|entschuldigung|je suis désolée?|désolée?|lo siento)\b"
)
UNABLE = re.compile(
    rf"\b(?:i|we) (?:(?:really|simply|just) )?(?:{_CANNOT}|won(?:'|’)?t|will not|am not able to"
    r"|am unable to|(?:do not|don(?:'|’)?t) (?:have|feel|think i)|must decline"
    r"|(?:am|are) not (?:allowed|programmed|permitted|comfortable))\b"
    r"|\bi(?:'|’)m (?:not able|unable|not (?:allowed|programmed|comfortable|going))\b"
    r"|\bagainst (?:my|our|openai) (?:\w+ )?(?:policy|policies|guidelines|programming)\b"
    r"|\bkann (?:ich|ihnen|dir) (?:\w+ ){0,6}nicht\b|\bich kann (?:\w+ ){0,6}nicht\b"
    r"|\bje ne (?:peux|suis) pas\b|\bno puedo\b"
)
AS_A_MODEL = re.compile(
    r"\bas an? (?:large |ai |artificial intelligence )*(?:language )?model\b"
    r"|\bas an ai\b(?: (?:assistant|developed|trained|created|i)\b|,)"
    r"|\bi(?:'|’)?(?:m| am) (?:just |only )?an? (?:large |ai )*(?:language model|ai (?:assistant|"
    r"model|developed))\b|\bmy (?:knowledge cutoff|training data)\b"
    r"|\bi (?:was|am) (?:trained|developed|created) by (?:openai|anthropic|google|meta|mistral)\b"
)
# What chat templates put between turns; in an answer it is a leak.
SPECIAL = re.compile(
    r"<\|(?:im_start|im_end|im_sep|endoftext|eot_id|start_header_id|end_header_id|begin_of_text"
    r"|end_of_text|assistant|user|system|end|pad|eom_id|python_tag|endofprompt|fim_\w+)\|>"
    r"|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</?s>|<(?:bos|eos|pad|unk)>"
    r"|<｜(?:begin▁of▁sentence|end▁of▁sentence|User|Assistant)｜>"
    r"|(?m:^### ?(?:Instruction|Response|Human|Assistant|Input):?\s*$)"
    r"|(?m:^(?:Human|User|Assistant|USER|ASSISTANT|HUMAN):[ ])"
)
PLACEHOLDER = re.compile(
    r"\{\{\s*[A-Za-z_][\w. |]*\}\}|\$\{[A-Za-z_][\w.]*\}"
    r"|\[(?:your|insert|enter|add|recipient|sender|company|first|last)\b[^\]\n]{0,40}\](?!\()"
    r"|<(?:your|insert|enter) [^>\n]{1,40}>|\blorem ipsum dolor\b",
    re.IGNORECASE,
)
PLACEHOLDER_CASED = re.compile(
    r"\[(?:NAME|DATE|CITY|COMPANY|ADDRESS|EMAIL|PHONE|TITLE|URL|LINK|PRODUCT|REDACTED|AMOUNT|COUNTRY"
    r"|NUMBER|LOCATION|XX+)(?:[ _]?[A-Z\d]+)?\](?!\()"
    r"|<(?:NAME|DATE|COMPANY|ADDRESS|EMAIL)>|<INSERT[^>\n]*>|\bTODO:|\bFIXME\b"
)
FENCE = re.compile(r"(?m)^\s*(?:```|~~~)")
ENDS = re.compile(
    r"[.!?…:;。！？।\])}>\"'”’»`*_|~=\d%/-]\s*\Z|\w+://\S+\s*\Z|[\U0001f300-\U0001faff]\s*\Z"
)
HANGING = re.compile(
    r"(?:,|\b(?:the|a|an|and|or|of|to|in|with|for|that|which|is|are|by|from|as|but|because|und|der"
    r"|die|das|et|le|la|de|y|el|que))\s*\Z",
    re.IGNORECASE,
)
# Where so many answers end with a stop, one of some length that does not was cut.
USUAL_END, CUT_WORDS = 0.7, 12
# So many words of the prompt in a row at the start of the answer, or so large a share of it.
ECHO_WORDS, ECHO_SHARE = 8, 0.8
OPENED = 160


def answer_faults(
    answers: Sequence[str], *, last_asked: Sequence[str], last: Sequence[str]
) -> list[list[Fault]]:
    """Return what is wrong with the answers of each row, the worst first.

    Parameters
    ----------
    answers : sequence of str, length n
        All that the assistant says.
    last_asked, last : sequence of str, length n
        What was asked last, and the answer to it: told is whether it says that again or was cut.
    """
    stops = [bool(ENDS.search(text)) for text in last if len(text.split()) >= CUT_WORDS]
    ends_with_stop = len(stops) >= 20 and float(np.mean(stops)) >= USUAL_END
    found = []
    for asked, answer, end in zip(last_asked, answers, last, strict=True):
        faults = [*_by_itself(answer), *_echo(asked, end), *_cut(end, ends_with_stop)]
        found.append(sorted(faults, key=lambda fault: fault[2]))
    return found


def is_refusal(answer: str) -> bool:
    """Tell whether an answer opens by saying no."""
    low = answer[: 4 * OPENED].lower()
    begins = REFUSAL.search(low)
    if begins is None:
        return False
    unable = UNABLE.search(low, 0)
    return unable is not None and unable.start() <= OPENED


def _by_itself(answer: str) -> list[Fault]:
    faults: list[Fault] = []
    leak = SPECIAL.search(answer)
    if leak:
        faults.append(("leaked special token", f"{shown(leak.group().strip())} in the answer", 0.1))
    if is_refusal(answer):
        faults.append(
            ("refusal", f"the answer opens with {shown(answer.strip(), longest=60)}", 0.2)
        )
    speaks = AS_A_MODEL.search(answer.lower())
    if speaks:
        said = shown(answer[speaks.start() : speaks.end()])
        faults.append(("speaks as a model", f"{said} in the answer", 0.25))
    open_field = PLACEHOLDER.search(answer) or PLACEHOLDER_CASED.search(answer)
    if open_field and FENCE.search(answer[: open_field.start()]) is None:
        faults.append(("placeholder", f"{shown(open_field.group())} in the answer", 0.3))
    return faults


def _echo(prompt: str, answer: str) -> list[Fault]:
    """Find answers that say the prompt again instead of answering it."""
    asked, said = normalized(prompt).split(), normalized(answer).split()
    if not asked or not said:
        return []
    if said == asked:
        return [("repeats the prompt", "the answer is the prompt", 0.05)]
    again = said[: len(asked)] == asked and len(asked) >= ECHO_WORDS
    if again and len(asked) >= ECHO_SHARE * len(said):
        return [
            (
                "repeats the prompt",
                f"{len(asked)} of {counted(len(said), 'word is', 'words are')} the prompt",
                0.2,
            )
        ]
    if again:
        return [
            (
                "repeats the prompt",
                f"the answer begins with all {counted(len(asked), 'word')} of it",
                0.35,
            )
        ]
    return []


def _cut(answer: str, ends_with_stop: bool) -> list[Fault]:
    """Find answers that were cut off: in a block of code, after a comma or an article."""
    text = answer.rstrip()
    if len(FENCE.findall(text)) % 2:
        return [("cut answer", "a block of code is not closed", 0.3)]
    if len(text.split()) < CUT_WORDS:
        return []
    if HANGING.search(text):
        return [("cut answer", f"it ends with {shown(text[-30:])}", 0.3)]
    if ends_with_stop and not ENDS.search(text) and "\n" not in text[-80:]:
        return [("cut answer", f"it ends without a stop, with {shown(text[-30:])}", 0.4)]
    return []
