"""Defaults, then a TOML file, then ``--set a.b=c``, checked as one."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from ...core.errors import InputError, did_you_mean
from .run import Settings

_TYPES = ("int", "constrained-int", "float", "constrained-float", "str", "literal['auto']")


def resolve(
    *,
    config: str | os.PathLike[str] | None = None,
    overrides: Iterable[str] = (),
    values: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Settings:
    """Merge the defaults, a TOML file, ``a.b=c`` overrides and nested values, later ones winning.

    `defaults` are those of a command, which take the place of the settings' own.

    Raises
    ------
    InputError
        For a file that is not TOML, an unknown name (with the closest known one), a wrong value.
    """
    tree: dict[str, Any] = {}
    _merge(tree, defaults or {})
    _merge(tree, {} if config is None else _read_toml(Path(config)))
    for override in overrides:
        _set(tree, override)
    _merge(tree, values or {})
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise InputError(_explain(error)) from error


def settings_of(
    given: Settings | Mapping[str, Any] | str | os.PathLike[str] | None,
    *,
    defaults: Mapping[str, Any] | None = None,
) -> Settings:
    """Return checked settings of a run, from what a function was given.

    Parameters
    ----------
    given : Settings, mapping or path-like, optional
        Settings as they are, nested values such as ``{"teacher": {"epochs": 5}}``, or a TOML file.
    defaults : mapping, optional
        Nested values that take the place of the settings' own defaults, but not of `Settings`.

    Raises
    ------
    InputError
        As `resolve` does.
    """
    if isinstance(given, Settings):
        return given
    if given is None or isinstance(given, Mapping):
        return resolve(values=given, defaults=defaults)
    return resolve(config=given, defaults=defaults)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The config file {path} cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The config file {path} is not valid TOML: {error}.") from error
    tree.pop("choices", None)  # a record of an earlier run, not a setting
    return tree


def _set(tree: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise InputError(f"`--set` takes name=value, such as teacher.epochs=5; got {override!r}.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = None if text == "none" and _may_be_none(name) else text
    *groups, leaf = name.split(".")
    for group in groups:
        tree = tree.setdefault(group, {})
        if not isinstance(tree, dict):
            raise InputError(f"`--set {override}`: {group!r} is a value, not a group of settings.")
    tree[leaf] = value


def _may_be_none(name: str) -> bool:
    """Tell whether a setting may be left unset; in the others, none is a word like any other."""
    kind: Any = Settings
    for part in name.split("."):
        field = getattr(kind, "model_fields", {}).get(part)
        if field is None:
            return False
        kind = field.annotation
    return type(None) in get_args(kind)


def _merge(tree: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping) and isinstance(tree.get(name), dict):
            _merge(tree[name], value)
        else:
            tree[name] = dict(value) if isinstance(value, Mapping) else value


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        group: Any = Settings
        for part in path[:-1]:
            group = group.model_fields[part].annotation
        known = list(group.model_fields)
        return (
            f"There is no setting '{'.'.join(path)}'.{did_you_mean(path[-1], known)} "
            f"Known here: {', '.join(known)}."
        )
    # A union of types adds the type that failed to the path: "teacher.epochs.int".
    name = ".".join(part for part in path if part not in _TYPES)
    reasons = "; or ".join(
        dict.fromkeys(item["msg"] for item in error.errors() if str(item["loc"][0]) == path[0])
    )
    return f"The setting '{name}' cannot be {first['input']!r}: {reasons}."
