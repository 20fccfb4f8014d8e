"""Conversations of every shape are read as the same turns, and odd turns are named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from curation import find_chat_issues, read_conversations
from curation.chat.order import turn_faults
from curation.chat.turns import Turn
from thresher.core.errors import InputError

ASK, SAY = "What is two and two?", "It is four."
MESSAGES = [{"role": "user", "content": ASK}, {"role": "assistant", "content": SAY}]
HUMAN = f"\n\nHuman: {ASK}\n\nAssistant: "
SHAREGPT = [{"from": "human", "value": ASK}, {"from": "gpt", "value": SAY}]


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        ({"messages": MESSAGES}, "turns (messages)"),
        ({"messages": json.dumps(MESSAGES), "id": 1}, "turns (messages)"),
        ({"conversations": SHAREGPT}, "turns (conversations)"),
        ({"prompt": ASK, "completion": SAY}, "prompt and answer (prompt, completion)"),
        (
            {"instruction": ASK, "input": "", "output": SAY},
            "prompt and answer (instruction, input, output)",
        ),
        ({"question": ASK, "answer": SAY}, "prompt and answer (question, answer)"),
        (
            {"prompt": MESSAGES[:1], "completion": MESSAGES[1:]},
            "prompt and answer (prompt, completion)",
        ),
        (
            {"prompt": ASK, "chosen": SAY, "rejected": "Five."},
            "prompt, chosen and rejected answer (prompt, chosen, rejected: rejected)",
        ),
        (
            {"prompt": ASK, "chosen": MESSAGES, "rejected": MESSAGES},
            "prompt, chosen and rejected answer (prompt, chosen, rejected: rejected)",
        ),
        (
            {"chosen": HUMAN + SAY, "rejected": HUMAN + "5"},
            "chosen and rejected conversation (chosen, rejected: rejected)",
        ),
    ],
)  # fmt: skip
def test_shapes_are_told_and_read(row: dict[str, Any], shape: str) -> None:
    found = read_conversations([row])
    assert str(found.shape) == shape
    assert found.turns == [(Turn("user", ASK), Turn("assistant", SAY))]


def test_rejected_answers_systems_and_contexts_are_read() -> None:
    found = read_conversations(
        [
            {"prompt": ASK, "chosen": SAY, "rejected": "Five."},
            {"prompt": ASK, "chosen": SAY, "rejected": [{"role": "assistant", "content": "Six."}]},
        ]
    )
    assert found.rejected == ["Five.", "Six."]
    alpaca = {
        "system": "Be brief.",
        "instruction": "Sum up.",
        "input": "A long text.",
        "output": "B",
    }
    (turns,) = read_conversations([alpaca]).turns
    asked = Turn("user", "Sum up.\n\nA long text.")
    assert turns == (Turn("system", "Be brief."), asked, Turn("assistant", "B"))


def test_each_row_is_read_in_its_own_shape() -> None:
    turns = [{"from": "human", "value": ASK}, {"from": "gpt", "value": SAY}]
    rows: list[dict[str, Any]] = [
        *[{"messages": MESSAGES, "prompt": None}] * 300,
        {"conversations": turns},
        {"prompt": ASK, "chosen": SAY, "rejected": "Five.", "messages": None},
        {"note": "x"},
        {"messages": []},
    ]
    found = read_conversations(rows)
    assert str(found.shape) == (
        "turns (messages), or turns (conversations), or prompt, chosen and rejected answer "
        "(prompt, chosen, rejected: rejected)"
    )
    assert found.turns[:302] == [(Turn("user", ASK), Turn("assistant", SAY))] * 302
    assert found.turns[302:] == [None, None]
    assert found.rejected[300:] == ["", "Five.", "", ""]
    assert find_chat_issues(rows).senses == ("whole", "answer", "part")


def test_parts_and_calls_of_tools_are_kept() -> None:
    row = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image_url"}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            {"role": "tool", "content": "3"},
            {"role": "assistant", "content": "Three."},
        ]
    }
    (turns,) = read_conversations([row]).turns
    assert turns == (
        Turn("user", "Look", other_parts=1),
        Turn("assistant", "", calls=True),
        Turn("tool", "3"),
        Turn("assistant", "Three."),
    )
    assert turn_faults(turns) == []


def test_columns_may_be_named_and_none_is_an_error() -> None:
    row = {"ask": ASK, "reply": SAY, "note": "x"}
    assert read_conversations([row], columns=("ask", "reply")).answers == [SAY]
    with pytest.raises(InputError, match=r"No column holds conversations.*There are ask, reply"):
        read_conversations([row])
    with pytest.raises(InputError, match="'ask' holds no turns"):
        read_conversations([row], columns=("ask",))
    with pytest.raises(InputError, match="replay"):
        read_conversations([row], columns=("ask", "replay"))


U, A, S, T = (Turn(role, "x") for role in ("user", "assistant", "system", "tool"))


@pytest.mark.parametrize(
    ("turns", "kind", "words"),
    [
        (None, "empty", "no turns with a role"),
        ((), "empty", "no turn"),
        ((U,), "empty", "no answer by the assistant"),
        ((U, Turn("assistant", " ")), "empty", "no answer"),
        ((Turn("user", ""), A), "empty", "nothing is asked"),
        ((U, Turn("pirate", "x"), A), "unknown role", "turn 2 is by 'pirate'"),
        ((U, U, A), "turn order", "turn 2: the user speaks twice"),
        ((U, A, A), "turn order", "turn 3: the assistant speaks twice"),
        ((A, U, A), "turn order", "turn 1: the assistant speaks first"),
        ((U, A, S, U, A), "turn order", "turn 3: the system speaks in the middle"),
        ((U, T, A), "turn order", "turn 2: a tool answers"),
        ((U, A, U), "turn order", "nobody answers"),
        ((U, A, Turn("user", ""), A), "no content", "turn 3 (user) is empty"),
    ],
)
def test_faults_of_turns_say_which_turn(turns: Any, kind: str, words: str) -> None:
    (found, *_) = turn_faults(turns)
    assert found[0] == kind
    assert words in found[1]


def test_sound_turns_have_no_fault() -> None:
    assert turn_faults((S, U, A, U, A)) == []
    assert turn_faults((S, S, U, A)) == []
