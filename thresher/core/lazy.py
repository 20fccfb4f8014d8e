"""Public names of a package that are imported when they are first used.

So that `import curation` costs nothing and loads neither torch nor scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from .errors import TRAINING, require_training


def lazy_names(
    package: str, home: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's ``__getattr__`` and ``__dir__`` (PEP 562).

    The latter names what is public, for completion, whether it has been used yet or not.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    home : mapping of str to str
        Public name to the submodule that defines it; a name that is its own home is that
        submodule.
        No other submodule may be named like a public name: imported, it would take its place.
    """

    def find(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            module = import_module(f".{home[name]}", package)
        except ModuleNotFoundError as error:
            if error.name in TRAINING:
                require_training(f"{package}.{name}")
            raise
        return module if home[name] == name else getattr(module, name)

    return find, lambda: sorted(home)
