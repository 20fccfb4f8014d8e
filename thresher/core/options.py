"""Options that several functions take: kind, default and meaning of each are declared once.

A family of options is a `typing.TypedDict` with ``total=False``, whose keys are annotated with
`Option`. A function takes them by ``**options: Unpack[Family]`` (PEP 692), so that type checkers
know each of them; `thresher.core.signatures.checked` refuses others, and shows them all in the
function's signature and docstring.
"""

from __future__ import annotations

import functools
import inspect
import math
import textwrap
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, Unpack, cast

from .errors import InputError, check_choice, check_number, did_you_mean

Family = TypeVar("Family")
Function = TypeVar("Function", bound=Callable[..., Any])
_WIDTH = 96


@dataclass(frozen=True)
class Option:
    """What stands beside the kind of an option.

    Attributes
    ----------
    default : object
        None where what is usual depends on other things, as `text` then says.
    text : str
        Its meaning, in a sentence.
    low, high : float
        What numbers may be, ends included.
    low_open : bool
        Leaves `low` itself out.
    choices : tuple of str
        What texts may be; any where there are none.
    """

    default: Any
    text: str
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    choices: tuple[str, ...] = ()

    def check(self, name: str, value: Any) -> None:
        """Raise an `InputError` for a value out of the range, or that is none of the choices."""
        if value is None:
            return
        if self.choices:
            check_choice(name, value, self.choices)
        if math.isfinite(self.low) or math.isfinite(self.high):
            check_number(name, value, low=self.low, high=self.high, low_open=self.low_open)


@functools.cache
def options_of(family: Any) -> dict[str, tuple[Any, Option]]:
    """Return the kind and the `Option` of each key of a family, in the order of declaration."""
    hints = typing.get_type_hints(cast("type", family), include_extras=True)
    return {name: (hint.__origin__, hint.__metadata__[0]) for name, hint in hints.items()}


def filled(family: type[Family], given: Mapping[str, Any]) -> Family:
    """Return the options of a family that are `given`, and the defaults of the others."""
    known = options_of(cast("type", family))
    return cast("Family", {name: given.get(name, known[name][1].default) for name in known})


def picked(family: type[Family], given: Mapping[str, Any]) -> Family:
    """Return those of the options `given` that are of a family."""
    known = options_of(cast("Any", family))
    return cast("Family", {name: value for name, value in given.items() if name in known})


def with_defaults(**defaults: Any) -> Callable[[Function], Function]:
    """Let the signature of a function show defaults of its own for options that it takes."""

    def told(function: Function) -> Function:
        function.__dict__["option_defaults"] = defaults
        return function

    return told


def family_of(function: Callable[..., Any]) -> type | None:
    """Return the family of options that a function takes by ``**options: Unpack[Family]``."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            hint = parameter.annotation
            if isinstance(hint, str) and hint.startswith("Unpack["):
                hint = eval(hint, getattr(function, "__globals__", {}))  # of our own source
            if typing.get_origin(hint) is Unpack:
                return cast("type", typing.get_args(hint)[0])
    return None


def check_values(family: type, given: Mapping[str, Any]) -> None:
    """Raise an `InputError` for an option whose value is out of its range."""
    for name, (_, option) in options_of(family).items():
        if name in given:
            option.check(name, given[name])


def check_names(function: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Raise an `InputError` for an option that a function does not take; name the nearest one."""
    known = [name for name in expanded(function).parameters if name != "self"]
    making = function.__name__ == "__init__"
    called = function.__qualname__.split(".")[-2] if making else function.__name__
    for name in given:
        if name not in known:
            raise InputError(
                f"`{called}` has no option `{name}`.{did_you_mean(name, known)} "
                f"Its options: {', '.join(known)}."
            )


@functools.cache
def expanded(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a function with each option of its family as a parameter."""
    signature = inspect.signature(function)
    family = family_of(function)
    if family is None:
        return signature
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    defaults = function.__dict__.get("option_defaults", {})
    more = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=defaults.get(name, option.default),
            annotation=kind,
        )
        for name, (kind, option) in options_of(family).items()
    ]
    return signature.replace(parameters=[*own, *more])


def described(function: Callable[..., Any], doc: str | None = None) -> str:
    """Return a docstring in which ``**options`` has been replaced by an entry for each of them.

    What stands below ``**options`` there stays, as a sentence before the entries' own. `doc` is the
    docstring, by default the function's.
    """
    text = inspect.cleandoc(doc or function.__doc__ or "")
    family = family_of(function)
    before, found, after = text.partition("\n**options")
    if family is None or not found:
        return text
    lines = after.splitlines()[1:]
    count = next((i for i, line in enumerate(lines) if line and line[0] != " "), len(lines))
    parameters = expanded(function).parameters
    entries = [
        f"{name} : {_kind_and_default(kind, option, parameters[name].default)}\n"
        + textwrap.fill(option.text, _WIDTH, initial_indent="    ", subsequent_indent="    ")
        for name, (kind, option) in options_of(family).items()
    ]
    rest = "\n".join(["", *lines[count:]]) if lines[count:] else ""
    if rest and not rest.startswith("\n\n"):
        rest = "\n" + rest
    own = "\n".join(lines[:count]).strip("\n")
    head = f"**options : {family.__name__}\n{own}\n" if own else ""
    return f"{before}\n{head}" + "\n".join(entries) + rest


def with_options_described(described_class: type[Family]) -> type[Family]:
    """Let the docstring of a class show the options that making one takes."""
    made: Any = described_class.__init__
    described_class.__doc__ = described(inspect.unwrap(made), described_class.__doc__)
    return described_class


def _kind_and_default(kind: Any, option: Option, default: Any) -> str:
    said = "{" + ", ".join(map(repr, option.choices)) + "}" if option.choices else _said(kind)
    if default is None:
        return said.removesuffix(" or None") + ", optional"
    return f"{said.removesuffix(' or None')}, default {default!r}"


def _said(kind: Any) -> str:
    """Return a kind in the words of a docstring."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_said(part) for part in typing.get_args(kind))
    if origin is typing.Literal:
        return " or ".join(map(repr, typing.get_args(kind)))
    if origin is Annotated:
        return _said(kind.__origin__)
    plain = origin or kind
    if plain is Callable:
        return "callable"
    return "None" if plain is types.NoneType else str(getattr(plain, "__name__", plain))
