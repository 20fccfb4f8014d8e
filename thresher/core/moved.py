"""Old names of modules, parameters and fields: kept for one release, with a `DeprecationWarning`.

A package's ``__getattr__`` (PEP 562) sees names that are asked of a module that is there. The name
of a module that is not, as in ``import package.old``, is seen by a finder alone (PEP 451); this one
is asked last, so that modules which are there cost nothing more.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from .errors import InputError

if TYPE_CHECKING:
    from importlib.abc import Loader

P = ParamSpec("P")
R = TypeVar("R")
# Whose lines are not where a user asked for an old name.
_INNER = (
    "thresher",
    "curation",
    "active_learning",
    "augment",
    "training",
    "lifecycle",
    "importlib",
)


def moved_modules(package: str, homes: Mapping[str, str]) -> None:
    """Let modules of a package be imported by their old names too.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    homes : mapping of str to str
        Old name within the package to the new one, as ``"loader"`` to ``"feeding.loader"``. What is
        imported by the old name is the new module itself, so that its classes are the same.
    """
    _FINDER.homes |= {f"{package}.{old}": f"{package}.{new}" for old, new in homes.items()}
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)


def moved_names(package: str, home: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a folder that is named like a module that moved into it.

    Parameters
    ----------
    package : str
        The folder's ``__name__``.
    home : str
        The module in it that has the names now.
    """

    def find(name: str) -> Any:
        module = None if name.startswith("__") else import_module(f".{home}", package)
        if module is None or not hasattr(module, name):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        warn_moved(f"{package}.{name}", f"{package}.{home}.{name}")
        return getattr(module, name)

    return find


def renamed(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function, or a class, take arguments by the old names of its parameters too.

    Parameters
    ----------
    **names : str
        Old name to the new one, as ``keys="row_ids"``.
    """

    def with_old(function: Callable[P, R]) -> Callable[P, R]:
        if isinstance(function, type):
            function.__init__ = with_old(function.__init__)  # type: ignore[misc]
            return function
        called = function.__qualname__.removesuffix(".__init__").removesuffix(".__call__")

        @wraps(function)
        def door(*given: P.args, **named: P.kwargs) -> R:
            changed: Any = named
            for old, new in names.items():
                if old in changed:
                    warn_moved(f"`{old}` of {called}", f"`{new}`")
                    if new in changed:
                        raise InputError(f"`{old}` is the old name of `{new}`; give the latter.")
                    changed = {**changed, new: changed[old]}
                    del changed[old]
            return function(*given, **changed)

        return door

    return with_old


def moved_argument(
    name: str, is_it: Callable[[Any], bool]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take one argument, now given by its name, in the first place as before.

    Parameters
    ----------
    name : str
        The parameter's.
    is_it : callable
        Tells what used to come first from the data that come first now.
    """

    def with_old(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def door(*given: P.args, **named: P.kwargs) -> R:
            ahead: Any = given
            changed: Any = named
            if given and name not in named and is_it(given[0]):
                warn_moved(f"The first argument of {function.__qualname__}", f"`{name}`, by name")
                ahead, changed = given[1:], {**named, name: given[0]}
            return function(*ahead, **changed)

        return door

    return with_old


class RenamedField:
    """A field of a class by its old name; say ``old = RenamedField("new")`` in the class."""

    def __init__(self, new: str) -> None:
        self.new = new

    def __set_name__(self, owner: type, name: str) -> None:
        self.old = f"{owner.__name__}.{name}"

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self
        warn_moved(f"`{self.old}`", f"`{self.new}`")
        return getattr(instance, self.new)


class _Finder:
    """Finds old names, and loads what is at the new ones in their place.

    No subclass of `importlib.abc.MetaPathFinder`: importing that takes ten milliseconds.
    """

    def __init__(self) -> None:
        self.homes: dict[str, str] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname not in self.homes:
            return None
        warn_moved(fullname, self.homes[fullname])
        return ModuleSpec(fullname, cast("Loader", self))

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave making the module to the import system."""

    def exec_module(self, module: ModuleType) -> None:
        # The import system takes what is there afterwards.
        sys.modules[module.__name__] = import_module(self.homes[module.__name__])


_FINDER = _Finder()


def warn_moved(old: str, new: str) -> None:
    """Say what is new where the old name was used: on the user's line, not in our packages."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _INNER:
        frame = frame.f_back
    warnings.warn_explicit(
        f"{old} is now {new}; the old name will be gone in the next release.",
        DeprecationWarning,
        filename=frame.f_code.co_filename,
        lineno=frame.f_lineno,
        module=frame.f_globals.get("__name__", "<unknown>"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )
