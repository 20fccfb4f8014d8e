"""Common weights on disk, with the number of rounds that they have seen."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from thresher.core.errors import InputError
from thresher.core.files import atomic_path

_FILE = "weights.npz"
_DONE = "rounds_done"


def check_weights(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return named arrays as float32, at least one of them, all finite."""
    found = {str(name): np.asarray(array, dtype=np.float32) for name, array in weights.items()}
    if not sum(array.size for array in found.values()) or _DONE in found:
        raise InputError(
            f"The weights need at least one number, and no array named {_DONE!r}; got "
            f"{list(found)}."
        )
    if wrong := [name for name, array in found.items() if not np.isfinite(array).all()]:
        raise InputError(f"The weights {wrong[0]!r} are not finite.")
    return found


def read_weights(
    folder: Path, *, start: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], int]:
    """Return the weights in a folder and the rounds that they have seen; `start` and 0 without."""
    file = folder / _FILE
    if not file.exists():
        return dict(start), 0
    try:
        with file.open("rb") as data, np.load(data) as stored:
            found = {name: stored[name] for name in stored.files}
        done = int(found.pop(_DONE))
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{file} cannot be used ({error}). Delete it to begin again, or give another folder."
        ) from error
    shapes = {name: array.shape for name, array in start.items()}
    if (got := {name: array.shape for name, array in found.items()}) != shapes:
        raise InputError(
            f"{file} has weights of shapes {got}, `start` has {shapes}. Give another folder."
        )
    return {name: found[name] for name in start}, done


def write_weights(folder: Path, weights: Mapping[str, np.ndarray], *, done: int) -> None:
    """Write them whole or not at all."""
    with atomic_path(folder / _FILE) as temporary, temporary.open("wb") as out:
        np.savez(out, **weights, **{_DONE: np.array(done)})  # type: ignore[arg-type]
