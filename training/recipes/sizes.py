"""How large a student must be: the smallest that loses little to its teacher on held-out rows.

A larger one is twice as wide. Of texts it has the teacher's table of tokens instead, and half the
width: with few rows it is tokens that share a line of the table that cost accuracy (trec and subj,
3,000 and 4,000 rows: 3 to 5 points with 4,096 x 32, 0 to 1 with 32,768 x 16).

Some hundred rows say little of a drop of a point: 400 of which the two differ on 40 leave ±3 points
(95 %). So a student is judged by the mean of two paired drops, that of the accuracy and that of the
probability of the true class, each model at its best temperature; the second is far less noisy. The
interval that is told is that of the accuracy (McNemar, 1947; Agresti and Min, 2005).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.interval import paired_drop
from thresher.core.numerics.softmax import log_softmax
from thresher.core.numerics.temperature import fit_temperature

from ..loop.run import TrainingRun
from ..models.families import FAMILIES, usual_vocabulary
from .recipe import Recipe

_WIDER = 2


@dataclass(frozen=True, eq=False)
class Told:
    """What a model says of held-out rows: whether it is right, and how likely the truth is to it.

    Attributes
    ----------
    right : ndarray of bool, shape (n,)
    probability : ndarray of float64, shape (n,)
        Of the true class, at the model's best temperature.
    """

    right: np.ndarray
    probability: np.ndarray

    @classmethod
    def of(cls, logits: np.ndarray, codes: np.ndarray) -> Told:
        """Read logits, float (n, classes), against class codes, int (n,)."""
        exact = logits.astype(np.float64)
        log_probs = log_softmax(exact / fit_temperature(exact, codes))
        rows = np.arange(len(codes))
        return cls(logits.argmax(1) == codes, np.exp(log_probs[rows, codes]))


@dataclass(frozen=True, eq=False)
class Tried:
    """A student of one width beside its teacher, on the same held-out rows.

    Attributes
    ----------
    plan : Recipe
    run : TrainingRun
    drop, low, high : float
        Accuracy lost, with its 95 % interval.
    drop_of_probability : float
        Probability of the true class lost.
    rows : int
    """

    plan: Recipe
    run: TrainingRun
    drop: float
    low: float
    high: float
    drop_of_probability: float
    rows: int

    @property
    def judged(self) -> float:
        """What a student is judged by: the mean of both drops."""
        return (self.drop + self.drop_of_probability) / 2

    @property
    def text(self) -> str:
        """The size and what it loses, in words."""
        values = (self.drop, self.low, self.high, self.drop_of_probability)
        # Adding 0 makes 0 of -0.
        points, low, high, likely = (round(100 * value, 1) + 0.0 for value in values)
        table = f" with {counted(self.plan.vocabulary, 'token')}" if self.plan.vocabulary else ""
        return (
            f"width {self.plan.width}{table} loses {points:.1f} points of accuracy ({low:.1f} to "
            f"{high:.1f}) and {likely:.1f} of the true class's "
            f"probability to the teacher on {counted(self.rows, 'validation row')}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        numbers = ("drop", "low", "high", "drop_of_probability", "rows")
        return {"width": self.plan.width} | {name: getattr(self, name) for name in numbers}


def student_plans(
    planned: Callable[[int | None], Recipe], *, teacher: Recipe | None
) -> list[Recipe]:
    """Return plans of ever larger students, the usual one first.

    They stay smaller than the teacher, and training them all takes no longer than teacher and
    usual student once more.

    Parameters
    ----------
    planned : callable
        From a width, or None for the usual one, to the plan of a student.
    teacher : Recipe or None
        None for a model of another kind: one larger student is planned then.
    """
    plans = [planned(None)]
    left = plans[0].seconds + (plans[0].seconds * _WIDER**2 if teacher is None else teacher.seconds)
    while (larger := _larger(plans[-1], planned, teacher=teacher)) is not None:
        left -= larger.seconds
        if left < 0 or (teacher is None and len(plans) > 1):
            break
        plans.append(larger)
    return plans


def _larger(
    plan: Recipe, planned: Callable[[int | None], Recipe], *, teacher: Recipe | None
) -> Recipe | None:
    """Return the next larger student, None where the teacher comes next."""
    if plan.vocabulary is not None:
        return None
    here = usual_vocabulary(plan.model, plan.width)
    table = (
        usual_vocabulary(plan.model, FAMILIES[plan.model].width)
        if teacher is None
        else teacher.vocabulary or usual_vocabulary(teacher.model, teacher.width)
    )
    if 0 < here < table:
        return replace(planned(max(1, plan.width // 2)), vocabulary=table)
    wider = _WIDER * plan.width
    return planned(wider) if teacher is None or wider < teacher.width else None


def try_widths(
    plans: Sequence[Recipe],
    teach: Callable[[Recipe], tuple[TrainingRun, Told]],
    *,
    teacher: Told,
    max_drop: float,
) -> Iterator[Tried]:
    """Train students in turn until one loses no more than is allowed; yield each.

    Parameters
    ----------
    plans : sequence of Recipe
    teach : callable
        Trains a student by its plan; returns it, and what it says of the held-out rows.
    teacher : Told
        Of the same rows.
    max_drop : float
        Accuracy that may be lost, a share.
    """
    for plan in plans:
        run, told = teach(plan)
        drop, low, high = paired_drop(teacher.right, told.right)
        lost = float((teacher.probability - told.probability).mean())
        tried = Tried(plan, run, drop, low, high, lost, len(told.right))
        yield tried
        if tried.judged <= max_drop:
            return
