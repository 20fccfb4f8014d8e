"""Copies in each sense, the best answer, faults of answers: on rows made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from curation import find_chat_issues
from curation.chat.answers import answer_faults, is_refusal
from curation.chat.finding import FAULTS
from thresher.core.errors import InputError

ASK = "How long does it take to boil an egg until it is hard?"
SAY = "An egg of usual size takes about ten minutes in boiling water until the yolk is firm."
OTHER = "Cook for ten minutes."


def pair(prompt: str, answer: str, **more: Any) -> dict[str, Any]:
    return {"prompt": prompt, "completion": answer, **more}


def chat(*said: str, system: str | None = None) -> dict[str, Any]:
    roles = ("user", "assistant") * len(said)
    turns = [{"role": role, "content": text} for role, text in zip(roles, said, strict=False)]
    return {"messages": ([{"role": "system", "content": system}] if system else []) + turns}


@pytest.mark.parametrize(
    ("rows", "by"),
    [
        ([pair(ASK, SAY), pair(ASK, SAY)], "whole"),
        ([pair(ASK, SAY), pair(ASK.lower(), f"**{SAY.upper()}**")], "whole"),
        ([pair(ASK, SAY), pair(ASK, SAY.replace("about ", ""))], "whole"),
        ([pair(ASK, f"Sure! {SAY} I hope this helps!"), pair(ASK, SAY)], "whole"),
        ([chat(ASK, SAY), chat(ASK, SAY, system="You are a helpful assistant.")], "whole"),
        ([pair(ASK, SAY), pair(f"Hello, please: {ASK}", OTHER)], "prompt"),
        ([pair(ASK, SAY), pair("Hard eggs, when are they done?", SAY)], "answer"),
        ([chat(ASK, SAY, "Thanks, and a soft one?", "Five minutes."), chat(ASK, SAY)], "part"),
    ],
)
def test_copies_of_each_sense_are_found(rows: list[dict[str, Any]], by: str) -> None:
    found = find_chat_issues(rows, by=("whole", by) if by != "whole" else ("whole",))
    assert found.kept.tolist() == [True, False]
    assert found.by == ["", by]
    assert found.duplicate_of.tolist() == [-1, 0]


def test_mistyped_words_are_told_by_the_other_rows() -> None:
    rows = [pair(ASK, SAY), pair(ASK.replace("boil", "biol"), SAY.replace("yolk", "yokl"))]
    more = [pair("Does it boil?", "The yolk does not."), pair("How to boil a yolk?", "In water.")]
    assert find_chat_issues([*rows, *more], by=("whole",)).kept.tolist() == [
        True,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [pair("Add 3 and 4.", "The sum is 7."), pair("Add 3 and 5.", "The sum is 8.")],
        [
            pair("Write a mail to Anna about the meeting.", "Dear Anna, let us meet on the hill."),
            pair(
                "Write a mail to Peter about the meeting.", "Dear Peter, let us meet on the hill."
            ),
        ],
        [pair("Is the sky blue?", "Yes."), pair("Is grass green?", "Yes.")],
        [
            chat(ASK, SAY, system="You are a pirate."),
            chat(ASK, OTHER, system="You answer in the words of a judge."),
        ],
    ],
)
def test_look_alikes_stay(rows: list[dict[str, Any]]) -> None:
    assert find_chat_issues(rows).kept.all()


def test_an_answer_under_many_prompts_is_how_the_set_answers() -> None:
    label = "This review is of the class of reviews that speak well of the thing."
    rows = [
        pair(f"Which class has this review: {word * 3}?", label)
        for word in "abcdefghijklmnopqrstuvwx"
    ]
    found = find_chat_issues(rows)
    assert found.kept.all()
    assert any("24 rows have one of 1 answer" in note for note in found.notes)


def test_of_one_prompt_the_longest_answer_without_a_fault_stays() -> None:
    refusal = "I'm sorry, but as an AI language model I cannot tell how long that takes, nor why."
    rows = [pair(ASK, OTHER), pair(ASK, refusal), pair(ASK, SAY)]
    found = find_chat_issues(rows)
    assert found.kept.tolist() == [False, False, True]
    assert found.rule == "the one with the longest answer that is no refusal and has no other fault"
    assert find_chat_issues(rows, keep="first").kept.tolist() == [True, False, False]
    scored = find_chat_issues(rows, scores=[0.9, 0.1, np.nan])
    assert scored.kept.tolist() == [True, False, False]


def test_every_dropped_row_has_a_kept_twin_and_no_two_kept_rows_are_close() -> None:
    """A is a copy of B by the prompt and B of C by the answer: C is no copy of A."""
    rows = [pair(ASK, OTHER), pair(ASK, SAY), pair("Hard eggs, when are they done?", SAY)]
    found = find_chat_issues(rows)
    dropped = np.flatnonzero(~found.kept)
    assert found.kept[found.duplicate_of[dropped]].all()
    assert found.kept.tolist() == [False, True, False]
    back = find_chat_issues(rows[::-1])
    assert back.kept[back.duplicate_of[~back.kept]].all()


def test_copies_by_meaning_have_the_same_numbers() -> None:
    rows = [pair("Name a big city.", "Rome."), pair("Say a large town.", "Rom, that is."),
            pair("Say 3 large towns.", "Rome.")]  # fmt: skip
    vectors = np.array([[1, 0], [0.999, 0.0447], [1, 0]], np.float32)
    found = find_chat_issues(rows, by=("meaning",), vectors=vectors, closeness=0.9)
    assert found.by == ["", "meaning", ""] or found.by == ["meaning", "", ""]
    with pytest.raises(InputError, match="need `vectors`"):
        find_chat_issues(rows, by=("meaning",))


def test_of_preferences_each_pair_stays_unless_it_is_whole_a_copy() -> None:
    rows = [
        {"prompt": ASK, "chosen": SAY, "rejected": "Two minutes."},
        {"prompt": ASK, "chosen": OTHER, "rejected": "Two minutes."},
        {"prompt": ASK, "chosen": OTHER, "rejected": "It is a hen that lays them."},
        {"prompt": ASK.upper(), "chosen": f"**{OTHER}**", "rejected": "two minutes"},
    ]
    found = find_chat_issues(rows)
    assert found.senses == ("whole", "answer", "part")
    assert found.duplicate_of.tolist() == [-1, -1, -1, 1]
    assert find_chat_issues(rows, by=("prompt",)).kept.tolist() == [True, False, False, False]


def test_rows_that_are_to_go_hold_no_other_back() -> None:
    rows = [pair(ASK, f"[Your Name] {SAY}"), pair(ASK, OTHER)]
    assert find_chat_issues(rows).kept.tolist() == [False, True]
    only = [
        pair(ASK, f"{SAY} [Your Name]"),
        pair("Hard eggs, when are they done?", f"{SAY} [Your Name]"),
    ]
    assert find_chat_issues(only).kept.sum() == 1
    assert find_chat_issues(only, drop=("placeholder",)).kept.all()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("I'm sorry, but I can't help with that request.", "refusal"),
        ("As an AI language model, I do not have opinions.", "speaks as a model"),
        ("Dear [Your Name], the order has come.", "placeholder"),
        ("Dear {{customer_name}}, the order has come.", "placeholder"),
        ("Write to [EMAIL] about the order.", "placeholder"),
        ("Call [NAME_1] on [PHONE NUMBER].", "placeholder"),
        ("It is four.<|im_end|>", "leaked special token"),
        ("It is four. [/INST]", "leaked special token"),
        ("It is four.\nUser: and five?", "leaked special token"),
        ("Use this:\n```python\nprint(1)\n", "cut answer"),
        ("First you boil the water and then you put the egg in the", "cut answer"),
        (ASK, "repeats the prompt"),
        (f"{ASK} Ten minutes.", "repeats the prompt"),
    ],
)
def test_faults_of_answers(answer: str, kind: str) -> None:
    (faults,) = answer_faults([answer], last_asked=[ASK], last=[answer])
    assert kind in [fault[0] for fault in faults]
    assert kind in FAULTS


@pytest.mark.parametrize(
    "answer",
    [
        SAY,
        "Sorry seems to be the hardest word is a song of 1976.",
        "I can't help but smile when it rains; that is how the poem begins.",
        "Unfortunately the train was late, so they walked.",
        "A list in Python is written [1, 2, 3] and a set {1, 2}.",
        "Use `print(x)`; see https://example.org/a",
        "See the [link](https://a.example) and [your page](https://b.example), as in [CLRS].",
        "The template is:\n```\nDear {{name}},\n```",
        "Here is the code:\n```python\nprint(1)\n```",
    ],
)
def test_sound_answers_have_no_fault(answer: str) -> None:
    assert answer_faults([answer], last_asked=[ASK], last=[answer]) == [[]]
    assert not is_refusal(answer)


def test_answers_without_a_stop_are_cut_where_most_have_one() -> None:
    whole = [f"{SAY} It was tried {number} times." for number in range(30)]
    cut = "An egg of usual size takes about ten minutes in boiling water until the yolk"
    prompts = [ASK] * 31
    faults = answer_faults([*whole, cut], last_asked=prompts, last=[*whole, cut])
    assert [row for row, found in enumerate(faults) if found] == [30]


def test_another_language_is_told_unless_it_was_asked_for() -> None:
    german = (
        "Ein Ei braucht etwa zehn Minuten in kochendem Wasser, bis das Gelbe fest geworden ist."
    )
    ask = "How long does it take to boil an egg until it is hard, and what should I watch for?"
    found = find_chat_issues(
        [pair(ask, german), pair(f"{ask} Answer in German.", german)], by=("whole",)
    )
    assert found.quality.counts() == {"other language": 1}
    assert found.quality.flagged.tolist() == [True, False]


def test_odd_input() -> None:
    assert len(find_chat_issues([pair(ASK, SAY)]).kept) == 1
    with pytest.raises(InputError, match="No column"):
        find_chat_issues([])
    with pytest.raises(InputError, match="wohle"):
        find_chat_issues([pair(ASK, SAY)], by=("wohle",))
    with pytest.raises(InputError, match="shape"):
        find_chat_issues([pair(ASK, SAY)], scores=[1, 2])
    rows = [pair(ASK, SAY), {"prompt": None, "completion": None}, {}]
    found = find_chat_issues(rows)
    assert found.quality.flagged.tolist() == [False, True, True]
