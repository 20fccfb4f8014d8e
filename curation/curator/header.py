"""What the header of a manifest says of how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thresher import __version__
from thresher.core.counted import counted
from thresher.core.fingerprint import fingerprint
from thresher.core.text_arrays import packed_texts

from .checks import Checks


def header_of(checks: Checks, *, random_state: int) -> dict[str, Any]:
    """Return plain JSON types: version, data, seed, steps with their options, and methods."""
    return {
        "thresher": __version__,
        "dataset": fingerprint(packed_texts(checks.rows.ids), packed_texts(checks.rows.hashes)),
        "seed": random_state,
        "steps": {name: _plain(options) for name, options in checks.plan.items()},
        "methods": dict(checks.methods),
    }


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as a header holds them: of texts and tables their number of rows."""
    return {
        name: value if isinstance(value, (str, int, float)) else counted(len(value), "row")
        for name, value in options.items()
    }
