"""Another model in the place of the one that serves, without a wrong or a lost answer.

The candidate is loaded beside the old one and must first answer ten stored rows: the last that the
server ran, made-up ones where there are fewer. Until then, and when it fails, the old one serves.
Requests that the old one began, it ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, ThresherError

from .answering import check_servable
from .planning import made_up_rows
from .served_model import CASCADE, EXITS, MODEL, ServedModel, load_served

STORED = 10
# Of ten real rows. A retrained model agrees with the old one on nearly all; one with another order
# of classes or another preparation agrees by chance.
LEAST_AGREEING = 0.5
LEAST_ROWS = 5  # one row may lie on the border of two classes
_TOLERANCE = 1e-3


class SwapRefused(ThresherError):  # noqa: N818 — reads as the answer that it is
    """The candidate does not take over; the old model goes on serving."""


@dataclass(frozen=True, eq=False)
class Parity:
    """What a candidate did on the stored rows.

    Attributes
    ----------
    rows : int
        That were stored from requests.
    agreeing : int
        Of those, rows of the same class as the old model's.
    """

    rows: int
    agreeing: int


def load_candidate(
    path: Path, old: ServedModel, stored: np.ndarray, *, threads: int, force: bool
) -> tuple[ServedModel, Parity]:
    """Load a model and hold it against the old one.

    Parameters
    ----------
    path : Path
    old : ServedModel
    stored : ndarray, shape (m, *input_spec.shape)
        Rows of requests, at most ten.
    threads : int
    force : bool
        Take a candidate that disagrees or has other classes, as long as it answers at all.

    Raises
    ------
    SwapRefused
        With the reason.
    """
    try:
        candidate = load_served(path, threads=threads)
        check_servable(candidate)
    except InputError as error:
        raise SwapRefused(f"{error} The model {old.digest[:12]} goes on serving.") from error
    _check_kind(candidate, old, force=force)
    same_input = candidate.input_spec == old.input_spec
    rows = np.concatenate([stored, made_up_rows(old, STORED)])[:STORED]
    rows = rows if same_input else made_up_rows(candidate, STORED)
    answers = _answers(candidate, rows)
    if not same_input or candidate.classes != old.classes:
        return candidate, Parity(rows=0, agreeing=0)  # forced: there is nothing to compare
    real = len(stored)
    agreeing = int((answers[:real].argmax(1) == old.predict(rows[:real]).argmax(1)).sum())
    if agreeing < LEAST_AGREEING * real and real >= LEAST_ROWS and not force:
        raise SwapRefused(
            f"{path} gives the class of the model that serves on {agreeing} of "
            f"{counted(real, 'stored row')}. Its classes may stand in another order, or its rows "
            "be prepared otherwise. The model "
            f"{old.digest[:12]} goes on serving; send 'force': true to swap all the same."
        )
    return candidate, Parity(real, agreeing)


def _check_kind(candidate: ServedModel, old: ServedModel, *, force: bool) -> None:
    for name in ("classes", "input_spec", "preprocessing"):
        new, known = getattr(candidate, name), getattr(old, name)
        if new != known and not force:
            raise SwapRefused(
                f"{candidate.path} has other {name} ({new!s:.80}) than the model that serves "
                f"({known!s:.80}), on which clients rely. The model {old.digest[:12]} goes on "
                "serving; send 'force': true to swap all the same."
            )


def _answers(candidate: ServedModel, rows: np.ndarray) -> np.ndarray:
    """Answer the rows together and one by one: both must be finite and the same."""
    try:
        together = candidate.predict(rows)
        alone = np.concatenate([candidate.predict(row[None]) for row in rows])
    except Exception as error:  # runtimes raise classes of their own
        raise SwapRefused(f"{candidate.path} does not answer stored rows: {error}") from error
    gap = np.abs(together - alone).max()
    if not np.isfinite(together).all() or gap > _TOLERANCE * (1 + np.abs(alone).max()):
        raise SwapRefused(
            f"{candidate.path} gives no finite answers, or others in a batch than row by row "
            f"(largest difference {gap:.3g})."
        )
    return together


def stamp(path: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Return what changes when a model's files are replaced: names, inodes, sizes, times."""
    known = (MODEL, EXITS, CASCADE)
    try:
        files = (
            [path] if path.is_file() else sorted(path.glob("*.onnx")) + [path / n for n in known]
        )
        found = [(file.name, file.stat()) for file in files if file.exists()]
    except OSError:
        return ()
    return tuple((name, one.st_ino, one.st_size, one.st_mtime_ns) for name, one in found)
