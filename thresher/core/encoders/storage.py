"""An encoder on disk: ``encoder.json`` (name, version, settings) and ``state.npz`` (arrays)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..files import atomic_path, read_json, write_json
from ..fingerprint import fingerprint

FORMAT = 1


@dataclass(frozen=True)
class StoredEncoder:
    """What identifies an encoder and rebuilds it.

    Attributes
    ----------
    name : str
    version : int
        Raised whenever the same settings and state would give other vectors.
    settings : dict
        JSON types.
    arrays : dict of str to ndarray
        The fitted state; without Python objects.
    """

    name: str
    version: int
    settings: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Hash of all of it."""
        names = sorted(self.arrays)
        header = [self.name, self.version, self.settings, names]
        return fingerprint(header, *(self.arrays[name] for name in names))

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write the folder, atomically."""
        header = {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "settings": self.settings,
        }
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            write_json(temporary / "encoder.json", header)
            np.savez(temporary / "state.npz", **self.arrays)  # type: ignore[arg-type]

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> StoredEncoder:
        """Read what `write` wrote."""
        path = Path(folder)
        header = read_json(path / "encoder.json")
        if header.get("format") != FORMAT:
            raise InputError(
                f"{path} has format {header.get('format')}, not {FORMAT}: fit the encoder again."
            )
        with np.load(path / "state.npz", allow_pickle=False) as state:
            arrays = {name: state[name] for name in state.files}
        return cls(header["name"], header["version"], header["settings"], arrays)

    def check_version(self, version: int) -> None:
        """Refuse a state that this version of the code would read as another space."""
        if self.version != version:
            raise InputError(
                f"The saved encoder {self.name} has version {self.version}, this code makes "
                f"version {version}: fit it again, or use the Thresher that saved it."
            )


def not_fitted(name: str) -> InputError:
    """Return the error for an encoder that is used before `fit`."""
    return InputError(f"The encoder {name} is not fitted: call fit(values) or embed(data) first.")
