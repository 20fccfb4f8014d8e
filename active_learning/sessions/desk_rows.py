"""What a desk hands out and gives back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..tasks import Task
from ..tasks.marks import Marks
from ..tasks.multi_label import MultiLabel
from .report import Report
from .store import AskedRow

# "rows": here they are; "choosing": rows will be there soon; "taken": all that is left is with
# other annotators; "done": nothing is left for this annotator; "empty": the pool has no rows.
Status = Literal["rows", "choosing", "taken", "done", "empty"]

SENTENCES = {
    "coverage": "Many rows without a label are like this one.",
    "disagreement": "Models disagree about this row.",
    "diversity": "This row is unlike those labeled so far.",
    "drawn to audit the model": "Drawn at random, to measure how good the model is.",
    "label in doubt": "The label that this row has is in doubt.",
    "random": "Drawn at random.",
    "typical of its cluster": "This row is typical of a group of similar rows.",
    "uncertain in a dense region": "The model is unsure of this row, and many rows are like it.",
    "uncertainty": "The model is unsure of this row.",
    "uncertainty and coverage": "The model is unsure of this row and of many rows like it.",
    "uncertainty and diversity": "The model is unsure of this row, which is unlike the others.",
    "unlike its labeled neighbors": "The model sees this row otherwise than its labeled neighbors.",
    "unsteady and diverse": "The model wavers on this row, which is unlike the others.",
}


@dataclass(frozen=True)
class DeskRow:
    """One row to label.

    Attributes
    ----------
    row_id : str
    batch : int
        Number of the ask that chose it, 0 where nobody asked for it.
    suggestion : str or None
        The model's label as text, which `Task.decode` reads: a class, a JSON list of classes, or a
        number. None without a model, for spans and boxes, and for blind rows.
    suggestion_text : str or None
        The same for people to read; for spans and boxes the classes that the row seems to hold.
    probability : float or None
        Of the suggestion; None where there is no suggestion, or numbers are predicted.
    reason : str
        Why the row was chosen, in one sentence.
    blind : bool
        Whether the row is to be labeled without a suggestion, so that the accuracy estimated from
        it is not agreement with the model.
    """

    row_id: str
    batch: int
    suggestion: str | None
    suggestion_text: str | None
    probability: float | None
    reason: str
    blind: bool


@dataclass(frozen=True)
class Handout:
    """Rows for one tab of an annotator, or why there are none.

    Attributes
    ----------
    rows : tuple of DeskRow
    status : {"rows", "choosing", "taken", "done", "empty"}
        ``"choosing"``: rows will be there in a moment; ``"taken"``: all that is left is with other
        annotators; ``"done"``: nothing is left for this annotator; ``"empty"``: the pool has no
        row that may be asked.
    gone : tuple of str
        Row ids among those that the tab said to have that are with somebody else now, or labeled by
        somebody else: a page need not show them any more.
    """

    rows: tuple[DeskRow, ...]
    status: Status
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class Taken:
    """What became of an answer.

    Attributes
    ----------
    answer : int
        Its place in the log.
    new : bool
        False when the annotator's last answer for the row said the same.
    late : bool
        Whether the lease had run out, so that somebody else may have been given the row.
    repeated : bool
        Whether the answer was there already under its key, so that nothing was done.
    """

    answer: int
    new: bool
    late: bool
    repeated: bool


@dataclass(frozen=True)
class DeskProgress:
    """How far labeling is.

    Attributes
    ----------
    pool, labeled : int
        Rows that may be asked, and rows with a label.
    answers : dict of str to int
        Rows that each annotator has labeled or skipped.
    labels_per_hour : float or None
        Over the last ten minutes at this desk; None before the first answer.
    report : Report or None
        The last that was finished.
    report_age : float or None
        Seconds since the labels that `report` is about.
    problem : str or None
        What went wrong in the background the last time, until it goes right again.
    """

    pool: int
    labeled: int
    answers: Mapping[str, int]
    labels_per_hour: float | None
    report: Report | None
    report_age: float | None
    problem: str | None


def desk_row(task: Task, row_id: str, asked: AskedRow, *, batch: int) -> DeskRow:
    """Say of a chosen row what whoever labels it is to know."""
    blind = asked.arm == "audit"
    given = None if blind else asked.suggestion
    suggestion, text = (None, None) if given is None else _suggestion(task, given)
    return DeskRow(
        row_id,
        batch,
        suggestion,
        text,
        None if given is None else asked.confidence,
        SENTENCES.get(asked.reason, f"Chosen by the strategy: {asked.reason}."),
        blind,
    )


def _suggestion(task: Task, text: str) -> tuple[str | None, str]:
    """Return what the model suggests as a label, and for people to read."""
    if not isinstance(task, MultiLabel):
        return text, text
    names = ", ".join(json.loads(text))
    if isinstance(task, Marks):  # the model knows what a row holds, not where
        return None, f"holds {names}" if names else "holds nothing"
    return text, names or "none of the classes"
