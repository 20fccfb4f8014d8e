"""A teacher's logits, computed once and read many times: two bytes a row, view and class.

They may also come from elsewhere: a model of other inputs, a language model, people.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.files import atomic_path, read_json, write_json
from thresher.core.fingerprint import fingerprint, row_keys
from thresher.core.progress import message, track

from ..loop.feed import Augment
from ..loop.identity import model_fingerprint, samples_fingerprint, view_fingerprint
from ..rows.samples import Samples
from ..torch_runtime.memory_format import arranged

_LARGEST = float(np.finfo(np.float16).max)


class TeacherCache:
    """Mean logits of the teachers for `views` views of every row, float16 (views, n, classes).

    View v of a row is what the augmentation makes of it in epoch v; a student that trains on
    view ``epoch % views`` sees exactly the images that the teacher judged.

    Parameters
    ----------
    logits : ndarray of float16, shape (views, n, classes)
    flops : float
        What computing them took this training; 0 when another one had left them.
    fits_any_view : bool
        Whether the logits tell about the row and not about one view of it.
    """

    def __init__(self, logits: np.ndarray, *, flops: float, fits_any_view: bool = False) -> None:
        self.logits = logits
        self.flops = flops
        self.fits_any_view = fits_any_view

    @property
    def views(self) -> int:
        """Number of views."""
        return len(self.logits)

    def look_up(self, positions: np.ndarray, *, epoch: int, device: torch.device) -> Tensor:
        """Return the logits of the rows' view of `epoch`, float32 (b, classes)."""
        rows = np.asarray(self.logits[epoch % self.views, positions], dtype=np.float32)
        return torch.from_numpy(rows).to(device)

    def view_of(self, augment: Augment | None) -> Augment | None:
        """Return `augment`, restricted to the cached views."""
        if augment is None or self.fits_any_view:
            return augment

        def cached_view(inputs: Tensor, keys: np.ndarray, epoch: int) -> Tensor:
            return augment(inputs, keys, epoch % self.views)

        return cached_view


def cache_teacher(
    teachers: Sequence[nn.Module],
    samples: Samples,
    *,
    augment: Augment | None = None,
    views: int = 1,
    folder: str | Path | None = None,
    record: Path | None = None,
    batch_size: int = 256,
    device: str = "cpu",
    bf16: bool = False,
) -> TeacherCache:
    """Run the teachers over `views` views of all rows, or read what an earlier run left.

    Parameters
    ----------
    teachers : sequence of nn.Module
        In evaluation mode, on `device`.
    samples : Samples
    augment : callable, optional
        As in `fit`.
    views : int
        At least 1.
    folder : path-like, optional
        Where ``teacher-<fingerprint>.npy`` is kept; the fingerprint covers teachers, rows and
        views. Without it the logits stay in memory.
    record : Path, optional
        Where what computing them took is noted, so that the training that had it done counts it
        after a stop too. Needs a folder.
    batch_size, device, bf16
        How the teachers are run.
    """
    if folder is None:
        logits, flops = _compute(
            teachers, samples, augment, views=views, batch_size=batch_size, device=device, bf16=bf16
        )
        return TeacherCache(logits, flops=flops)
    key = fingerprint(
        [model_fingerprint(teacher) for teacher in teachers],
        samples_fingerprint(samples.without_targets()),
        view_fingerprint(samples, augment, epochs=views),
        [views, bf16],
    )
    path = Path(folder) / f"teacher-{key}.npy"
    if path.exists():
        flops = _noted(record, key)
        message(f"the teacher's logits are read from {path}")
    else:
        logits, flops = _compute(
            teachers, samples, augment, views=views, batch_size=batch_size, device=device, bf16=bf16
        )
        if record is not None:  # before the logits, which nobody pays for once they are there
            record.parent.mkdir(parents=True, exist_ok=True)
            write_json(record, {"teacher": key, "flops": flops})
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.save(file, logits)
    return TeacherCache(np.load(path, mmap_mode="r"), flops=flops)


def _noted(record: Path | None, key: str) -> float:
    """Return what the training with this record has spent on the logits; 0 if another one had."""
    if record is None or not record.is_file():
        return 0.0
    noted = read_json(record)
    return float(noted["flops"]) if noted["teacher"] == key else 0.0


def given_logits(logits: np.ndarray, *, n_rows: int, classes: int) -> TeacherCache:
    """Check logits that somebody else computed, one line a row, and keep them as a cache.

    Raises
    ------
    InputError
        When there are other numbers of rows or classes, or values that are not finite.
    """
    if logits.shape != (n_rows, classes):
        raise InputError(
            f"`teacher` has logits of shape {logits.shape}, but there are "
            f"{counted(n_rows, 'row')} and the student has "
            f"{counted(classes, 'class', 'classes')}; give one line a row, in the order of "
            "`samples`."
        )
    if not np.isfinite(logits).all():
        raise InputError("The logits in `teacher` are not all finite; leave such rows out.")
    stored = logits.clip(-_LARGEST, _LARGEST).astype(np.float16)[np.newaxis]
    return TeacherCache(stored, flops=0.0, fits_any_view=True)


@torch.no_grad()
def _compute(
    teachers: Sequence[nn.Module],
    samples: Samples,
    augment: Augment | None,
    *,
    views: int,
    batch_size: int,
    device: str,
    bf16: bool,
) -> tuple[np.ndarray, float]:
    keys = row_keys(samples.row_ids)
    parts: list[np.ndarray] = []
    flops = 0.0
    starts = [(view, at) for view in range(views) for at in range(0, len(samples), batch_size)]
    for view, start in track(starts, description="teacher"):
        rows = slice(start, start + batch_size)
        inputs = samples.inputs[rows].to(device)
        if augment is not None:
            inputs = augment(inputs, keys[rows], view)
        if flops:
            logits = teach(teachers, inputs, bf16=bf16)
        else:
            with FlopCounterMode(display=False) as counter:
                logits = teach(teachers, inputs, bf16=bf16)
            flops = counter.get_total_flops() / len(inputs) * len(samples) * views
        parts.append(logits.cpu().numpy().clip(-_LARGEST, _LARGEST).astype(np.float16))
    stacked = np.concatenate(parts)
    return stacked.reshape(views, len(samples), -1), flops


@torch.no_grad()
def teach(teachers: Sequence[nn.Module], inputs: Tensor, *, bf16: bool) -> Tensor:
    """Return the mean logits of the teachers, float32 (b, classes), without gradients."""
    laid_out = arranged(inputs)
    with torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=bf16):
        outputs = [teacher(laid_out).float() for teacher in teachers]
    logits = torch.stack(outputs).mean(0)
    if not bool(torch.isfinite(logits).all()):
        raise InputError("The teacher gives logits that are not finite; it is not trained well.")
    return logits
