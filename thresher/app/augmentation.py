"""What the commands about augmentation work on: a user's labeled images, and policies by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from augment import Augmenter, Policy, policies

from ..core.columns import class_names, read_row_ids, read_splits, take_rows
from ..core.errors import InputError
from ..core.fingerprint import row_keys
from ..core.images import read_images
from ..core.loaded import LoadedDataset
from ..core.loading import load_dataset
from ..core.progress import messages
from .read_options import ImageOptions

if TYPE_CHECKING:
    from .pilots import PilotRuns

# What the stage of a run writes.
POLICY = "policy.json"
PREVIEW = "preview.png"


@dataclass(frozen=True)
class LabelledImages:
    """Training rows as squares.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (n, size, size, 3)
    labels : ndarray of str, shape (n,)
        Class names, empty where a row has none.
    row_ids : ndarray of str, shape (n,)
    set_aside : tuple of (str, str)
        Rows or files that cannot be used, each with the reason.
    """

    pixels: np.ndarray
    labels: np.ndarray
    row_ids: np.ndarray
    set_aside: tuple[tuple[str, str], ...] = ()


def read_training_images(
    data: Any, *, size: int, limit: int | None = None, **options: Unpack[ImageOptions]
) -> LabelledImages:
    """Read the training rows of an image folder or file, scaled to squares of `size` pixels.

    Parameters
    ----------
    data
        As for `thresher.core.load_dataset`.
    limit : int, optional
        At most so many rows: evenly over the classes, the same ones every time.
    **options
        As for `load_dataset`.
    """
    loaded = load_dataset(data, keep_unlabeled=True, test_fraction=0, **options)
    messages(loaded.role_lines)
    schema = loaded.schema
    if schema.modality != "image":
        raise InputError(
            f"Augmentation policies are for images; these rows hold {schema.modality}. For texts "
            "and features see augment.text and augment.tabular, which are off by default."
        )
    if not 4 <= size <= 1024:
        raise InputError(f"`--size` must be 4 to 1024 pixels, got {size}.")
    rows = np.flatnonzero(read_splits(loaded.dataset) == "train")
    if not len(rows):
        raise InputError(f"{data} has no training rows that can be read.")
    names = _labels(loaded)
    rows = rows if limit is None else _few_of_each(rows, names, read_row_ids(loaded.dataset), limit)
    chosen = take_rows(loaded.dataset, rows)
    return LabelledImages(
        read_images(chosen, schema.inputs[0], size=size),
        names[rows],
        read_row_ids(chosen),
        tuple((one.row_id, one.detail or one.check) for one in loaded.set_aside),
    )


def _labels(loaded: LoadedDataset) -> np.ndarray:
    if loaded.schema.label is None:
        return np.full(len(loaded.dataset), "", dtype=object)
    found = class_names(loaded.dataset, loaded.schema.label).to_pylist()
    return np.array([name or "" for name in found], dtype=object)


def _few_of_each(
    rows: np.ndarray, names: np.ndarray, row_ids: np.ndarray, limit: int
) -> np.ndarray:
    """Choose up to `limit` of `rows`: the first of each class, then the second, and on."""
    by_key = rows[np.argsort(row_keys(row_ids[rows]), kind="stable")]
    turn = np.empty(len(by_key), dtype=np.int64)
    for name in set(names[by_key].tolist()):
        members = np.flatnonzero(names[by_key] == name)
        turn[members] = np.arange(len(members))
    return np.asarray(by_key[np.argsort(turn, kind="stable")][:limit])


def pilot_runs(
    images: LabelledImages,
    candidates: Sequence[Policy],
    *,
    budget_s: float,
    rounds: int,
    out: Path | None,
) -> PilotRuns | None:
    """Return what trains pilots on the images, or None for no rounds.

    Finished runs are kept beside `out`, if a file for the policy is given.
    """
    from training import samples_from_arrays

    from .pilots import PilotRuns, seconds_of_one

    if not 0 <= rounds <= 100:
        raise InputError(f"`--pilots` must be 0 to 100 runs of each candidate, got {rounds}.")
    if not rounds:
        return None
    names = sorted(set(images.labels.tolist()) - {""})
    if len(names) < 2:
        raise InputError(
            f"Pilot runs need labels of at least two classes, found {len(names)}. Name the column "
            "with --label, or leave --pilots out."
        )
    codes = np.array([names.index(name) if name else -1 for name in images.labels.tolist()])
    samples = samples_from_arrays(images.pixels, row_ids=images.row_ids, targets=codes)
    return PilotRuns(
        samples,
        num_classes=len(names),
        seconds=seconds_of_one(budget_s, rounds=rounds, candidates=len(candidates)),
        file=out and out.with_suffix(".pilots.jsonl"),
    )


def read_policy(name: str, *, size: int) -> Policy:
    """Return a policy by its name, sized for images of `size` pixels, or from a JSON file."""
    if name.endswith(".json") or Path(name).is_file():
        return Augmenter.load(name).policy
    pad, hole = max(1, size // 8), max(2, size // 4)
    sized = {
        "standard": {"pad": pad, "cutout": hole},
        "crop_flip": {"pad": pad},
        "random_erasing": {"pad": pad},
        "auto_augment": {"pad": pad, "cutout": hole},
        "three_augment": {"pad": pad},
    }
    return policies.make(name, settings=sized.get(name, {}))


def read_policies(names: Sequence[str], *, size: int) -> list[Policy]:
    """Return policies by their names or files; every built-in one but *none* by default."""
    listed = names or [name for name in policies.POLICIES if name != "none"]
    return [read_policy(name, size=size) for name in listed]
