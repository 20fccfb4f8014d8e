"""Conversations side by side: who says what, what is asked, what is answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from thresher.core.shown import Shown
from thresher.core.signatures import checked

from .shapes import Shape, find_shape
from .turns import Turn


@dataclass(frozen=True, repr=False)
class Conversations(Shown):
    """The turns of each row.

    Attributes
    ----------
    turns : list of tuple of Turn, or of None
        None for a row whose cell holds no turns.
    shape : Shape
        Which columns were taken, and as what.
    rejected : list of str
        The rejected answer of each row, empty where there is none.
    """

    turns: list[tuple[Turn, ...] | None] = field(repr=False)
    shape: Shape
    rejected: list[str] = field(repr=False)

    def __len__(self) -> int:
        return len(self.turns)

    def said_by(self, role: str) -> list[str]:
        """Return all that one role says in each row, joined by line ends."""
        return [
            "\n".join(turn.text for turn in turns or () if turn.role == role)
            for turns in self.turns
        ]

    def last_of(self, role: str) -> list[str]:
        """Return the last thing that one role says in each row."""
        return [
            next((turn.text for turn in reversed(turns or ()) if turn.role == role), "")
            for turns in self.turns
        ]

    @cached_property
    def prompts(self) -> list[str]:
        """What the user says in each row."""
        return self.said_by("user")

    @cached_property
    def answers(self) -> list[str]:
        """What the assistant says in each row."""
        return self.said_by("assistant")

    @cached_property
    def systems(self) -> list[str]:
        """What the system says in each row."""
        return self.said_by("system")

    def turn_counts(self) -> np.ndarray:
        """Return the number of turns of each row, int64, shape (n,)."""
        return np.array([len(turns or ()) for turns in self.turns], np.int64)

    def roles(self) -> dict[str, int]:
        """Return how many turns each role has."""
        found = Counter(turn.role for turns in self.turns for turn in turns or ())
        return dict(sorted(found.items()))


@checked
def read_conversations(
    rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str] = ()
) -> Conversations:
    """Read conversations from rows as they are stored.

    Known are turns with a role and a content (``messages``; the content may be a list of parts), or
    from and value (``conversations``), also as JSON text; columns of a prompt and an answer
    (``prompt`` and ``completion``, ``instruction``, ``input`` and ``output``, ``question`` and
    ``answer``); and ``chosen`` beside ``rejected``. Cost: linear in the rows.

    Parameters
    ----------
    rows : sequence of mappings from column to cell, length n
    columns : sequence of str, optional
        The column of turns, or those of the prompt with that of the answer last; else found.

    Raises
    ------
    InputError
        When no column holds conversations.

    Examples
    --------
    >>> from curation import read_conversations
    >>> rows = [{"instruction": "Name a color.", "output": "Blue."}]
    >>> found = read_conversations(rows)
    >>> print(found.shape)
    prompt and answer (instruction, output)
    >>> found.prompts, found.answers
    (['Name a color.'], ['Blue.'])
    """
    shape = find_shape(rows, columns=columns)
    return Conversations(
        [shape.read(row) for row in rows], shape, [shape.read_rejected(row) for row in rows]
    )
