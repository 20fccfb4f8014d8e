"""All that a session knows about its labeled rows, row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from thresher.core.labels import Answer, latest

from ...annotators.classes import Consensus
from ...sessions.report import Report
from ...sessions.session import Session

AUDIT, CHOSEN, TOLD = "audit", "chosen", "told"


@dataclass(frozen=True)
class Gathered:
    """The labeled rows of a session, in the order of its pool.

    Attributes
    ----------
    consensus : Consensus
    row_ids : list of str
    answers : list of list of Answer
        Labels of each row that count, with the names that are to be shown.
    skips : int
    arms : list of str
        ``"audit"``: drawn at random; ``"chosen"`` by the strategy; ``"told"`` without being asked.
    report : Report
    """

    consensus: Consensus
    row_ids: list[str]
    answers: list[list[Answer]]
    skips: int
    arms: list[str]
    report: Report

    def row_labels(self) -> dict[str, tuple[str, float]]:
        """Return label as text, and its quality, by row."""
        found = self.consensus
        pairs = zip(found.labels.tolist(), found.scores.tolist(), strict=True)
        return dict(zip(found.row_ids.tolist(), pairs, strict=True))

    def agreement(self) -> tuple[int, float]:
        """Return rows with two or more labels, and the share of pairs of labels that are equal."""
        several = [[answer.label for answer in given] for given in self.answers if len(given) > 1]
        pairs = equal = 0
        for labels in several:
            counts = np.unique(np.array(labels, dtype=object).astype(str), return_counts=True)[1]
            pairs += len(labels) * (len(labels) - 1) // 2
            equal += int((counts * (counts - 1) // 2).sum())
        return len(several), equal / pairs if pairs else float("nan")


def gather(session: Session, *, method: str, anonymous: bool) -> Gathered:
    """Read a session; with `anonymous`, annotators are numbered in the order of their names."""
    consensus = session.labels(method=method)
    find = session.state.find
    counting = latest(session.history())
    people = sorted({answer.annotator for answer in counting})
    shown = {name: f"annotator {place}" for place, name in enumerate(people, 1)}
    by_row: dict[str, list[Answer]] = {}
    for answer in counting:
        if answer.kind == "label":
            by_row.setdefault(find(answer.row_id), []).append(answer)
    row_ids = [row for row in session.state.row_ids.tolist() if row in by_row]
    return Gathered(
        consensus=consensus,
        row_ids=row_ids,
        answers=[
            [_named(answer, shown) if anonymous else answer for answer in by_row[row]]
            for row in row_ids
        ],
        skips=sum(answer.kind == "skip" for answer in counting),
        arms=_arms(session, row_ids),
        report=session.report(),
    )


def _named(answer: Answer, shown: dict[str, str]) -> Answer:
    return replace(answer, annotator=shown[answer.annotator])


def _arms(session: Session, row_ids: list[str]) -> list[str]:
    state = session.state
    audited = set(state.audited().tolist())
    asked = {row.position for ask in session.asks() for row in ask.rows}
    places = [state.position(row) for row in row_ids]
    return [AUDIT if place in audited else CHOSEN if place in asked else TOLD for place in places]


def first_round(answers: list[Answer]) -> int:
    """Return the number of the batch that the first label of a row belongs to, 0 for none."""
    return answers[0].round


def total_seconds(answers: list[Answer]) -> float | None:
    """Return the time that all annotators took for a row, None where none was told."""
    told: list[Any] = [answer.seconds for answer in answers if answer.seconds is not None]
    return float(sum(told)) if told else None
