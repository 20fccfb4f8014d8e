"""Which conversations are copies of each other: by the whole, prompt, answer, part or meaning.

Candidates come from the exact join of shingles (`text_graph`), among texts with the same numbers
alone, since one that differs makes another text; each pair is then read word by word
(`same_content`). Cost: that of `text_graph`, and linear in the pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from thresher.core.search.graph import neighbor_graph

from ..duplicates.texts.graph import text_graph
from ..duplicates.texts.shingles import normalized
from .conversations import Conversations
from .plain import plain_answer, plain_prompt, plain_system
from .sameness import numbers_of, same_content, words_of

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
    systems: list[str]

    @classmethod
    def of(cls, chats: Conversations) -> Plain:
        """Take the plain texts of conversations."""
        return cls(
            [plain_prompt(text) for text in chats.prompts],
            [plain_answer(text) for text in chats.answers],
            [plain_system(text) for text in chats.systems],
        )


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
        asked = _text_links("prompt", plain.prompts, sound, apart=plain.systems)
        found.append(asked)
    if "answer" in by:
        found.append(_by_answer(plain.answers, sound))
    if "part" in by:
        found.append(_by_part(chats, sound))
    if "meaning" in by and vectors is not None:
        found.append(_by_meaning(plain, sound, vectors, closeness))
    return found


def _by_whole(plain: Plain, sound: np.ndarray) -> Links:
    both = list(zip(plain.prompts, plain.answers, strict=True))
    texts = ["\n".join(pair) for pair in both]
    # Where the prompt ends is part of what is equal.
    ends = [str(len(normalized(prompt))) for prompt in plain.prompts]
    links = _text_links("whole", texts, sound, ends=ends)
    first = {int(key): row for row, key in reversed(list(enumerate(links.keys)))}

    def same(one: int, other: int) -> bool:
        left, right = both[first[one]], both[first[other]]
        return all(_says_same(a, b) for a, b in zip(left, right, strict=True))

    close = {
        key: [(other, score) for other, score in others if same(key, other)]
        for key, others in links.close.items()
    }
    return Links("whole", links.keys, close)


def _by_answer(answers: list[str], sound: np.ndarray) -> Links:
    long = sound & np.array([len(text.split()) >= ANSWER_WORDS for text in answers], bool)
    keys = {row: normalized(answers[row]) for row in np.flatnonzero(long).tolist()}
    counts = Counter(keys.values())
    usual = {key for key, count in counts.items() if count > MOST_PROMPTS}
    for row, key in keys.items():
        long[row] = key not in usual
    links = _text_links("answer", answers, long)
    if not usual:
        return links
    note = (
        f"{sum(counts[key] for key in usual):,} rows have one of {len(usual):,} answers that stand "
        f"under more than {MOST_PROMPTS} prompts, taken as how this set answers"
    )
    return Links("answer", links.keys, links.close, (note,))


def _text_links(
    by: str,
    texts: list[str],
    taking_part: np.ndarray,
    *,
    apart: list[str] | None = None,
    ends: list[str] | None = None,
) -> Links:
    """Link equal texts and those that say the same; `apart` keeps rows with other values apart."""
    numbers: dict[tuple[Hashable, ...], int] = {}
    keys = np.full(len(texts), -1, np.int64)
    groups: dict[tuple[Hashable, ...], dict[int, str]] = {}
    for row in np.flatnonzero(taking_part).tolist():
        words = words_of(texts[row])
        if not words:
            continue
        side = apart[row] if apart else ""
        exact = (side, " ".join(words), ends[row] if ends else "")
        keys[row] = numbers.setdefault(exact, len(numbers))
        groups.setdefault((side, numbers_of(words)), {}).setdefault(int(keys[row]), texts[row])
    close: dict[int, list[tuple[int, float]]] = {}
    for members in groups.values():
        for one, other, score in _near(list(members.items())):
            close.setdefault(one, []).append((other, score))
            close.setdefault(other, []).append((one, score))
    return Links(by, keys, close)


def _near(members: list[tuple[int, str]]) -> Iterator[tuple[int, int, float]]:
    """Yield the pairs of keys whose texts say the same."""
    if len(members) < 2:
        return
    texts = [text for _, text in members]
    graph = text_graph(texts, threshold=CANDIDATES)
    for one, other, score in zip(*(column.tolist() for column in graph.pairs()), strict=True):
        if same_content(texts[one], texts[other]):
            yield members[one][0], members[other][0], float(score)


def _says_same(left: str, right: str) -> bool:
    one, other = words_of(left), words_of(right)
    if not one or not other:
        return not one and not other
    return numbers_of(one) == numbers_of(other) and same_content(left, right)


def _by_part(chats: Conversations, sound: np.ndarray) -> Links:
    """Link conversations that begin with the whole of another one."""
    said: dict[int, tuple[tuple[str, str], ...]] = {}
    for row in np.flatnonzero(sound).tolist():
        own = [turn for turn in chats.turns[row] or () if turn.role != "system"]
        said[row] = tuple((turn.role, normalized(turn.text)) for turn in own)
    numbers: dict[tuple[tuple[str, str], ...], int] = {}
    keys = np.full(len(sound), -1, np.int64)
    for row, turns in said.items():
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
