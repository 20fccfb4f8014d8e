"""The usual names of the three splits."""

from __future__ import annotations

from .errors import InputError

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def split_name(name: str) -> str:
    """Return ``train``, ``validation`` or ``test`` for one of their usual names."""
    if name.lower() not in SPLIT_NAMES:
        raise InputError(
            f"{name!r} is not a known split. Known: {', '.join(SPLIT_NAMES)}. Choose the splits "
            'to use with {"train": dataset["…"], "test": dataset["…"]}.'
        )
    return SPLIT_NAMES[name.lower()]
