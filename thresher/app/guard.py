"""Five packages with everyday names: make sure that they are ours before they are used."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import thresher

from ..core.errors import ThresherError

PACKAGES = ("curation", "active_learning", "augment", "training", "lifecycle")


def check_packages() -> None:
    """Raise when a file of the user hides one of our packages, and say how to go on."""
    home = Path(thresher.__file__).resolve().parent.parent
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise ThresherError(
                f"Thresher's package '{name}' is not installed beside 'thresher' in {home}. "
                "Install Thresher again."
            )
        found = Path(spec.origin).resolve() if spec.origin else None
        if found is None or found.parent != home / name:
            where = found or Path(next(iter(spec.submodule_search_locations or ["?"])))
            raise ThresherError(
                f"{where} hides Thresher's package '{name}', because Python looks there first. "
                "Rename that file, or run from another folder."
            )
