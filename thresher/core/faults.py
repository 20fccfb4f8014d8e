"""Faults planted at known places, so that a run can say how many of them it found.

Copies and near copies of training rows, test rows leaked into training, and swapped labels; the
truth is kept in a table. Sources of the different kinds never overlap, so that each fault stands
for itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .choice import Choice
from .columns import dataset_of, read_row_ids, read_splits, strings, take_table
from .counted import counted
from .errors import InputError, check_number
from .files import atomic_path
from .images import decode_image
from .loaded import LoadedDataset
from .randomness import RandomState, check_random_state
from .rows import dataset_fingerprint
from .schema import ROW_ID, SPLIT

KINDS = ("copy", "near_copy", "leak", "swapped_label")
TRUTH = pa.schema(
    [
        ("kind", pa.string()),
        ("row_id", pa.string()),
        ("source", pa.string()),
        ("edit", pa.string()),
        ("original_label", pa.string()),
    ]
)
NOISE = 1e-3  # of a feature's standard deviation: far below any real difference
MIN_SHIFT_SIDE = 16  # one pixel of a smaller image is too much to call the shifted one near


@dataclass(frozen=True)
class PlantedFaults:
    """What was planted: a table with the columns of `TRUTH`.

    ``kind`` is ``copy``, ``near_copy``, ``leak`` or ``swapped_label``; ``source`` the row that was
    copied; ``edit`` what was done to a near copy; ``original_label`` the label before the swap.
    """

    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def of(self, kind: str) -> PlantedFaults:
        """Return the faults of one kind."""
        return PlantedFaults(self.table.filter(pc.equal(self.table["kind"], kind)))

    def row_ids(self) -> np.ndarray:
        """Return the rows at fault, ndarray of str, shape (n,)."""
        return strings(self.table["row_id"])

    def sources(self) -> np.ndarray:
        """Return the row that each was made from, ndarray of str, shape (n,)."""
        return strings(self.table["source"])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a Parquet file, atomically."""
        with atomic_path(path) as temporary:
            pq.write_table(self.table, temporary)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PlantedFaults:
        """Read what `save` wrote."""
        try:
            return cls(pq.read_table(path, schema=TRUTH))
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{path} cannot be read as planted faults ({error}).") from error


def plant_faults(
    loaded: LoadedDataset,
    *,
    copies: float = 0.02,
    near_copies: float = 0.02,
    swapped_labels: float = 0.03,
    leaked: float = 0.02,
    random_state: RandomState = 0,
) -> tuple[LoadedDataset, PlantedFaults]:
    """Plant faults in the training rows; test rows stay as they are.

    Parameters
    ----------
    loaded : LoadedDataset
    copies, near_copies, swapped_labels : float
        Shares of the training rows, in [0, 1]. New rows are appended, in split ``train``, with ids
        such as ``planted-copy-0003``. Near copies of images are re-encoded as JPEG, brightened,
        darkened or shifted by a pixel; of texts get typos, another case or lose a word; of features
        get a noise of 0.001 standard deviations. Labels are swapped for another class, uniformly;
        without labels, or with one class, there is nothing to swap.
    leaked : float
        Share of the test rows that are copied into training.
    random_state : int, Generator or None
        The same seed plants the same faults.

    Returns
    -------
    loaded : LoadedDataset
    faults : PlantedFaults
    """
    shares = {"copies": copies, "near_copies": near_copies, "swapped_labels": swapped_labels}
    for name, share in {**shares, "leaked": leaked}.items():
        check_number(name, share, low=0, high=1)
    rng = check_random_state(random_state)
    chosen = _choose_rows(loaded, list(shares.values()), leaked, rng)
    table = loaded.dataset.data.table
    added = [
        _copied(table, "copy", chosen["copy"]),
        _near_copies(loaded, chosen["near_copy"], rng),
        _copied(table, "leak", chosen["leak"]),
    ]
    table, truth = _swap_labels(loaded, chosen["swapped_label"], rng)
    grown = pa.concat_tables([table, *(rows for rows, _ in added)])
    faults = PlantedFaults(pa.concat_tables([*(known for _, known in added), truth]))
    return _planted(loaded, grown, faults), faults


def _planted(loaded: LoadedDataset, table: pa.Table, faults: PlantedFaults) -> LoadedDataset:
    features = loaded.dataset.features
    draft = dataset_of(table, features, key="planting")
    key = dataset_fingerprint(draft, loaded.schema)
    counted = ", ".join(f"{len(faults.of(kind))} {kind}" for kind in KINDS)
    return replace(
        loaded,
        dataset=dataset_of(table, features, key=key, like=loaded.dataset),
        fingerprint=key,
        choices={**loaded.choices, "planted": Choice(str(len(faults)), counted)},
    )


