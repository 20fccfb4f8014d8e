"""One turn of a conversation, from whatever names its writer gave to roles and contents."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SPEAKER, SAID = ("role", "from", "speaker", "author"), ("content", "value", "text", "message")
ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human", "prompter", "instruction", "customer"), "user"),
    **dict.fromkeys(
        ("assistant", "gpt", "bot", "model", "ai", "chatgpt", "chatbot", "bing", "bard", "claude"),
        "assistant",
    ),
    **dict.fromkeys(("function_call", "tool_call"), "assistant"),
    **dict.fromkeys(
        ("tool", "function", "function_response", "tool_response", "observation", "ipython"),
        "tool",
    ),
}
CALLS = ("tool_calls", "function_call")
# Anthropic's sets of preferences: turns in one text, each begun by who speaks.
MARKED = re.compile(r"(?:\A|\n\n)(Human|Assistant):[ ]?")


@dataclass(frozen=True)
class Turn:
    """What one side says at once.

    Attributes
    ----------
    role : str
        ``system``, ``user``, ``assistant``, ``tool``, or the writer's own word where it is none
        that is known.
    text : str
        The texts of all parts; what is no text (an image, a call of a tool) is left out of it.
    calls : bool
        Whether tools are called, so that the turn may have no text.
    other_parts : int
        Parts that are no text, such as images.
    """

    role: str
    text: str
    calls: bool = False
    other_parts: int = 0

    @property
    def known(self) -> bool:
        """Whether the role is one that is known."""
        return self.role in ("system", "user", "assistant", "tool")

    @property
    def empty(self) -> bool:
        """Whether nothing is said, shown or called."""
        return not (self.text.strip() or self.calls or self.other_parts)


def turns_in(value: Any) -> list[Mapping[str, Any]] | None:
    """Return a cell's turns, which may be written as JSON; None where it holds none."""
    if isinstance(value, str):
        if not value.lstrip().startswith("["):
            return None
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        return None
    if not all(isinstance(turn, Mapping) for turn in value):
        return None
    told = all(_first(turn, SPEAKER) is not None for turn in value)
    return list(value) if value and told else None


def marked_turns(text: str) -> list[Turn] | None:
    """Return the turns of one text in which ``Human:`` and ``Assistant:`` begin them, or None."""
    pieces = MARKED.split(text.strip("\n"))
    if len(pieces) < 3 or pieces[0].strip():
        return None
    return [
        Turn(ROLES[who.lower()], said.strip())
        for who, said in zip(pieces[1::2], pieces[2::2], strict=True)
    ]


def read_turn(turn: Mapping[str, Any]) -> Turn:
    """Read one turn, with its role in one of four words where it is known."""
    said = str(_first(turn, SPEAKER) or "")
    role = ROLES.get(said.strip().lower(), said)
    text, others = _content(_first(turn, SAID))
    calls = any(turn.get(name) for name in CALLS) or said.strip().lower() in CALLS
    return Turn(role, text, calls or said.strip().lower() == "tool_call", others)


def _first(turn: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((turn[name] for name in names if turn.get(name) is not None), None)


def _content(said: Any) -> tuple[str, int]:
    """Return the text of a content, and how many of its parts are none."""
    if isinstance(said, Mapping):
        said = [said]
    if not isinstance(said, (list, tuple)):
        return ("" if said is None else str(said)), 0
    texts, others = [], 0
    for part in said:
        text = part.get("text") if isinstance(part, Mapping) else part
        if isinstance(text, str):
            texts.append(text)
        elif part is not None:
            others += 1
    return "\n".join(texts), others
