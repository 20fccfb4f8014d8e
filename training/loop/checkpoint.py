"""Checkpoints that survive a kill at any moment, and that are refused where they do not belong."""

from __future__ import annotations

import hashlib
import io
import time
from pathlib import Path
from typing import Any

import torch

from thresher.core.errors import InputError
from thresher.core.files import atomic_path
from thresher.core.leftovers import sweep_below
from thresher.core.progress import message

FORMAT = 2
_KEPT = 2


class Checkpoints:
    """The checkpoints of one run in a folder: ``step-00001200-<hash of the file>.pt``.

    Each is a plain ``torch.load`` dictionary, written beside its place and moved there when whole.
    The last two are kept, so that a damaged one costs little.

    Parameters
    ----------
    folder : path-like
    identity : dict of str to str
        What must be equal for a checkpoint to go on: architecture, data, settings.
    every_s : float
        Least seconds between two checkpoints that are not at the end of an epoch.
    """

    def __init__(self, folder: str | Path, *, identity: dict[str, str], every_s: float) -> None:
        self.folder = Path(folder)
        self.identity = {"format": str(FORMAT), **identity}
        self.every_s = every_s
        self._saved_at = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        sweep_below(self.folder)

    def due(self) -> bool:
        """Tell whether enough time has passed since the last checkpoint."""
        return time.monotonic() - self._saved_at >= self.every_s

    def save(self, state: dict[str, Any], *, step: int) -> None:
        """Write a checkpoint; a full disk is told, and training goes on without it."""
        buffer = io.BytesIO()
        torch.save({"identity": self.identity, "state": state}, buffer)
        content = buffer.getbuffer()
        path = self.folder / f"step-{step:08d}-{_digest(content)}.pt"
        try:
            with atomic_path(path) as temporary:
                temporary.write_bytes(content)
        except OSError as error:
            message(f"checkpoint of step {step} not written ({error}); training goes on")
            return
        for old in self._files()[_KEPT:]:
            old.unlink(missing_ok=True)
        self._saved_at = time.monotonic()

    def latest(self) -> dict[str, Any] | None:
        """Return the newest undamaged state, or None where there is none.

        Raises
        ------
        InputError
            When it belongs to another model, other data or other settings.
        """
        files = self._files()
        for path in files:
            content = path.read_bytes()
            if _digest(content) != path.stem.rpartition("-")[2]:
                last = path == files[-1]
                then = "training begins again" if last else "the one before it is used"
                message(f"checkpoint {path} is damaged; {then}")
                continue
            found = torch.load(io.BytesIO(content), weights_only=True)
            self._check(found["identity"], path)
            state: dict[str, Any] = found["state"]
            return state
        return None

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.pt"), reverse=True)

    def _check(self, found: dict[str, str], path: Path) -> None:
        names = sorted(self.identity.keys() | found.keys())
        differing = [name for name in names if self.identity.get(name) != found.get(name)]
        if differing:
            told = "; ".join(
                f"{n}: {found.get(n)} there, {self.identity.get(n)} now" for n in differing
            )
            raise InputError(
                f"The checkpoint {path} belongs to another run ({told}). Give another "
                "`checkpoint_dir`, or delete this one to begin again."
            )


def _digest(content: bytes | memoryview) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
