"""From findings about images and boxes to decisions, and from those to a clean set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.compute as pc

from thresher.core.detection.detection_set import DetectionSet
from thresher.core.errors import InputError
from thresher.core.issues import Issues
from thresher.core.manifest import Manifest
from thresher.core.signatures import checked
from thresher.core.text_arrays import text_array

from ..decisions.decide import decide
from ..decisions.policy import Policy

# A box that is taken away leaves an object without a label: only what cannot be one goes unasked.
POLICY = Policy(near_duplicate="review", label="review", fewest_per_class=0)


@checked
def decide_boxes(
    dataset: DetectionSet,
    issues: Issues,
    *,
    policy: Policy | Mapping[str, Any] | None = None,
) -> Manifest:
    r"""Decide what happens to each image and each box.

    Parameters
    ----------
    dataset : DetectionSet
    issues : Issues
        Of images and boxes, such as those of `find_detection_issues`.
    policy : Policy or mapping of its fields, optional
        Default: drop boxes that are equal to another or hold nothing, images that leak, and images
        equal to another with the same boxes; review the rest.

    Returns
    -------
    Manifest
        Rows are the images and then the boxes; the boxes of an image that is dropped are dropped
        with it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from curation import decide_boxes, find_detection_issues
    >>> from thresher.core import load_detection_set
    >>> _ = Path("photo.txt").write_text("0 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.2 0.2\n")
    >>> photos = load_detection_set(".", format="yolo")
    >>> manifest = decide_boxes(photos, find_detection_issues(photos).issues)
    >>> manifest.row_ids.tolist(), manifest.actions.tolist()
    (['photo', 'photo#1', 'photo#2'], ['keep', 'keep', 'drop'])
    """
    rules = POLICY if policy is None else Policy.read(policy)
    splits = text_array([_split(name) for name in dataset.splits.tolist()])
    manifest = decide(
        issues,
        row_ids=np.concatenate([dataset.row_ids, dataset.box_ids]),
        splits=np.concatenate([splits, splits[dataset.image_of]]),
        labels=[*[None] * len(dataset), *dataset.class_names(dataset.codes)],
        policy=rules,
    )
    return _boxes_go_along(dataset, manifest)


def _split(name: str) -> str:
    known = {"val": "validation", "dev": "validation", "test": "test"}
    return next(
        (split for start, split in known.items() if name.lower().startswith(start)), "train"
    )


def _boxes_go_along(dataset: DetectionSet, manifest: Manifest) -> Manifest:
    table = manifest.table
    n = len(dataset)
    gone = (manifest.actions[:n] == "drop")[dataset.image_of]
    if not gone.any():
        return manifest
    at = np.concatenate([np.arange(n), np.where(gone, dataset.image_of, np.arange(n, len(table)))])
    for name in ("action", "reason", "score", "twin"):
        column = table[name].combine_chunks().take(at)
        table = table.set_column(table.column_names.index(name), name, column)
    return Manifest(table, manifest.header)


@checked
def apply_box_decisions(dataset: DetectionSet, manifest: Manifest) -> DetectionSet:
    r"""Return the set without what was dropped, and with the classes that were decided on.

    Raises
    ------
    InputError
        When the manifest was made for other images or boxes.

    Examples
    --------
    >>> from pathlib import Path
    >>> from curation import apply_box_decisions, decide_boxes, find_detection_issues
    >>> from thresher.core import load_detection_set
    >>> _ = Path("photo.txt").write_text("0 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.2 0.2\n")
    >>> photos = load_detection_set(".", format="yolo")
    >>> manifest = decide_boxes(photos, find_detection_issues(photos).issues)
    >>> apply_box_decisions(photos, manifest).box_ids.tolist()
    ['photo#1']
    """
    rows = np.concatenate([dataset.row_ids, dataset.box_ids]).tolist()
    ids = manifest.row_ids.tolist()
    place = {row_id: at for at, row_id in enumerate(ids)}
    if len(ids) != len(rows) or set(rows) != place.keys():
        raise InputError("The decisions are about other images and boxes than those of the set.")
    order = np.array([place[row_id] for row_id in rows], np.int64)
    n = len(dataset)
    actions = manifest.actions[order]
    stays = actions != "drop"
    new = manifest.table["new_label"].combine_chunks().take(order).slice(n)
    codes = dataset.codes.copy()
    code_of = {name: code for code, name in enumerate(dataset.classes)}
    for box in np.flatnonzero(pc.is_valid(new).to_numpy(zero_copy_only=False)).tolist():
        name = new[box].as_py()
        if name not in code_of:
            raise InputError(f"The class {name!r} of the box {rows[n + box]!r} is not in the set.")
        codes[box] = code_of[name]
    return dataset.changed(codes=codes).keep(images=stays[:n], boxes=stays[n:])
