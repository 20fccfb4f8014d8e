"""A run recommends the int8 file only where it is faster on the machine at hand."""

from typing import Any

import pytest

from thresher.app.savings import _speed
from thresher.app.steps.verify import file_to_use


def record(float_ms: float, int8_ms: float) -> dict[str, Any]:
    return {
        "student": {"milliseconds": float_ms, "megabytes": 0.4},
        "int8": {"milliseconds": int8_ms, "megabytes": 0.1},
    }


@pytest.mark.parametrize(
    ("float_ms", "int8_ms", "folder"),
    [(2.0, 1.0, "models/onnx/int8"), (1.0, 1.25, "models/onnx/student"), (1.0, 1.0, "student")],
)
def test_the_faster_file_is_named(float_ms: float, int8_ms: float, folder: str) -> None:
    choice = file_to_use(record(float_ms, int8_ms))
    assert choice.value.endswith(folder)
    assert f"{float_ms / int8_ms:.2f} times the speed and 25 % of the bytes" in choice.reason


def test_the_result_says_where_integers_gain_no_time() -> None:
    slow = record(1.0, 1.25)
    assert _speed(slow["int8"], slow["student"]) == (
        "0.80 times as fast as the float student, one row at a time: integers gain no time here; "
        "where time counts, take models/onnx/student"
    )
    fast = record(2.0, 1.0)
    assert _speed(fast["int8"], fast["student"]).endswith("one row at a time")
