"""Copies among pairs: the same image, the same caption, or both, exactly or nearly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from thresher.core.errors import InputError, check_choice, check_number
from thresher.core.fingerprint import fingerprint

from ..sharded.arrays import BLOCK_ROWS, ShardedArray
from ..sharded.pairs import search
from ..sharded.work import Work
from .collecting import PairScores
from .relations import Copies, Relation, close_vectors, equal_keys, keep_best

ON = ("image", "caption", "both")


def deduplicate_pairs(
    scores: PairScores,
    work: Work,
    *,
    rows: np.ndarray,
    priority: np.ndarray,
    on: Sequence[str] = ("image",),
    threshold: float | None = None,
) -> Copies:
    """Find the pairs that a better one stands for.

    Parameters
    ----------
    scores : PairScores
    work : Work
    rows : ndarray of int64, shape (m,)
        Pairs to look at, increasing.
    priority : ndarray of float, shape (m,)
        Of the same pairs the highest is kept, the first of equally high ones.
    on : sequence of {"image", "caption", "both"}
        What makes two pairs the same; ``"both"``: image and caption together.
    threshold : float, optional
        Cosine from which two vectors are the same; by default images are the same by their pixels
        (or bytes, where they are not decoded), captions by their words.

    Returns
    -------
    Copies
        Of m rows; ``duplicate_of`` counts within `rows`.

    Raises
    ------
    InputError
        Without vectors where a threshold is given, or without images where none is.
    """
    for name in on:
        check_choice("on", name, ON)
    relations = _equal(scores.table, rows, on, near=threshold is not None)
    if threshold is not None:
        check_number("threshold", threshold, low=0, high=1, low_open=True)
        relations += _close(scores, work, rows, on, threshold)
    order = np.lexsort((rows, -np.nan_to_num(priority, nan=-np.inf)))
    return keep_best(relations, order)


def _equal(table: pa.Table, rows: np.ndarray, on: Sequence[str], *, near: bool) -> list[Relation]:
    keys = {name: table[f"{name}_key"].take(pa.array(rows)) for name in ("image", "caption")}
    if (
        not near
        and set(on) & {"image", "both"}
        and len(rows)
        and keys["image"].null_count == len(rows)
    ):
        raise InputError(
            "Neither images nor hashes of them are stored with the pairs: give a threshold, so "
            "that images are compared by their vectors, or deduplicate on the caption."
        )
    asked = {"image": ("image",), "caption": ("caption",), "both": ("image", "caption")}
    return [equal_keys(name, *(keys[part] for part in asked[name])) for name in on]


def _close(
    scores: PairScores, work: Work, rows: np.ndarray, on: Sequence[str], threshold: float
) -> list[Relation]:
    if scores.image is None or scores.text is None:
        raise InputError(
            "A threshold compares vectors, and the pairs have none: give an encoder or stored "
            "vectors, or no threshold."
        )
    key = [scores.key, fingerprint(rows)]
    homes = {
        name: ShardedArray.open(
            [work.do(f"kept-{name}", Gather(vectors, rows), key=key)[0] / "vectors.npy"],
            scaled=True,
        )
        for name, vectors in (("image", scores.image), ("text", scores.text))
        if set(on) & {"both", "caption" if name == "text" else "image"}
    }
    found = []
    for name in on:
        vectors = homes["text" if name == "caption" else "image"]
        pairs = search(vectors, work, threshold=threshold)
        captions = homes["text"].read(0, len(rows)) if name == "both" else None
        found.append(close_vectors(name, pairs, vectors=captions, threshold=threshold))
    return found


@dataclass(frozen=True)
class Gather:
    """Task for one shard: ``vectors.npy``, the rows that are looked at, (m, d), as precise."""

    vectors: ShardedArray
    rows: np.ndarray

    def __call__(self, _: None, folder: Path) -> None:
        """Fill the folder."""
        shape = (len(self.rows), self.vectors.width)
        kind = np.load(self.vectors.paths[0], mmap_mode="r").dtype
        kept = np.float16 if kind == np.float16 else np.float32
        target = np.lib.format.open_memmap(folder / "vectors.npy", "w+", kept, shape)
        for start in range(0, len(self.rows), BLOCK_ROWS):
            part = self.rows[start : start + BLOCK_ROWS]
            target[start : start + len(part)] = self.vectors.take(part)
        target.flush()
