"""How wide a student is: planned, tried in turn, and stopped where little enough is lost."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from thresher.core.interval import paired_drop
from training.recipes import recipe
from training.recipes.sizes import Told, Tried, student_plans, try_widths


@dataclass(frozen=True)
class Plan:
    width: int
    seconds: float
    model: str = "mlp"
    vocabulary: int | None = None


def told(shares: float, rows: int = 1000, probability: float = 0.8) -> Told:
    return Told(np.arange(rows) < shares * rows, np.full(rows, probability))


def test_widths_double_below_the_teachers_within_its_time() -> None:
    def planned(width: int | None) -> Any:
        return Plan(width or 16, (width or 16) / 16)

    teacher: Any = Plan(128, 10.0)
    assert [one.width for one in student_plans(planned, teacher=teacher)] == [16, 32, 64]
    hasty: Any = Plan(128, 4.9)  # 2 + 4 are more than 4.9 + 1
    assert [one.width for one in student_plans(planned, teacher=hasty)] == [16, 32]
    narrow: Any = Plan(32, 10.0)
    assert [one.width for one in student_plans(planned, teacher=narrow)] == [16]
    assert [one.width for one in student_plans(planned, teacher=None)] == [16, 32]


def test_twice_the_time_is_not_passed_by_any_recipe() -> None:
    for modality, shape in (("image", (3, 32, 32)), ("text", (64,)), ("features", (20,))):
        for n_rows in (200, 3000, 50_000):

            def planned(width: int | None) -> Any:
                return recipe(modality, n_rows=n_rows, input_shape=shape, width=width)  # noqa: B023

            teacher = recipe(modality, n_rows=n_rows, input_shape=shape, role="teacher")
            plans = student_plans(planned, teacher=teacher)
            usual = teacher.seconds + plans[0].seconds
            assert teacher.seconds + sum(one.seconds for one in plans) <= 2 * usual + 1e-9
            assert all(one.width < teacher.width for one in plans)
            if modality == "text":
                assert [(one.width, one.vocabulary) for one in plans] == [(32, None), (16, 32768)]
                made = plans[1].build(num_classes=3, input_shape=shape)
                assert made.spec.vocabulary == 32768


def test_what_is_told_is_accuracy_and_calibrated_probability() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(5000, 4)) * 2
    codes = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    found = Told.of((5 * logits).astype(np.float32), codes)
    exact = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert found.probability == pytest.approx(exact[np.arange(5000), codes], abs=0.03)
    assert (found.right == (logits.argmax(axis=1) == codes)).all()


def test_widths_are_tried_until_little_enough_is_lost() -> None:
    plans: Any = [Plan(16, 1), Plan(32, 1), Plan(64, 1)]
    answers = {16: told(0.86, probability=0.76), 32: told(0.895, probability=0.791), 64: told(0.9)}
    asked = []

    def teach(plan: Any) -> Any:
        asked.append(plan.width)
        return SimpleNamespace(), answers[plan.width]

    teacher = told(0.9)
    found = list(try_widths(plans, teach, teacher=teacher, max_drop=0.01))
    assert asked == [16, 32] == [one.plan.width for one in found]
    assert found[0].judged == pytest.approx((0.04 + 0.04) / 2)
    assert (found[1].drop, found[1].low, found[1].high) == paired_drop(
        teacher.right, answers[32].right
    )
    assert found[1].drop == pytest.approx(0.005)
    assert "width 32 loses 0.5 points of accuracy (0.0 to 1.0) and 0.9 of" in found[1].text
    assert found[1].to_json()["rows"] == 1000
    # The accuracy alone would let it pass: few rows differ by luck.
    lucky: Any = [Plan(16, 1), Plan(32, 1)]
    answers[16] = told(0.9, probability=0.77)
    assert len(list(try_widths(lucky, teach, teacher=teacher, max_drop=0.01))) == 2


def test_a_student_that_is_a_hair_better_loses_0_and_not_minus_0() -> None:
    plan: Any = Plan(32, 1)
    text = Tried(plan, SimpleNamespace(), 0.0, -0.0004, 0.0004, -0.0002, 48).text  # type: ignore[arg-type]
    assert text == (
        "width 32 loses 0.0 points of accuracy (0.0 to 0.0) and 0.0 of the true class's "
        "probability to the teacher on 48 validation rows"
    )
