"""One door for simple arguments: what a public function says it takes is what it takes.

`checked` reads the annotations of a function. Where they name plain kinds (numbers, texts, paths,
lists, arrays, our own objects), each argument is looked at before anything runs, and a wrong one is
named in a sentence. What an array or a list holds is looked at where it is read. Said to be an
array is all that holds values in an order, lists, data frames and tensors too. A call costs some
microseconds more.
"""

from __future__ import annotations

import functools
import inspect
import operator
import os
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from fractions import Fraction
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from .errors import InputError
from .options import check_names, check_values, described, expanded, family_of, options_of

_SHOWN = 80
_NO_LISTS = (str, bytes, memoryview, Mapping, type)

P = ParamSpec("P")
R = TypeVar("R")


class _Kind(NamedTuple):
    fits: Callable[[Any], bool]
    said: str


def _is_whole(value: Any) -> bool:
    if isinstance(value, (bool, np.bool_, np.ndarray)) or not hasattr(value, "__index__"):
        return False
    return -(2**63) <= operator.index(value) < 2**63


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_row_of_values(value: Any) -> bool:
    """Tell whether something holds values in an order: not one value, text, set or iterator."""
    if isinstance(value, (*_NO_LISTS, Set)):
        return False
    if hasattr(value, "__arrow_c_stream__") or hasattr(value, "nnz"):  # a table, a sparse matrix
        return True
    # Arrays without a dimension have a length in name only.
    shape = getattr(value, "shape", None)
    return shape != () and hasattr(value, "__len__") and hasattr(value, "__iter__")


def _is_iterable(value: Any) -> bool:
    several = getattr(value, "shape", None) != ()
    return several and hasattr(value, "__iter__") and not isinstance(value, _NO_LISTS)


def _is_one_of(kinds: tuple[type, ...], value: Any) -> bool:
    return isinstance(value, kinds)


def _instances(said: str, *kinds: type) -> _Kind:
    return _Kind(functools.partial(_is_one_of, kinds), said)


_ARRAY = _Kind(_is_row_of_values, "an array")
_LIST = _Kind(_is_row_of_values, "a list")
_MAPPING = _instances("a mapping", Mapping)
_KINDS: dict[Any, _Kind] = {
    int: _Kind(_is_whole, "a whole number"),
    float: _Kind(_is_number, "a number"),
    bool: _instances("True or False", bool, np.bool_),
    str: _instances("a text", str),
    os.PathLike: _instances("a path", os.PathLike),
    Path: _instances("a path", os.PathLike),
    types.NoneType: _instances("None", types.NoneType),
    np.ndarray: _ARRAY,
    np.random.Generator: _instances("a numpy.random.Generator", np.random.Generator),
    Callable: _Kind(callable, "a function"),
    Iterable: _Kind(_is_iterable, "a list or an iterator"),
    Sequence: _LIST,
    list: _LIST,
    tuple: _LIST,
    Collection: _Kind(lambda v: _is_row_of_values(v) or isinstance(v, Set), "a list or set"),
    Mapping: _MAPPING,
    dict: _MAPPING,
}


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the simple arguments of a function before it runs.

    Raises
    ------
    InputError
        By the function that is returned, when an argument is not of the kind that is annotated.
    """
    signature = expanded(function)
    several = [p.name for p in signature.parameters.values() if p.kind is p.VAR_POSITIONAL]
    family = family_of(function)

    @functools.wraps(function)
    def door(*given: P.args, **named: P.kwargs) -> R:
        if family is not None:
            check_names(function, named)
        arguments = signature.bind(*given, **named).arguments
        for name in several:
            for value in arguments.pop(name, ()):
                check_arguments(_rules(function), {name: value})
        check_arguments(_rules(function), arguments)
        if family is not None:
            check_values(family, arguments)
        return function(*map(_plain, given), **{k: _plain(v) for k, v in named.items()})

    if family is not None:
        door.__dict__["__signature__"] = signature
        door.__doc__ = described(function)
    return door


def _plain(value: Any) -> Any:
    """Return numbers of NumPy and of fractions as Python's own, which every library takes."""
    if isinstance(value, np.integer):
        return int(value)
    return float(value) if isinstance(value, Fraction) else value


def check_fields(instance: Any) -> None:
    """Check the simple fields of a dataclass; for its ``__post_init__``."""
    names = instance.__dataclass_fields__
    kind: Any = type(instance)
    check_arguments(_rules(kind), {name: getattr(instance, name) for name in names})


def check_arguments(rules: dict[str, tuple[_Kind, ...]], arguments: dict[str, Any]) -> None:
    """Raise for the first argument that fits none of its kinds."""
    for name, value in arguments.items():
        kinds = rules.get(name)
        if kinds and not any(kind.fits(value) for kind in kinds):
            allowed = " or ".join(dict.fromkeys(kind.said for kind in kinds))
            shown = " ".join(repr(value).split())[:_SHOWN]
            raise InputError(f"`{name}` must be {allowed}, got {shown} ({type(value).__name__}).")


@functools.cache
def _rules(annotated: Any) -> dict[str, tuple[_Kind, ...]]:
    """Return the kinds of each parameter that is of simple kinds alone."""
    home = inspect.getmodule(annotated)
    found = {}
    for name, hint in inspect.get_annotations(annotated).items():
        kinds = _kinds(_resolved(hint, vars(home)))
        if kinds and name != "return":
            found[name] = kinds
    family = (
        family_of(annotated) if callable(annotated) and not isinstance(annotated, type) else None
    )
    options = {} if family is None else options_of(family)
    return found | {name: kinds for name, (kind, _) in options.items() if (kinds := _kinds(kind))}


def _resolved(hint: Any, names: dict[str, Any]) -> Any:
    if not isinstance(hint, str):
        return hint
    try:
        return eval(hint, dict(names))  # an annotation of our own source
    except (NameError, AttributeError, TypeError):  # imported for type checkers alone
        return Any


def _kinds(hint: Any) -> tuple[_Kind, ...]:
    """Return the kinds of a hint, none where a part of it is not simple."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        parts = [_kinds(part) for part in typing.get_args(hint)]
        return tuple(kind for part in parts for kind in part) if all(parts) else ()
    if typing.get_origin(hint) is typing.Literal:
        allowed = typing.get_args(hint)
        said = " or ".join(map(repr, allowed))
        return (_Kind(lambda value: isinstance(value, str) and value in allowed, said),)
    plain = typing.get_origin(hint) or hint
    if plain in _KINDS:
        return (_KINDS[plain],)
    known = isinstance(plain, type) and not getattr(plain, "_is_protocol", False)
    if known and plain.__module__.partition(".")[0] in _PACKAGES:
        return (_instances(plain.__name__, plain),)
    return ()


_PACKAGES = (
    "thresher",
    "curation",
    "active_learning",
    "augment",
    "training",
    "lifecycle",
    "torch",
)
