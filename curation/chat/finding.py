"""Find what is wrong with conversations, and which of them are copies of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from thresher.core.errors import InputError, check_choice, check_number
from thresher.core.issues import Issues
from thresher.core.shown import ShownRows
from thresher.core.signatures import checked
from thresher.core.token_counts import TokenCounter

from ..duplicates.exact import checked_ids
from ..quality.result import QualityIssues, finding
from .answers import answer_faults
from .conversations import Conversations, read_conversations
from .keeping import KeptRows, keep_first
from .languages import language_faults
from .links import BY, find_links
from .order import UNUSABLE, Fault, turn_faults
from .ranking import KEEP, rank_answers

USUAL = ("whole", "prompt", "answer", "part")
FAULTS = (
    *("empty", "unknown role", "no content", "turn order", "leaked special token", "refusal"),
    *("speaks as a model", "placeholder", "repeats the prompt", "cut answer", "other language"),
)


@dataclass(frozen=True, repr=False)
class ChatIssues(ShownRows):
    """Copies and faults of conversations.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    kept : ndarray of bool, shape (n,)
        No kept row is a copy of another one in a sense that was asked for.
    duplicate_of : ndarray of int64, shape (n,)
        Position of the kept row of which a row is a copy; −1 for kept rows.
    similarity : ndarray of float64, shape (n,)
        1 for equal texts; −1 for kept rows.
    by : list of str, n rows
        In which sense: ``whole``, ``prompt``, ``answer``, ``part``, ``meaning``; "" for kept rows.
    quality : QualityIssues
        Faults of turns and answers.
    turns, tokens : ndarray of int64, shape (n,)
        Turns of each row, and tokens of all that is said in it.
    chats : Conversations
    senses : tuple of str
        What counted as a copy.
    rule : str
        Which of several copies stays, in words.
    notes : tuple of str
        What was guessed and measured, for people.
    """

    row_ids: np.ndarray
    kept: np.ndarray
    duplicate_of: np.ndarray
    similarity: np.ndarray
    by: list[str]
    quality: QualityIssues
    turns: np.ndarray
    tokens: np.ndarray
    chats: Conversations = field(repr=False)
    senses: tuple[str, ...]
    rule: str
    notes: tuple[str, ...]
    copies: Issues = field(repr=False)

    def to_issues(self) -> Issues:
        """Return a finding for each copy and each fault."""
        return Issues.concat([self.copies, self.quality.to_issues()])

    def facts(self) -> dict[str, Any]:
        """Return counts of rows, turns, roles and tokens, and of copies by sense, as JSON types."""
        return {
            "shape": str(self.chats.shape),
            "conversations": len(self.row_ids),
            "turns": _spread(self.turns),
            "roles": self.chats.roles(),
            "tokens": _spread(self.tokens),
            "copies": {by: self.by.count(by) for by in BY if by in self.by},
            "faults": self.quality.counts(),
            "rejected": sum(map(bool, self.chats.rejected)),
        }


@checked
def find_chat_issues(
    rows: Sequence[Mapping[str, Any]],
    *,
    columns: Sequence[str] = (),
    row_ids: np.ndarray | None = None,
    by: Sequence[str] | None = None,
    keep: str = "best",
    scores: np.ndarray | Sequence[float] | None = None,
    vectors: np.ndarray | None = None,
    closeness: float = 0.9,
    tokenizer: str | TokenCounter = "words",
    drop: Sequence[str] = (),
) -> ChatIssues:
    """Find copies among conversations, faulty turns and answers that teach nothing.

    Two texts say the same when their shingles are alike and no number, name or negation and hardly
    a word of content differs; texts of one template with other numbers do not. Courtesies around an
    answer, marks of form, case and spaces do not count. Cost: see `text_graph`.

    Parameters
    ----------
    rows : sequence of mappings from column to cell, length n
        As `read_conversations` takes them.
    columns : sequence of str, optional
        The column of turns, or those of the prompt with that of the answer last; else found.
    row_ids : ndarray of str, shape (n,), optional
        Default ``"0"``, ``"1"``, ….
    by : sequence of {"whole", "prompt", "answer", "part", "meaning"}, optional
        What counts as a copy: prompt and answer say the same; the prompts do, under the same
        system; the answers do (12 words or more); one conversation is the beginning of another; the
        vectors are close and the numbers equal. Default: all but the last; where there are rejected
        answers also without ``"prompt"``, since each pair of a prompt teaches something.
    keep : {"best", "first"}
        Of copies the row with the highest score, or without scores the one with the longest answer
        that has no fault; or the first row.
    scores : array of float, shape (n,), optional
        A quality of one's own; NaN where unknown.
    vectors : ndarray of float32, shape (n, d), optional
        Of unit length, for ``"meaning"``.
    closeness : float
        Cosine from which vectors are close, in (0, 1].
    tokenizer : str or TokenCounter
        See `thresher.core.TokenCounter.of`.
    drop : sequence of str
        Kinds of faults whose rows are no copies and have none, since they are to go: no row stays
        away for the sake of one that goes.

    Returns
    -------
    ChatIssues

    Raises
    ------
    InputError
        When no column holds conversations, and on bad options.

    Examples
    --------
    >>> from curation import find_chat_issues
    >>> said = ["It is Paris.", "Sure! It is **Paris**, on the river Seine.", "I can't help."]
    >>> rows = [{"prompt": "What is the capital of France?", "completion": text} for text in said]
    >>> found = find_chat_issues(rows)
    >>> found.kept.tolist(), found.by
    ([False, True, False], ['prompt', '', 'prompt'])
    """
    chats = read_conversations(rows, columns=columns)
    senses = usual_senses(chats) if by is None else tuple(by)
    _check(senses, keep=keep, drop=drop, closeness=closeness, vectors=vectors)
    ids = checked_ids(row_ids, rows=len(chats))
    faults = _faults(chats)
    sound = np.array(
        [all(fault[2] > UNUSABLE and fault[0] not in drop for fault in row) for row in faults], bool
    )
    rank, rule = rank_answers(keep, chats.answers, faults, scores)
    close = None if vectors is None else np.asarray(vectors, np.float32)
    links = find_links(chats, senses, sound=sound, vectors=close, closeness=closeness)
    kept = keep_first(links, rank)
    counter = TokenCounter.of(tokenizer)
    turns, tokens = chats.turn_counts(), _tokens(chats, counter)
    return ChatIssues(
        ids,
        kept.duplicate_of < 0,
        kept.duplicate_of,
        kept.similarity,
        kept.by,
        QualityIssues.of(ids, _findings(faults)),
        turns,
        tokens,
        chats,
        senses,
        rule,
        (*_notes(chats, turns, tokens, counter, rule), *(n for link in links for n in link.notes)),
        kept.to_issues(ids, equal=_equal(chats, kept), why=_why(kept, rule)),
    )


def usual_senses(chats: Conversations) -> tuple[str, ...]:
    """Return what counts as a copy where it is not said."""
    return tuple(sense for sense in USUAL if sense != "prompt" or not chats.shape.has_rejected)


def _check(
    by: Sequence[str],
    *,
    keep: str,
    drop: Sequence[str],
    closeness: float,
    vectors: np.ndarray | None,
) -> None:
    check_choice("keep", keep, KEEP)
    check_number("closeness", closeness, low=0, high=1, low_open=True)
    for sense in by:
        check_choice("by", sense, BY)
    for kind in drop:
        check_choice("drop", kind, FAULTS)
    if ("meaning" in by) != (vectors is not None):
        raise InputError("Copies by meaning need `vectors`, and `vectors` need 'meaning' in `by`.")


def _faults(chats: Conversations) -> list[list[Fault]]:
    """Return the faults of each row; answers of rows that cannot be read are not looked at."""
    by_turns = [turn_faults(turns) for turns in chats.turns]
    by_answer = answer_faults(
        chats.answers, last_asked=chats.last_of("user"), last=chats.last_of("assistant")
    )
    by_language = language_faults(chats.prompts, chats.answers, chats.systems)
    return [
        turns if any(fault[2] == UNUSABLE for fault in turns) else [*turns, *answer, *language]
        for turns, answer, language in zip(by_turns, by_answer, by_language, strict=True)
    ]


def _findings(faults: Sequence[Sequence[Fault]]) -> list[Any]:
    """Turn faults by row into findings by kind."""
    kinds = dict.fromkeys(fault[0] for row in faults for fault in row)
    found = []
    for kind in kinds:
        mask, scores, details = np.zeros(len(faults), bool), np.ones(len(faults)), []
        for at, row in enumerate(faults):
            own = next((fault for fault in row if fault[0] == kind), None)
            if own is not None:
                mask[at], scores[at] = True, own[2]
                details.append(own[1])
        found.append(finding(kind, mask, scores=scores, details=details))
    return found


def _equal(chats: Conversations, kept: KeptRows) -> np.ndarray:
    """Tell which rows are equal to their twins in every turn."""
    return np.array(
        [
            twin >= 0
            and chats.turns[row] == chats.turns[twin]
            and chats.rejected[row] == chats.rejected[twin]
            for row, twin in enumerate(kept.duplicate_of.tolist())
        ],
        bool,
    )


def _why(kept: KeptRows, rule: str) -> list[str]:
    """Say why the twin stays, where answers differ."""
    return [f"stays: {rule}" if by == "prompt" else "" for by in kept.by]


def _tokens(chats: Conversations, counter: TokenCounter) -> np.ndarray:
    said = ["\n".join(turn.text for turn in turns or ()) for turns in chats.turns]
    return counter.count(said)


def _spread(counts: np.ndarray) -> dict[str, float]:
    if not len(counts):
        return {"total": 0}
    middle, high = np.quantile(counts, [0.5, 0.95])
    return {
        "total": int(counts.sum()),
        "median": float(middle),
        "95 %": float(high),
        "most": int(counts.max()),
    }


def _notes(
    chats: Conversations, turns: np.ndarray, tokens: np.ndarray, counter: TokenCounter, rule: str
) -> tuple[str, ...]:
    roles = ", ".join(f"{role} {count:,}" for role, count in chats.roles().items())
    spread, steps = _spread(tokens), _spread(turns)
    if not len(turns):
        return (f"conversations: {chats.shape}; none",)
    return (
        f"conversations: {chats.shape}; {len(chats):,}, median {steps['median']:g} turns, at most "
        f"{steps['most']:,} ({roles})",
        f"length in {counter.said}: {spread['total']:,} in all, median {spread['median']:,.0f}, "
        f"95 % up to {spread['95 %']:,.0f}, at most {spread['most']:,}",
        f"of copies stays {rule}",
    )
