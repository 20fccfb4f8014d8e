"""Simple arguments are looked at before anything runs, and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from thresher.core.errors import InputError, check_count, check_number
from thresher.core.randomness import check_random_state
from thresher.core.signatures import check_fields, checked


@checked
def example(
    rows: Any,
    *paths: Path,
    n: int = 1,
    share: float | None = None,
    name: str | float = "auto",
    loud: bool = False,
    then: Callable[[int], int] | None = None,
    vectors: np.ndarray | None = None,
) -> tuple[Any, ...]:
    """Return what was given."""
    return rows, paths, n, share, name, loud, then, vectors


@dataclass
class Options:
    n: int
    share: float = 0.5

    def __post_init__(self) -> None:
        check_fields(self)


def test_what_fits_passes_as_it_is() -> None:
    given = {"n": np.int8(3), "share": Fraction(1, 2), "name": 2.5, "loud": np.bool_(True)}
    assert type(example(None, **given)[2]) is int
    assert type(example(None, **given)[3]) is float
    assert example(None, Path("a"), **given) == (None, (Path("a"),), *given.values(), None, None)
    for vectors in ([], (1, 2), np.zeros(3), pa.array([1]), [[1], [2, 3]], [None]):
        assert example(0, share=1, vectors=vectors)[-1] is vectors  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"n": 1.0}, r"`n` must be a whole number, got 1\.0 \(float\)"),
        ({"n": True}, "`n` must be a whole number, got True"),
        ({"n": 10**30}, "`n` must be a whole number"),
        ({"n": np.array(3)}, "`n` must be a whole number"),
        ({"n": None}, "`n` must be a whole number, got None"),
        ({"share": "0.5"}, r"`share` must be a number or None, got '0\.5' \(str\)"),
        ({"share": 1j}, "`share` must be a number or None"),
        ({"name": None}, "`name` must be a text or a number, got None"),
        ({"name": b"auto"}, "`name` must be a text or a number"),
        ({"loud": 1}, "`loud` must be True or False, got 1"),
        ({"then": 3}, "`then` must be a function or None, got 3"),
        ({"vectors": "abc"}, "`vectors` must be an array or None, got 'abc'"),
        ({"vectors": np.array(3)}, "`vectors` must be an array or None"),
        ({"vectors": iter([1])}, "`vectors` must be an array or None"),
        ({"vectors": {1, 2}}, "`vectors` must be an array or None"),
        ({"vectors": {"a": 1}}, "`vectors` must be an array or None"),
    ],
)
def test_what_does_not_fit_is_named(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        example(None, **given)


def test_each_of_several_is_looked_at() -> None:
    @checked
    def add(*numbers: float) -> float:
        return sum(numbers)

    assert add(1, 2.5) == 3.5
    with pytest.raises(InputError, match="`numbers` must be a number, got 'x'"):
        add(1, "x")  # type: ignore[arg-type]


def test_a_call_that_no_signature_takes_is_pythons_own_error() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'm'"):
        example(None, m=3)  # type: ignore[call-arg]


def test_fields_of_a_dataclass() -> None:
    assert Options(3).share == 0.5
    with pytest.raises(InputError, match="`share` must be a number, got None"):
        Options(3, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [1.0, True, "3", None, np.float64(2), np.array([1, 2]), 2.5])
def test_a_count_is_a_whole_number(value: Any) -> None:
    with pytest.raises(InputError, match="`n` must be a whole number"):
        check_count("n", value)


def test_a_count_lies_in_its_range() -> None:
    assert check_count("n", np.int64(3)) == 3
    assert type(check_count("n", np.int64(3))) is int
    with pytest.raises(InputError, match=r"`n` must be at least 1, got 0"):
        check_count("n", 0)
    with pytest.raises(InputError, match=r"`n` must be in \[2, 8\], got 9"):
        check_count("n", 9, low=2, high=8)


def test_truth_values_are_no_numbers_and_seeds_are_not_negative() -> None:
    with pytest.raises(InputError, match="`x` must be a number, got True"):
        check_number("x", True)
    for seed, told in ((-1, "not be negative"), (True, "an int"), (1.5, "an int"), ("0", "an int")):
        with pytest.raises(InputError, match=told):
            check_random_state(seed)  # type: ignore[arg-type]
