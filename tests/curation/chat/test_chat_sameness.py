"""Which differences make another text: numbers, names, negations, words of content."""

from __future__ import annotations

import pytest

from curation.chat.plain import plain_answer, plain_system
from curation.chat.sameness import same_content, words_of

LONG = (
    "the river rises in the hills and runs for many miles through quiet farms until it meets a "
    "broad lake where boats carry stone and grain to the towns along its northern shore each day"
)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("What is the capital of France?", "what is the capital of france", True),
        ("What is the capital of France?", "Please, what's the capitol of France?", True),
        ("What is the capital of France?", "What is the capital of Spain?", False),
        ("Add 12 and 30.", "Add 12 and 31.", False),
        ("It costs 1,000 euros.", "It costs 1000 euros.", True),
        ("1. eggs\n2. milk", "- eggs\n- milk", True),
        ("The dog bites the man.", "The man bites the dog.", False),
        ("The capital of France, please?", "What is the capital of France?", True),
        ("It is safe to eat.", "It is not safe to eat.", False),
        ("Increase the volume of the speaker.", "Decrease the volume of the speaker.", False),
        (LONG, LONG.replace("broad ", ""), True),
        (LONG, LONG.replace("broad", "wide"), False),
        (LONG, LONG.replace("broad lake", "salt sea"), False),
        (LONG, LONG.replace("northern", "Swiss"), False),
        (LONG, LONG.replace("river", "rivre"), True),
    ],
)
def test_same_content(left: str, right: str, same: bool) -> None:
    known = {"capital": 9, "increase": 5, "decrease": 4}
    assert same_content(left, right, known=known) is same
    assert same_content(right, left, known=known) is same


def test_a_word_is_mistyped_where_it_stands_nowhere_else() -> None:
    left, right = "who rules iran today", "who rules iraq today"
    assert not same_content(left, right, known={"iran": 4, "iraq": 3})
    assert not same_content(left, right)  # nothing is known of either
    assert same_content(left, right, known={"iran": 4, "iraq": 1})
    assert not same_content("use sin2 of x", "use sin3 of x", known={"sin2": 9})


def test_a_word_that_is_the_subject_is_not_replaced() -> None:
    other = LONG.replace("lake", "pond")
    assert same_content(LONG, other) is False  # 35 words allow no change
    long = f"{LONG} and in winter the ice stops all of it for a month or more each time"
    changed = long.replace("winter", "january")
    assert same_content(long, changed)
    assert not same_content(long, changed, subject={"winter"})


def test_words_of_a_text() -> None:
    assert words_of("Don’t add 1,000 to 3.5!") == ["dont", "add", "1000", "to", "3.5"]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Sure! Here is the list:\n- eggs", "- eggs"),
        ("It is **four**. I hope this helps!", "It is  four ."),
        ("Certainly! Four. Let me know if you need anything else.", "Four."),
        ("Sure!", "Sure!"),
        ("Here are no courtesies at all", "Here are no courtesies at all"),
    ],
)
def test_courtesies_go_and_content_stays(text: str, plain: str) -> None:
    assert plain_answer(text) == plain


def test_a_system_that_says_nothing_is_none() -> None:
    assert plain_system("You are a helpful assistant.") == ""
    assert plain_system("You are an AI assistant that helps people find information.") == ""
    assert plain_system("You are a pirate and answer in rhymes.") != ""
