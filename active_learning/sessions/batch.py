"""What a session hands out, and what can be told in return."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

import numpy as np

from thresher.core.errors import InputError, check_number
from thresher.core.shown import Shown

from .store import AskedRow

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class NoLabel(Enum):
    """What can be told in place of a label."""

    SKIP = "skip"
    UNDO = "undo"


SKIP, UNDO = NoLabel.SKIP, NoLabel.UNDO


@dataclass(frozen=True, repr=False)
class Batch(Shown):
    """Rows leased to an annotator, best first.

    Attributes
    ----------
    number : int
        Of the ask, from 1; the round of its answers.
    annotator : str
    row_ids : ndarray of str, shape (n,)
    rows : tuple of AskedRow, length n
        For each row its arm, reason, suggestion, confidence, score and propensity.
    expires : float
        When the lease ends, in seconds since 1970.

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import Batch, Session
    >>> vectors = np.random.default_rng(0).normal(size=(20, 2))
    >>> with Session("labels.db", embeddings=vectors, classes=["a", "b"]) as session:
    ...     batch = session.ask(3, annotator="ann")
    >>> isinstance(batch, Batch), len(batch.rows)
    (True, 3)
    """

    number: int
    annotator: str
    row_ids: np.ndarray
    rows: tuple[AskedRow, ...]
    expires: float

    def __len__(self) -> int:
        return len(self.rows)


def lease_seconds(lease: float | str) -> float:
    """Turn ``7200``, ``"90s"``, ``"30m"``, ``"2h"`` or ``"1d"`` into seconds."""
    if isinstance(lease, str):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", lease.strip())
        if match is None:
            raise InputError(f"`lease` must be a number with a unit, as '2h', got {lease!r}.")
        lease = float(match[1]) * UNITS[match[2]]
    return check_number("lease", float(lease), low=0, low_open=True)
