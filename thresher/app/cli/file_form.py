"""The options that say how files are read, for commands that read a source of their own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, get_args

import typer

from .options import FILE_OPTIONS as FORM


def takes_form(*, of: str = "", what: str = "") -> Callable[[Callable[..., Any]], Any]:
    """Give a command the options that say how files are read; it gets them together, as a dict.

    Parameters
    ----------
    of : str
        Begins the names of the options where they are about one source of several:
        ``"right"`` gives ``--right-encoding`` and an argument ``right_form``. Without it, they are
        the usual ones, and the argument is ``form``.
    what : str
        How that source is called in the help.
    """
    options = {f"{of}_{name}" if of else name: _option(name, of, what) for name in FORM}
    argument = f"{of}_form" if of else "form"

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_form(**given: Any) -> Any:
            said = {name: given.pop(option) for option, name in zip(options, FORM, strict=True)}
            form = {name: value for name, value in said.items() if value not in (None, [])}
            return command(**given, **{argument: form})

        own = inspect.signature(command, eval_str=True).parameters
        parameters = [parameter for name, parameter in own.items() if name != argument]
        parameters += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
            for name, kind in options.items()
        ]
        with_form.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_form.__annotations__ = {each.name: each.annotation for each in parameters}
        return with_form

    return decorate


def _option(name: str, of: str, what: str) -> Any:
    """Return one of the options as it is, or as that of one source."""
    if not of:
        return FORM[name]
    usual = name.replace("_", "-")
    flag = f"--{of}-{usual}"
    if name == "header":
        flag += f"/--no-{of}-header"
    text = f"As --{usual}, of {what}."
    return Annotated[get_args(FORM[name])[0], typer.Option(flag, help=text)]
