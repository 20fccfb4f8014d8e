"""`curate_shards`: near duplicates and wrong labels of more rows than fit in memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import thresher
from thresher.core.errors import InputError
from thresher.core.executor import Executor
from thresher.core.fingerprint import fingerprint
from thresher.core.manifest import Manifest
from thresher.core.text_arrays import text_array

from ..decisions.policy import Policy
from ..duplicates.stars import checked_rows
from ..labels.inputs import encode_labels
from .arrays import ShardedArray, open_vectors
from .confident_learning import ConfidentLabels, find_label_issues_in_shards
from .manifest_columns import Given, Twins, make_manifest
from .pairs import RECALL, NeighborPairs, search
from .stars import GroupByStars
from .work import Work, open_work

Paths = Sequence[str | os.PathLike[str]]


def curate_shards(
    source_shards: Paths,
    work_folder: str | os.PathLike[str],
    *,
    threshold: float,
    pred_probs: Paths | None = None,
    labels: np.ndarray | Sequence[int] | Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    splits: np.ndarray | Sequence[str] | None = None,
    priority: np.ndarray | None = None,
    policy: Policy | Mapping[str, Any] | None = None,
    executor: str | Executor = "serial",
    workers: int | None = None,
    method: str = "auto",
    recall: float = RECALL,
    random_state: int = 0,
) -> Manifest:
    """Find near duplicates and wrong labels in many shards, and decide on every row.

    The vectors and probabilities stay on disk. Each step is done shard by shard and kept in the
    work folder: a run that was killed goes on where it stopped when it is called again, and gives
    the same manifest, byte for byte, as one that was not; so do all executors, any number of
    workers, and the same rows cut into other files.

    Parameters
    ----------
    source_shards : sequence of path
        Folders of embeddings, from `embed_shards` or `Embeddings.save`, or ``.npy`` files of
        vectors, whose rows are then named by their number.
    work_folder : path
        Made if needed. The manifest is also saved in its folder ``manifest``.
    threshold : float
        Cosine of near duplicates.
    pred_probs : sequence of path, optional
        ``.npy`` files of out-of-sample probabilities, (rows, classes), in the order of the rows.
        Wrong labels are then found by confident learning; needs `labels`.
    labels : array of int or str, shape (n,), optional
        Codes (−1 = missing) or names. A duplicate of a row with another label, or without its own,
        is at most reviewed.
    classes : sequence of str, optional
        Class names in the order of the columns.
    splits : array of str, shape (n,), optional
        ``train``, ``validation`` or ``test``. Rows of splits that the policy protects are kept, and
        rows of others that are close to them are duplicates.
    priority : ndarray of float, shape (n,), optional
        Of close rows, the highest is kept.
    policy : Policy or mapping of its fields, optional
    executor, workers
        See `get_executor`.
    method, recall, random_state
        See `neighbor_pairs`.

    Returns
    -------
    Manifest
        What `decide` makes of `find_near_duplicates` and of `find_label_issues` with the method
        ``"confident"``, where those fit in memory and the search is exact.

    Raises
    ------
    InputError
        On arguments that do not go together, and on bad values; the rows are named.
    """
    vectors, row_ids = open_vectors(source_shards)
    rules = Policy.read(policy)
    probs = _open_probs(pred_probs, labels)
    width = 0 if probs is None else probs.width
    given = _given(row_ids, splits, labels, classes, width=width)
    _check_width(width, given)
    with open_work(Path(work_folder), executor=executor, workers=workers) as work:
        pairs = search(
            vectors,
            work,
            threshold=threshold,
            method=method,
            recall=recall,
            random_state=random_state,
        )
        twins = _group(pairs, given, work, policy=rules, priority=priority)
        wrong = None
        if probs is not None and given.codes is not None:
            wrong = find_label_issues_in_shards(probs, given.codes, work)
        header = _header(pairs, wrong, threshold=threshold, seed=random_state)
        manifest = make_manifest(twins, wrong, given, policy=rules, header=header)
        manifest.save(work.folder / "manifest")
    return manifest


def _given(
    row_ids: pa.Array,
    splits: np.ndarray | Sequence[str] | None,
    labels: np.ndarray | Sequence[int] | Sequence[str] | None,
    classes: Sequence[str] | None,
    *,
    width: int,
) -> Given:
    rows = len(row_ids)
    split_of = None if splits is None else text_array(splits)
    for name, values in (("splits", split_of), ("labels", labels)):
        if values is not None and len(values) != rows:
            raise InputError(f"There are {rows} rows, but {len(values)} {name}.")
    if labels is None:
        return Given(row_ids, split_of, None, ())
    codes, names = encode_labels(labels, classes=classes, width=width)
    return Given(row_ids, split_of, codes, names)


def _open_probs(pred_probs: Paths | None, labels: Any) -> ShardedArray | None:
    if pred_probs is None:
        return None
    if labels is None:
        raise InputError("`pred_probs` judges labels: give `labels` too.")
    return ShardedArray.open(pred_probs)


def _check_width(width: int, given: Given) -> None:
    if width and width != len(given.classes):
        raise InputError(
            f"`pred_probs` has {width} columns, but there are {len(given.classes)} classes. Give "
            "`classes` in the order of the columns."
        )


@dataclass(frozen=True)
class SaveRows:
    """Task for one shard: what `GroupByStars` reads of the rows, one ``.npy`` file each."""

    by_id: np.ndarray
    protect: np.ndarray
    priority: np.ndarray

    def __call__(self, _: None, folder: Path) -> None:
        """Fill the folder."""
        for name in ("by_id", "protect", "priority"):
            np.save(folder / f"{name}.npy", getattr(self, name))


def _group(
    pairs: NeighborPairs,
    given: Given,
    work: Work,
    *,
    policy: Policy,
    priority: np.ndarray | None,
) -> Twins:
    rows = len(given.row_ids)
    by_id = pc.sort_indices(given.row_ids).to_numpy().astype(np.int64)
    score = checked_rows("priority", priority, rows, float)
    protect = np.zeros(rows, bool)
    if given.splits is not None:
        protect = np.isin(given.splits, policy.protected)
    key = [pairs.key, fingerprint(by_id, protect, score)]
    (saved,) = work.do("rows", SaveRows(by_id, protect, score), key=key)
    stars = GroupByStars(pairs.edges, pairs.equal, saved)
    (grouped,) = work.do("stars", stars, key=key)
    return Twins.read(grouped)


def _header(
    pairs: NeighborPairs, wrong: ConfidentLabels | None, *, threshold: float, seed: int
) -> dict[str, Any]:
    measured = pairs.recall
    return {
        "thresher": thresher.__version__,
        "dataset": pairs.content,
        "seed": seed,
        "threshold": threshold,
        "search": pairs.method,
        "pairs": len(pairs.edges),
        "recall": None
        if measured is None
        else [float(measured.estimate), float(measured.low), float(measured.high)],
        "noise_rate": None
        if wrong is None
        else [wrong.noise_rate.estimate, wrong.noise_rate.low, wrong.noise_rate.high],
    }
