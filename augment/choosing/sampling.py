"""Which labeled rows a screen looks at: as many of each class, missing labels left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from thresher.core.classes import texts_of, without_code
from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count
from thresher.core.missing import read_values

from ..randomness.keyed import draw

LEAST_PER_CLASS = 4
MOST_CLASSES = 100


@dataclass(frozen=True)
class Sampled:
    """Chosen positions (k,), class numbers (k,), class names, and why they may not do.

    ``left_out`` names classes with fewer than four rows; ``problem`` is empty when the rows can be
    assessed.
    """

    rows: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    left_out: tuple[str, ...]
    problem: str


def sample_rows(labels: Any, *, n: int, max_rows: int, seed: int) -> Sampled:
    """Sample at most `max_rows` of `n` labeled rows, evenly over the classes.

    With more than 100 classes, 100 of them are sampled.
    """
    check_count("max_rows", max_rows, low=LEAST_PER_CLASS)
    names = class_names(labels, n)
    order = np.argsort(draw(seed, np.arange(n, dtype=np.uint64)).uniform(0, 1)[:, 0], kind="stable")
    present, counts = np.unique(names[names != ""], return_counts=True)
    enough = counts >= LEAST_PER_CLASS
    classes, left_out = present[enough], tuple(present[~enough].tolist())
    if len(classes) > MOST_CLASSES:
        kept = np.sort(np.random.default_rng(seed).permutation(len(classes))[:MOST_CLASSES])
        classes = classes[kept]
    each = max(LEAST_PER_CLASS, max_rows // max(1, len(classes)))
    shuffled = names[order]
    picked = [order[np.flatnonzero(shuffled == name)[:each]] for name in classes]
    rows = np.concatenate(picked) if picked else np.empty(0, dtype=np.intp)
    numbers = np.repeat(np.arange(len(picked)), [len(part) for part in picked])
    return Sampled(rows, numbers, tuple(classes.tolist()), left_out, _problem(len(classes), rows))


def class_names(labels: Any, n: int) -> np.ndarray:
    """Return the class name of each row, str (n,), empty where it is missing."""
    if labels is None:
        raise InputError("`labels` are needed: an audit compares classes before and after.")
    values, missing = read_values(labels, name="labels")
    if len(values) != n:
        raise InputError(f"There are {counted(n, 'image')} and {counted(len(values), 'label')}.")
    return texts_of(values, without_code(values, missing), name="labels")


def _problem(classes: int, rows: np.ndarray) -> str:
    if classes < 2:
        return (
            f"{counted(classes, 'class', 'classes')} with at least {LEAST_PER_CLASS} labeled rows; "
            "2 are needed"
        )
    if len(rows) < 20:
        return f"{counted(len(rows), 'labeled row')}; at least 20 are needed"
    return ""
