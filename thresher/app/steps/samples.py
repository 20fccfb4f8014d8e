"""From clean rows to what a trainer takes: inputs, codes, and three disjoint parts."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
import pyarrow.compute as pc

from training import HashTokenizer, Samples, samples_from_arrays

from ...core.choice import Choice
from ...core.columns import (
    read_column,
    read_features,
    read_labels,
    read_row_ids,
    read_splits,
    read_texts,
)
from ...core.errors import InputError
from ...core.fingerprint import row_keys
from ...core.images import read_images
from ...core.loaded import LoadedDataset
from ...core.loading.several_texts import names_of
from ...core.schema import Schema
from ..settings import DataSettings
from ..trainable import check_parts
from ..whole_rows import with_all_numbers

if TYPE_CHECKING:
    import datasets

VALIDATION_SHARE = 0.1
SIZED_ROWS = 200
LARGEST_ON_CPU, LARGEST_ON_CUDA = 96, 224


@dataclass(frozen=True)
class Parts:
    """All rows as samples, and the positions of each part.

    Attributes
    ----------
    everything : Samples
        Rows in the order of the dataset; a row without a label has the code 0 and is in no
        labeled part.
    train, validation, test : ndarray of int64
        Positions.
    classes : tuple of str
    preprocessing : dict
        How a raw row becomes an input, for the exported model's metadata.
    choices : dict of str to Choice
    """

    everything: Samples
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    classes: tuple[str, ...]
    preprocessing: dict[str, Any]
    choices: dict[str, Choice]

    def of(self, part: np.ndarray) -> Samples:
        """Return the samples at some positions."""
        return self.everything.take(part)


def read_parts(loaded: LoadedDataset, *, settings: DataSettings, device: str) -> Parts:
    """Decode all rows and split off validation rows where the data has none.

    Raises
    ------
    InputError
        Without a label column, with fewer than two classes, or without training or test rows.
    """
    loaded = with_all_numbers(loaded)
    rows, schema = loaded.dataset, loaded.schema
    if schema.label is None:
        raise InputError("Training needs labels: name the column with --label.")
    labels, splits, ids = read_labels(rows, schema), read_splits(rows), read_row_ids(rows)
    inputs, preprocessing, choices = _inputs(rows, schema, settings=settings, device=device)
    train = np.flatnonzero((splits == "train") & (labels >= 0))
    validation = np.flatnonzero((splits == "validation") & (labels >= 0))
    test = np.flatnonzero((splits == "test") & (labels >= 0))
    check_parts(labels[train], test, schema)
    if not len(validation):
        validation = split_off(ids, labels, train)
        train = np.setdiff1d(train, validation)
        share = f"{len(validation)} of the training rows, a tenth of each class, chosen by row id"
        choices["validation rows"] = Choice(share, "the data has no validation split")
    everything = samples_from_arrays(inputs, row_ids=ids, targets=np.maximum(labels, 0))
    return Parts(everything, train, validation, test, schema.classes, preprocessing, choices)


def split_off(row_ids: np.ndarray, labels: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return about a tenth of each class of the training positions, sorted.

    The choice depends on the row ids alone, so that it survives reordering and appended rows. A
    class with a single row stays in training whole.
    """
    keys = row_keys(row_ids[train])
    chosen = []
    for code in np.unique(labels[train]):
        members = np.flatnonzero(labels[train] == code)
        count = min(len(members) - 1, max(1, round(VALIDATION_SHARE * len(members))))
        chosen.append(train[members[np.argsort(keys[members], kind="stable")[:count]]])
    return np.sort(np.concatenate(chosen))


def image_size(
    rows: datasets.Dataset, column: str, *, asked: int | str, device: str
) -> tuple[int, Choice | None]:
    """Choose the side of the training images in pixels, from the images at hand."""
    if isinstance(asked, int):
        return asked, None
    step = max(1, len(rows) // SIZED_ROWS)
    stored = pc.struct_field(read_column(rows, column), "bytes").take(np.arange(0, len(rows), step))
    sides = [min(PIL.Image.open(io.BytesIO(data)).size) for data in stored.to_pylist() if data]
    median = int(np.median(sides)) if sides else 32
    largest = LARGEST_ON_CUDA if device == "cuda" else LARGEST_ON_CPU
    size = max(8, min(median, largest))
    reason = f"the median shorter side is {median}"
    if median > largest:
        reason += f", and {largest} keeps training affordable on {device}; data.image_size sets it"
    return size, Choice(f"{size} pixels", reason)


def _inputs(
    rows: datasets.Dataset, schema: Schema, *, settings: DataSettings, device: str
) -> tuple[np.ndarray, dict[str, Any], dict[str, Choice]]:
    if schema.modality == "image":
        column = schema.inputs[0]
        size, choice = image_size(rows, column, asked=settings.image_size, device=device)
        how = {"kind": "image", "size": size, "layout": "NCHW", "dtype": "uint8", "colors": "RGB"}
        chosen = {} if choice is None else {"image size": choice}
        return read_images(rows, column, size=size), how, chosen
    if schema.modality == "text":
        tokenizer = HashTokenizer()
        tokens = tokenizer.encode(read_texts(rows, schema.inputs[0]))
        how = {"kind": "text", "tokenizer": tokenizer.to_json()}
        others = [name for name in rows.column_names if name != schema.inputs[0]]
        named = names_of(schema.inputs[0], others)
        # Of several columns, so that new rows are put together in the same way.
        return tokens, how | ({"text": named} if "," in named else {}), {}
    how = {"kind": "features", "columns": list(schema.inputs)}
    return read_features(rows, schema.inputs), how, {}
