"""What a setting means, its default and what it may be, in words for people."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic.fields import FieldInfo

from .group import Group
from .run import Settings


@dataclass(frozen=True)
class Described:
    """A setting for people.

    Attributes
    ----------
    name : str
        Within its group.
    meaning : str
    default : object
        None where there is none.
    allowed : str
        Kinds and limits, such as ``"a number, 0 to 1"``.
    """

    name: str
    meaning: str
    default: Any
    allowed: str


def groups() -> dict[str, type[Group]]:
    """Return the groups of settings by name; those that belong to none are under ``""``."""
    found: dict[str, type[Group]] = {"": Settings}
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Group):
            found[name] = kind
    return found


def described(group: type[Group]) -> Iterator[Described]:
    """Yield the settings of a group, without the groups in it."""
    for name, field in group.model_fields.items():
        if field.description is not None:
            default = field.get_default(call_default_factory=True)
            yield Described(name, field.description, default, _allowed(field))


def meaning(name: str) -> str:
    """Return the meaning of a setting by its whole name, such as ``"data.label"``."""
    group, _, leaf = name.rpartition(".")
    return groups()[group].model_fields[leaf].description or ""


def _allowed(field: FieldInfo) -> str:
    *others, last = _kinds(field.annotation)
    kinds = f"{', '.join(others)} or {last}" if others else last
    limits = {key: value for item in field.metadata for key, value in _limits(item)}
    if limits.keys() == {"ge", "le"}:
        return f"{kinds}, {limits['ge']:g} to {limits['le']:g}"
    told = [f"{_BOUNDS[key]} {value:.12g}" for key, value in limits.items()]
    return ", ".join([kinds, *told])


def _limits(item: object) -> Iterator[tuple[str, float]]:
    for key in _BOUNDS:
        value = getattr(item, key, None)
        if value is not None:
            yield key, value


def _kinds(annotation: Any) -> Iterator[str]:
    origin = typing.get_origin(annotation)
    if origin in (types.UnionType, typing.Union):
        for part in typing.get_args(annotation):
            yield from _kinds(part)
    elif origin is Annotated:
        kind, *about = typing.get_args(annotation)
        limits = (bound for one in about for item in one.metadata for bound in _limits(item))
        yield ", ".join([*_kinds(kind), *(f"{_BOUNDS[key]} {value:g}" for key, value in limits)])
    elif origin is Literal:
        yield from map(str, typing.get_args(annotation))
    elif annotation is not types.NoneType:
        yield _WORDS[origin or annotation]


_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list of texts",
    dict: "a table",
}
