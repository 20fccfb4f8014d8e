"""Rows as records of Argilla."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...tasks import Task
from .questions import QUESTION, WHY, value_of

AGENT = "thresher"


@dataclass(frozen=True)
class Outgoing:
    """A row on its way.

    Attributes
    ----------
    row_id : str
        The record's id there, by which it is found again.
    why : str
        Why it was chosen.
    suggestion : str or None
        The model's label, as text.
    score : float or None
    said : tuple of (str, str or None)
        User and label of each answer; None for a skip.
    """

    row_id: str
    why: str = ""
    suggestion: str | None = None
    score: float | None = None
    said: tuple[tuple[str, str | None], ...] = ()


def record_of(task: Task, row: Outgoing, fields: dict[str, str], dataset: Any) -> Any:
    """Return the SDK's model of a record; a path of an image becomes the image."""
    import argilla

    suggestions = []
    if row.suggestion is not None:
        value = value_of(task, row.suggestion)
        suggestions = [argilla.Suggestion(QUESTION, value, score=row.score, agent=AGENT)]
    responses = [
        argilla.Response(
            QUESTION,
            None if text is None else value_of(task, text),
            user_id=user,
            status="discarded" if text is None else "submitted",
        )
        for user, text in row.said
    ]
    record = argilla.Record(
        id=row.row_id,
        fields=fields | ({WHY: row.why} if row.why else {}),
        suggestions=suggestions,
        responses=responses,
        _dataset=dataset,
    )
    return record.api_model()
