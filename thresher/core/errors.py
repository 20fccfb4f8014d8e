"""Errors that a user can act on: what was got, what is allowed, what to do next."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import operator
from collections.abc import Iterable
from importlib.util import find_spec
from numbers import Real
from types import ModuleType
from typing import Self

# What `thresher[train]` brings.
TRAINING = ("torch", "onnx", "onnxruntime", "onnxscript")
# On Linux pip alone takes PyTorch's build for CUDA, with gigabytes of libraries.
INSTALL_TRAINING = (
    "Install it in two steps:\n"
    "  1. PyTorch, by the line that https://pytorch.org/get-started names for processors (CPU) or "
    "for your CUDA\n"
    "  2. pip install 'thresher[train]'  (it keeps the PyTorch that is there; without step 1 pip "
    "takes the build for CUDA on Linux, gigabytes more)"
)


class ThresherError(Exception):
    """Base of every error that Thresher raises on purpose.

    The command line prints its message without a traceback and leaves with ``exit_code``.

    Examples
    --------
    >>> from thresher.core import ThresherError, load_dataset
    >>> try:
    ...     load_dataset("no-such-file.csv")
    ... except ThresherError as error:
    ...     print(type(error).__name__, error.exit_code)
    InputError 2
    """

    exit_code = 1


class InputError(ThresherError, ValueError):
    """An option, an argument or the data given by the user cannot be used as it is."""

    exit_code = 2


class StorageError(InputError):
    """Nothing was written, since the disk is full or another process holds the file.

    Attributes
    ----------
    full : bool
        Whether the disk, or the share of it that may be used, is full.
    """

    def __init__(self, message: str, *, full: bool) -> None:
        super().__init__(message)
        self.full = full


class TooManyPairs(InputError):  # noqa: N818 - what there is, not what went wrong
    """More rows are alike than can be compared or held; from a higher similarity fewer are."""


class FormError(InputError):
    """A file can be read once an option says how; the message names it for Python and terminal.

    Attributes
    ----------
    option : str
        Its name in Python.
    """

    option = ""

    def called(self, name: str) -> Self:
        """Return the same error with the option under the one name that it has where it arose."""
        flag = self.option.replace("_", "-")
        return type(self)(str(self).replace(f"--{flag} (`{self.option}`)", name))


class GateError(ThresherError):
    """A promised limit (size, accuracy, latency, agreement) was measured and not met."""

    exit_code = 3


class ThresherWarning(UserWarning):
    """Something goes on, and a user should know of it: what is wrong, and what to do next."""


class MissingExtraError(ThresherError, ImportError):
    """An optional dependency is needed and not installed."""


def told(error: Exception) -> str:
    """Return an error in one line, with its kind where it was not raised on purpose."""
    text = " ".join(str(error).split())
    kind = "" if isinstance(error, ThresherError) else type(error).__name__
    return ": ".join(part for part in (kind, text) if part) or type(error).__name__


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest allowed name, or an empty string."""
    close = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""


def check_choice(name: str, value: str, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of `allowed`; otherwise raise an `InputError` that lists them."""
    choices = list(allowed)
    # The type first: an array or a list compares in ways of its own.
    if not isinstance(value, tuple({type(choice) for choice in choices})) or value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        hint = did_you_mean(str(value), choices)
        raise InputError(f"`{name}` must be one of {listed}, got {value!r}.{hint}")
    return value


def check_number(
    name: str,
    value: float,
    *,
    low: float = float("-inf"),
    high: float = float("inf"),
    low_open: bool = False,
) -> float:
    """Return `value` if it lies in [low, high], or in (low, high] with `low_open`; else raise."""
    given: object = value
    if isinstance(given, bool) or not isinstance(given, Real):
        raise InputError(f"`{name}` must be a number, got {value!r:.80}.")
    inside = (low < value if low_open else low <= value) and value <= high
    if not inside:
        bracket = "(" if low_open else "["
        raise InputError(f"`{name}` must be in {bracket}{low:g}, {high:g}], got {value!r}.")
    return value


def check_count(name: str, value: int, *, low: int = 1, high: int = 2**63 - 1) -> int:
    """Return a whole number in [low, high] as an int; refuse floats and truth values too."""
    given: object = value
    whole = None
    if hasattr(given, "__index__") and not isinstance(given, bool):
        with contextlib.suppress(TypeError):  # an array of several numbers
            whole = operator.index(value)
    if whole is None:
        raise InputError(f"`{name}` must be a whole number, got {value!r:.80}.")
    if not low <= whole <= high:
        allowed = f"at least {low}" if high == 2**63 - 1 else f"in [{low}, {high}]"
        raise InputError(f"`{name}` must be {allowed}, got {whole}.")
    return whole


def check_column(name: str, columns: Iterable[str], *, role: str = "column") -> str:
    """Return `name` if the dataset has that column; otherwise say which columns there are."""
    present = list(columns)
    if name not in present:
        raise InputError(
            f"The {role} {name!r} is not in the data. Columns: {', '.join(present)}."
            f"{did_you_mean(name, present)}"
        )
    return name


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional dependency, or name the exact command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        how = f"Install it with: pip install 'thresher[{extra}]'"
        raise MissingExtraError(
            f"This needs the package '{module.partition('.')[0]}', which is not installed or does "
            f"not load ({error}). {INSTALL_TRAINING if extra == 'train' else how}"
        ) from error


def require_training(what: str = "This") -> None:
    """Raise a `MissingExtraError` with the install lines when PyTorch or ONNX is not there.

    Nothing is imported, so that a command can say it before it starts to work.
    """
    missing = [name for name in TRAINING if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{what} needs {', '.join(missing)}, not installed here. {INSTALL_TRAINING}"
        )
