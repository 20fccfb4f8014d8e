"""Settings as a TOML file that says what each of them means."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import tomli_w

from .describing import described, groups
from .run import Settings

_WIDTH = 98


def to_toml(settings: Settings, choices: Mapping[str, str]) -> str:
    """Return settings as TOML that `resolve` reads, with the automatic choices as a table.

    Each value stands below a comment that says what it means and may be.
    """
    tree = settings.model_dump(exclude_none=True)
    parts = []
    for name, group in groups().items():
        values = tree if not name else tree[name]
        lines = [f"[{name}]"] if name else []
        known = [one for one in described(group) if one.name in values]
        for one in sorted(known, key=lambda one: isinstance(values[one.name], dict)):
            lines += _comment(f"{one.meaning} ({one.allowed})")
            lines += _entry(name, one.name, values[one.name])
        parts.append("\n".join(lines))
    parts.append(tomli_w.dumps({"choices": dict(sorted(choices.items()))}).rstrip())
    return "\n\n".join(parts) + "\n"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _entry(group: str, name: str, value: Any) -> list[str]:
    if not isinstance(value, dict):
        return tomli_w.dumps({name: value}).rstrip().splitlines()
    # A table of its own, which has to come after the other values of its group.
    return [f"[{group}.{name}]", *tomli_w.dumps(value).splitlines()]
