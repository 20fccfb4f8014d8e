"""A family of options is declared once, and checked and shown wherever it is taken."""

from __future__ import annotations

import inspect
import math
from typing import Annotated, TypedDict, Unpack

import pytest

from thresher.core.errors import InputError
from thresher.core.options import Option, filled, options_of, picked, with_defaults
from thresher.core.signatures import checked


class Baking(TypedDict, total=False):
    minutes: Annotated[float, Option(40.0, "How long.", low=0, high=90, low_open=True)]
    tin: Annotated[str, Option("round", "Which form.", choices=("round", "long"))]
    eggs: Annotated[int | None, Option(None, "How many; as many as there are by default.", low=1)]


class Glazing(Baking, total=False):
    sugar: Annotated[int, Option(3, "Spoons.")]


@checked
def bake(dough: str, *, oven: int = 180, **options: Unpack[Baking]) -> Baking:
    """Bake.

    Parameters
    ----------
    dough : str
    oven : int
    **options
        Of the baking.

    Returns
    -------
    dict
    """
    return filled(Baking, options)


@checked
@with_defaults(minutes=5.0)
def glaze(**options: Unpack[Glazing]) -> Baking:
    """Glaze.

    Parameters
    ----------
    **options
    """
    return bake("cake", **picked(Baking, options))


def test_what_is_not_given_has_its_default() -> None:
    assert bake("rye") == {"minutes": 40.0, "tin": "round", "eggs": None}
    assert bake("rye", eggs=2, minutes=90) == {"minutes": 90, "tin": "round", "eggs": 2}


def test_a_family_has_the_options_of_those_it_extends() -> None:
    assert list(options_of(Glazing)) == ["minutes", "tin", "eggs", "sugar"]
    assert glaze(sugar=1, tin="long") == {"minutes": 40.0, "tin": "long", "eggs": None}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"minute": 3},
            r"`bake` has no option `minute`\. Did you mean 'minutes'\? Its options: dou",
        ),
        ({"butter": 3}, r"`bake` has no option `butter`\. Its options: dough, oven, minutes, tin"),
        ({"minutes": 0.0}, r"`minutes` must be in \(0, 90\], got 0\.0"),
        ({"minutes": 91.0}, r"`minutes` must be in \(0, 90\], got 91\.0"),
        ({"minutes": math.nan}, r"`minutes` must be in \(0, 90\], got nan"),
        ({"minutes": "long"}, r"`minutes` must be a number, got 'long' \(str\)"),
        ({"minutes": None}, r"`minutes` must be a number, got None"),
        (
            {"tin": "lang"},
            r"`tin` must be one of 'round', 'long', got 'lang'\. Did you mean 'long'",
        ),
        ({"eggs": 0}, r"`eggs` must be in \[1, inf\], got 0"),
        ({"eggs": 1.5}, r"`eggs` must be a whole number or None, got 1\.5"),
        ({"oven": "hot"}, r"`oven` must be a whole number, got 'hot'"),
    ],
)
def test_a_wrong_option_is_named(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        bake("rye", **wrong)  # type: ignore[arg-type]


def test_a_missing_argument_is_python_s_own_error() -> None:
    with pytest.raises(TypeError, match="dough"):
        bake(minutes=3.0)  # type: ignore[call-arg]


def test_the_signature_shows_every_option() -> None:
    shown = inspect.signature(bake).parameters
    assert list(shown) == ["dough", "oven", "minutes", "tin", "eggs"]
    assert [shown[name].default for name in ("oven", "minutes", "tin")] == [180, 40.0, "round"]
    assert shown["minutes"].kind is inspect.Parameter.KEYWORD_ONLY
    assert inspect.signature(glaze).parameters["minutes"].default == 5.0


def test_the_docstring_tells_every_option() -> None:
    assert inspect.getdoc(bake) == (
        "Bake.\n\nParameters\n----------\ndough : str\noven : int\n**options : Baking\n"
        "    Of the baking.\nminutes : float, default 40.0\n    How long.\n"
        "tin : {'round', 'long'}, default 'round'\n    Which form.\neggs : int, optional\n"
        "    How many; as many as there are by default.\n\nReturns\n-------\ndict"
    )
    assert inspect.getdoc(glaze) == (
        "Glaze.\n\nParameters\n----------\nminutes : float, default 5.0\n    How long.\n"
        "tin : {'round', 'long'}, default 'round'\n    Which form.\neggs : int, optional\n"
        "    How many; as many as there are by default.\nsugar : int, default 3\n    Spoons."
    )
