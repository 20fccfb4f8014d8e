"""What a search has done so far, in its folder: nothing is computed twice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thresher.core.errors import InputError
from thresher.core.files import read_json, write_json
from thresher.core.leftovers import holds_nothing

from ..loop.run import TrainingRun
from .result import MODELS

IDENTITY = "identity.json"
COSTS, LENGTHS, TRAINED = "costs", "lengths", "trained"
CHECKPOINT, MEASURED = "checkpoint", "measured"


class SearchRecord:
    """The folder of one search.

    Parameters
    ----------
    folder : path-like
    identity : mapping of str to JSON value
        Rows and settings. Limits and the time are not part of it: with others the work is reused.

    Raises
    ------
    InputError
        When the folder holds a search of other rows or settings.
    """

    def __init__(self, folder: str | os.PathLike[str], *, identity: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        path = self.folder / IDENTITY
        if not path.exists():
            if not holds_nothing(self.folder):
                raise InputError(f"{self.folder} is not empty and holds no search; name another.")
            write_json(path, dict(identity))
        known = read_json(path)
        names = {**identity, **known}
        other = [name for name in names if known.get(name) != identity.get(name)]
        if other:
            raise InputError(
                f"{self.folder} holds a search with another {', '.join(other)}. Name another "
                "folder, or delete it."
            )

    def costs(self, name: str) -> dict[str, Any] | None:
        """Return costs measured before training."""
        return self._read(COSTS, name)

    def keep_costs(self, name: str, value: dict[str, Any]) -> None:
        """Remember costs measured before training."""
        write_json(self._path(COSTS, name), value)

    def measured(self, name: str) -> dict[str, Any] | None:
        """Return a finished candidate, if its file is there."""
        return self._read(MEASURED, name) if self.model(name).is_dir() else None

    def keep_measured(self, name: str, value: dict[str, Any]) -> None:
        """Remember a finished candidate."""
        write_json(self._path(MEASURED, name), value)

    def model(self, name: str) -> Path:
        """Return where the exported candidate lies."""
        return self.folder / MODELS / name

    def trained(self, name: str) -> TrainingRun | None:
        """Return a finished training."""
        folder = self.folder / TRAINED / name
        return TrainingRun.load(folder) if folder.is_dir() else None

    def keep_trained(self, name: str, run: TrainingRun) -> None:
        """Remember a finished training; its checkpoints are no longer needed."""
        run.save(self.folder / TRAINED / name)
        shutil.rmtree(self.checkpoint(name), ignore_errors=True)

    def checkpoint(self, name: str) -> Path:
        """Return where a training that is under way keeps its checkpoints."""
        return self.folder / CHECKPOINT / name

    def lengths(self, key: str, fitting: list[int]) -> list[int]:
        """Return the epochs that an earlier call chose under `key`, or keep and return these."""
        path = self._path(LENGTHS, key)
        if not path.exists():
            write_json(path, fitting)
        known: list[int] = read_json(path)
        return known

    def _path(self, kind: str, name: str) -> Path:
        return self.folder / kind / f"{name}.json"

    def _read(self, kind: str, name: str) -> dict[str, Any] | None:
        path = self._path(kind, name)
        return read_json(path) if path.exists() else None