def _choose_rows(
    loaded: LoadedDataset, shares: list[float], leaked: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    splits = read_splits(loaded.dataset)
    train = rng.permutation(np.flatnonzero(splits == "train"))
    test = rng.permutation(np.flatnonzero(splits == "test"))
    counts = [_count(share, len(train)) for share in shares]
    if sum(counts) > len(train):
        raise InputError(
            f"{sum(counts)} faults do not fit in {counted(len(train), 'training row')}: lower the "
            "shares."
        )
    first, second, third = np.cumsum(counts)
    chosen = {
        "copy": train[:first],
        "near_copy": train[first:second],
        "swapped_label": train[second:third],
        "leak": test[: _count(leaked, len(test))],
    }
    return {kind: np.sort(rows) for kind, rows in chosen.items()}


def _count(share: float, rows: int) -> int:
    return min(rows, max(1, round(share * rows))) if share > 0 else 0


def _truth(
    kind: str,
    row_ids: list[str],
    *,
    sources: list[str] | None = None,
    edits: list[str] | None = None,
    labels: list[str] | None = None,
) -> pa.Table:
    empty = [None] * len(row_ids)
    columns = [[kind] * len(row_ids), row_ids, sources or empty, edits or empty, labels or empty]
    return pa.Table.from_arrays([pa.array(column, pa.string()) for column in columns], schema=TRUTH)


def _copied(
    table: pa.Table, kind: str, positions: np.ndarray, *, edits: list[str] | None = None
) -> tuple[pa.Table, pa.Table]:
    """Return new training rows equal to those at `positions`, and the truth about them."""
    rows = take_table(table, positions)
    ids = [f"planted-{kind.replace('_', '-')}-{number:04d}" for number in range(len(rows))]
    truth = _truth(kind, ids, sources=rows[ROW_ID].to_pylist(), edits=edits)
    rows = _set(rows, ROW_ID, pa.array(ids, pa.string()))
    return _set(rows, SPLIT, pa.array(["train"] * len(rows), pa.string())), truth


def _set(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    position = table.column_names.index(name)
    return table.set_column(position, table.schema.field(position), values)


def _swap_labels(
    loaded: LoadedDataset, positions: np.ndarray, rng: np.random.Generator
) -> tuple[pa.Table, pa.Table]:
    table, name, classes = loaded.dataset.data.table, loaded.schema.label, loaded.schema.classes
    if name is None or len(classes) < 2:
        return table, _truth("swapped_label", [])
    labels = table[name].to_pylist()
    positions = np.array([row for row in positions if labels[row] is not None], int)
    before = [labels[row] for row in positions]
    steps = rng.integers(1, len(classes), len(positions))
    for row, step in zip(positions, steps, strict=True):
        labels[row] = classes[(classes.index(labels[row]) + step) % len(classes)]
    ids = read_row_ids(loaded.dataset)[positions].tolist()
    swapped = _set(table, name, pa.array(labels, pa.string()))
    return swapped, _truth("swapped_label", ids, labels=before)


def _near_copies(
    loaded: LoadedDataset, positions: np.ndarray, rng: np.random.Generator
) -> tuple[pa.Table, pa.Table]:
    table, schema = loaded.dataset.data.table, loaded.schema
    rows = take_table(table, positions)
    if schema.modality == "features":
        edits = ["noise"] * len(rows)
        changed = {name: _noisy(rows[name], table[name], rng) for name in schema.inputs}
    else:
        edit: Callable = _edit_image if schema.modality == "image" else _edit_text
        name = schema.inputs[0]
        pairs = [edit(value, rng) for value in rows[name].to_pylist()]
        edits = [how for _, how in pairs]
        changed = {name: pa.array([value for value, _ in pairs], rows.schema.field(name).type)}
    copied, truth = _copied(table, "near_copy", positions, edits=edits)
    for name, values in changed.items():
        copied = _set(copied, name, values)
    return copied, truth


def _edit_image(image: dict, rng: np.random.Generator) -> tuple[dict, str]:
    pixels = decode_image(image["bytes"])
    choices = ["jpeg", "brighter" if pixels.mean() < 128 else "darker"]
    if min(pixels.shape[:2]) >= MIN_SHIFT_SIDE:
        choices.append("shift")
    how = choices[rng.integers(len(choices))]
    if how == "shift":
        pixels = np.concatenate([pixels[:, :1], pixels[:, :-1]], axis=1)
    elif how != "jpeg":
        factor, offset = (1.1, 3) if how == "brighter" else (0.9, -3)  # moves black and white too
        pixels = np.clip(np.rint(pixels * factor + offset), 0, 255).astype(np.uint8)
    return {"bytes": _encode(pixels, jpeg=how == "jpeg"), "path": None}, how


def _encode(pixels: np.ndarray, *, jpeg: bool) -> bytes:
    import cv2

    suffix, options = (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 60]) if jpeg else (".png", [])
    _, data = cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    return bytes(data.tobytes())


def _edit_text(text: str, rng: np.random.Generator) -> tuple[str, str]:
    """Change a text slightly, and more than normalization would undo."""
    words = text.split()
    how = ("typo", "case", "word drop")[rng.integers(3)]
    if how == "word drop" and len(words) >= 4:
        words.pop(int(rng.integers(len(words))))
        return " ".join(words), how
    if how == "typo":
        swaps = [i for i in range(len(text) - 1) if text[i].casefold() != text[i + 1].casefold()]
        if swaps:
            at = swaps[rng.integers(len(swaps))]
            return text[:at] + text[at + 1] + text[at] + text[at + 2 :], how
    ending = text.rstrip(".!?")
    changed = ending.swapcase() + ("!" if ending == text.rstrip() else "")
    return changed, "case"


def _noisy(rows: pa.ChunkedArray, column: pa.ChunkedArray, rng: np.random.Generator) -> pa.Array:
    """Add noise to numbers; whole numbers move by one, or more where they spread widely."""
    kind = rows.type
    if pa.types.is_nested(kind):
        spread = float(np.std(pc.list_flatten(column).to_numpy())) or 1.0
        moved = [
            (np.asarray(value, float) + rng.normal(0, NOISE * spread, len(value))).tolist()
            for value in rows.to_pylist()
        ]
        return pa.array(moved, kind)
    if pa.types.is_boolean(kind):
        return rows.combine_chunks()
    values = rows.cast(pa.float64()).to_numpy()
    spread = float(np.std(column.cast(pa.float64()).to_numpy())) or 1.0
    noise = rng.normal(0, NOISE * spread, len(values))
    if pa.types.is_integer(kind):
        noise = np.where(noise < 0, -1, 1) * np.maximum(1, np.rint(np.abs(noise)))
    return pa.array(values + noise).cast(kind, safe=False)
