"""Which conversations are copies of each other: by the whole, prompt, answer, part or meaning.

Candidates come from the exact join of shingles (`text_graph`), among texts with the same numbers
alone, since one that differs makes another text; each pair is then read word by word
(`same_content`). Cost: that of `text_graph`, and linear in the pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from thresher.core.counted import counted
from thresher.core.search.graph import neighbor_graph

from ..duplicates.texts.graph import text_graph
from ..duplicates.texts.shingles import normalized
from .conversations import Conversations
from .plain import plain_answer, plain_prompt, plain_system
from .sameness import numbers_of, said, same_content, words_of

BY = ("whole", "prompt", "answer", "part", "meaning")
# Texts nearer than this are candidates; the words in which they differ then decide.
CANDIDATES = 0.5
# Shorter answers are the same by chance or by nature: "Yes.", "Positive".
ANSWER_WORDS = 12
# An answer that stands under more prompts is how the set answers, as the name of a class is.
MOST_PROMPTS = 20


@dataclass(frozen=True)
class Links:
    """Rows that are copies in one sense: those with equal keys, and those whose keys are close.

    Attributes
    ----------
    by : str
        One of `BY`.
    keys : ndarray of int64, shape (n,)
        Equal for equal rows; −1 for rows that equal none.
    close : dict of int to list of (int, float)
        For a key the other keys that say the same, with their similarity.
    notes : tuple of str
        What was not taken for copies though it repeats.
    """

    by: str
    keys: np.ndarray
    close: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plain:
    """What is compared of each row, without courtesies and marks of form."""

    prompts: list[str]
    answers: list[str]
    rejected: list[str]
    systems: list[str]
    known: Counter[str]

    @classmethod
    def of(cls, chats: Conversations) -> Plain:
        """Take the plain texts of conversations, and count in how many each word stands."""
        prompts = [plain_prompt(text) for text in chats.prompts]
        answers = [plain_answer(text) for text in chats.answers]
        known: Counter[str] = Counter()
        for words in {tuple(words_of(f"{p} {a}")) for p, a in zip(prompts, answers, strict=True)}:
            known.update(set(words))
        rejected = [plain_answer(text) for text in chats.rejected]
        return cls(prompts, answers, rejected, [plain_system(t) for t in chats.systems], known)


def find_links(
    chats: Conversations,
    by: Sequence[str],
    *,
    sound: np.ndarray,
    vectors: np.ndarray | None = None,
    closeness: float = 0.9,
) -> list[Links]:
    """Return the links of each sense in `by`, among the rows that `sound`, bool (n,), marks."""
    plain = Plain.of(chats)
    found = []
    if "whole" in by:
        found.append(_by_whole(plain, sound))
    if "prompt" in by:
        asked = list(zip(plain.systems, plain.prompts, strict=True))

        def ask_same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
            return same_content(one[1], other[1], known=plain.known)

        found.append(_text_links("prompt", asked, sound, compared=1, same=ask_same))
    if "answer" in by:
        found.append(_by_answer(plain, sound))
    if "part" in by:
        found.append(_by_part(chats, sound))
    if "meaning" in by and vectors is not None:
        found.append(_by_meaning(plain, sound, vectors, closeness))
    return found


def _by_whole(plain: Plain, sound: np.ndarray) -> Links:
    """Link rows whose prompts say the same, and so do their answers, also those rejected."""
    whole = list(zip(plain.prompts, plain.answers, plain.rejected, strict=True))

    def say_same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
        return (
            all(
                numbers_of(said(left).words) == numbers_of(said(right).words)
                for left, right in zip(one, other, strict=True)
            )
            and same_content(one[0], other[0], known=plain.known)
            and all(_answers_same((one[0], one[at]), (other[0], other[at]), plain) for at in (1, 2))
        )

    return _text_links("whole", whole, sound, compared=3, same=say_same)


def _answers_same(one: tuple[str, ...], other: tuple[str, ...], plain: Plain) -> bool:
    """Tell whether two answers say the same, each a prompt and its answer."""
    if bool(said(one[1]).words) != bool(said(other[1]).words):
        return False
    asked = said(one[0]).counts.keys() | said(other[0]).counts.keys()
    subject = asked | {piece for word in asked for piece in word.split(".")}
    return same_content(one[1], other[1], known=plain.known, subject=subject)


def _by_answer(plain: Plain, sound: np.ndarray) -> Links:
    answers = plain.answers
    long = sound & np.array([len(text.split()) >= ANSWER_WORDS for text in answers], bool)
    keys = {row: normalized(answers[row]) for row in np.flatnonzero(long).tolist()}
    counts = Counter(keys.values())
    usual = {key for key, count in counts.items() if count > MOST_PROMPTS}
    for row, key in keys.items():
        long[row] = key not in usual
    both = list(zip(plain.prompts, answers, strict=True))

    def answer_same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
        return _answers_same(one, other, plain)

    links = _text_links("answer", both, long, compared=1, same=answer_same, apart=False)
    if not usual:
        return links
    note = (
        f"{counted(sum(counts[key] for key in usual), 'row has', 'rows have')} one of "
        f"{counted(len(usual), 'answer')} that stand under more than "
        f"{MOST_PROMPTS} prompts, taken as how this set answers"
    )
    return Links("answer", links.keys, links.close, (note,))


def _text_links(
    by: str,
    rows: Sequence[tuple[str, ...]],
    taking_part: np.ndarray,
    *,
    compared: int,
    same: Callable[[tuple[str, ...], tuple[str, ...]], bool],
    apart: bool = True,
) -> Links:
    """Link equal texts and those that say the same.

    Parameters
    ----------
    rows : sequence of tuple of str, n rows
        The texts of each row; the last `compared` of them must be alike.
    taking_part : ndarray of bool, shape (n,)
    same : callable
        From the texts of two rows that are alike to whether they say the same.
    apart : bool
        Whether rows that differ in the other texts are kept apart.
    """
    numbers: dict[tuple[Hashable, ...], int] = {}
    keys = np.full(len(rows), -1, np.int64)
    groups: dict[tuple[Hashable, ...], dict[int, tuple[str, ...]]] = {}
    for row in np.flatnonzero(taking_part).tolist():
        beside = rows[row][:-compared] if apart else ()
        words = [words_of(text) for text in rows[row][-compared:]]
        if not any(words):
            continue
        exact = (*beside, *(" ".join(each) for each in words))
        keys[row] = numbers.setdefault(exact, len(numbers))
        own = (*beside, *sorted(number for each in words for number in numbers_of(each)))
        groups.setdefault(own, {}).setdefault(int(keys[row]), rows[row])
    close: dict[int, list[tuple[int, float]]] = {}
    for members in groups.values():
        for one, other, score in _near(list(members.items()), compared, same):
            close.setdefault(one, []).append((other, score))
            close.setdefault(other, []).append((one, score))
    return Links(by, keys, close)


def _near(
    members: list[tuple[int, tuple[str, ...]]],
    compared: int,
    same: Callable[[tuple[str, ...], tuple[str, ...]], bool],
) -> Iterator[tuple[int, int, float]]:
    """Yield the pairs of keys whose texts are alike and say the same."""
    if len(members) < 2:
        return
    graph = text_graph(["\n".join(texts[-compared:]) for _, texts in members], threshold=CANDIDATES)
    for one, other, score in zip(*(column.tolist() for column in graph.pairs()), strict=True):
        if same(members[one][1], members[other][1]):
            yield members[one][0], members[other][0], float(score)


def _by_part(chats: Conversations, sound: np.ndarray) -> Links:
    """Link conversations that begin with the whole of another one."""
    spoken: dict[int, tuple[tuple[str, str], ...]] = {}
    for row in np.flatnonzero(sound).tolist():
        own = [turn for turn in chats.turns[row] or () if turn.role != "system"]
        spoken[row] = tuple((turn.role, normalized(turn.text)) for turn in own)
        if chats.rejected[row]:  # what is preferred to what is part of nothing else
            spoken[row] += (("rejected", normalized(chats.rejected[row])),)
    numbers: dict[tuple[tuple[str, str], ...], int] = {}
    keys = np.full(len(sound), -1, np.int64)
    for row, turns in spoken.items():
        keys[row] = numbers.setdefault(turns, len(numbers))
    close: dict[int, list[tuple[int, float]]] = {}
    for turns, key in numbers.items():
        for cut in range(2, len(turns)):
            other = numbers.get(turns[:cut])
            if other is not None:
                close.setdefault(key, []).append((other, cut / len(turns)))
                close.setdefault(other, []).append((key, cut / len(turns)))
    return Links("part", keys, close)


def _by_meaning(plain: Plain, sound: np.ndarray, vectors: np.ndarray, closeness: float) -> Links:
    """Link rows with close vectors and the same numbers in the prompt and in the answer."""
    rows = np.flatnonzero(sound)
    graph = neighbor_graph(vectors[rows], threshold=closeness)
    keys = np.full(len(sound), -1, np.int64)
    keys[rows] = rows
    close: dict[int, list[tuple[int, float]]] = {}
    for one, other, score in zip(*(column.tolist() for column in graph.pairs()), strict=True):
        pair = int(rows[one]), int(rows[other])
        if all(
            numbers_of(words_of(side[pair[0]])) == numbers_of(words_of(side[pair[1]]))
            for side in (plain.prompts, plain.answers)
        ):
            close.setdefault(pair[0], []).append((pair[1], float(score)))
            close.setdefault(pair[1], []).append((pair[0], float(score)))
    return Links("meaning", keys, close)
