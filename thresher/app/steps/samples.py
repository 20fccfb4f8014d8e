"""From clean rows to what a trainer takes: inputs, codes, and three disjoint parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from training import HashTokenizer, Samples, samples_from_arrays

from ...core.choice import Choice
from ...core.columns import (
    read_features,
    read_labels,
    read_row_ids,
    read_splits,
    read_texts,
    take_rows,
)
from ...core.errors import InputError
from ...core.fingerprint import row_keys
from ...core.images import read_images
from ...core.loaded import LoadedDataset
from ...core.loading.several_texts import names_of
from ...core.schema import Schema
from ..image_sides import image_size
from ..settings import DataSettings
from ..trainable import check_parts
from ..whole_rows import with_all_numbers

if TYPE_CHECKING:
    import datasets

VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class Parts:
    """All rows, the positions of each part, and how inputs are read.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
        In the order of the dataset.
    codes : ndarray of int64, shape (n,)
        Classes; a row without a label has the code 0 and is in no labeled part.
    train, validation, test : ndarray of int64
        Positions.
    classes : tuple of str
    preprocessing : dict
        How a raw row becomes an input, for the exported model's metadata.
    choices : dict of str to Choice
    read : callable
        From positions to inputs, as `samples_from_arrays` takes them.
    whole : bool
        Whether all rows are read at once and kept; else each part is read when it is asked for.
    """

    row_ids: np.ndarray
    codes: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    classes: tuple[str, ...]
    preprocessing: dict[str, Any]
    choices: dict[str, Choice]
    read: Callable[[np.ndarray], np.ndarray]
    whole: bool = True

    @cached_property
    def everything(self) -> Samples:
        """All rows as samples."""
        return self._read(np.arange(len(self.row_ids)))

    def of(self, part: np.ndarray) -> Samples:
        """Return the samples at some positions."""
        return self.everything.take(part) if self.whole else self._read(part)

    def _read(self, part: np.ndarray) -> Samples:
        inputs = self.read(part)
        return samples_from_arrays(inputs, row_ids=self.row_ids[part], targets=self.codes[part])


def read_parts(
    loaded: LoadedDataset,
    *,
    settings: DataSettings,
    device: str,
    whole: bool = True,
    by_class: bool = True,
) -> Parts:
    """Tell how rows are read, and split off validation rows where the data has none.

    A tenth of each class; of all training rows where `by_class` is False, for no class of theirs is
    known yet.

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
    read, preprocessing, choices = _inputs(rows, schema, settings=settings, device=device)
    train = np.flatnonzero((splits == "train") & (labels >= 0))
    validation = np.flatnonzero((splits == "validation") & (labels >= 0))
    test = np.flatnonzero((splits == "test") & (labels >= 0))
    check_parts(labels[train], test, schema)
    if not len(validation):
        validation = split_off(ids, labels if by_class else np.zeros_like(labels), train)
        train = np.setdiff1d(train, validation)
        tenth = "a tenth of each class" if by_class else "a tenth"
        share = f"{len(validation)} of the training rows, {tenth}, chosen by row id"
        choices["validation rows"] = Choice(share, "the data has no validation split")
    return Parts(
        row_ids=ids,
        codes=np.maximum(labels, 0),
        train=train,
        validation=validation,
        test=test,
        classes=schema.classes,
        preprocessing=preprocessing,
        choices=choices,
        read=read,
        whole=whole,
    )


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


def _inputs(
    rows: datasets.Dataset, schema: Schema, *, settings: DataSettings, device: str
) -> tuple[Callable[[np.ndarray], np.ndarray], dict[str, Any], dict[str, Choice]]:
    if schema.modality == "image":
        column = schema.inputs[0]
        size, choice = image_size(rows, column, asked=settings.image_size, device=device)
        how = {"kind": "image", "size": size, "layout": "NCHW", "dtype": "uint8", "colors": "RGB"}
        chosen = {} if choice is None else {"image size": choice}

        def decode(part: np.ndarray) -> np.ndarray:
            taken = rows if len(part) == len(rows) else take_rows(rows, part)
            return read_images(taken, column, size=size)

        return decode, how, chosen
    if schema.modality == "text":
        tokenizer = HashTokenizer()
        tokens = tokenizer.encode(read_texts(rows, schema.inputs[0]))
        how = {"kind": "text", "tokenizer": tokenizer.to_json()}
        others = [name for name in rows.column_names if name != schema.inputs[0]]
        named = names_of(schema.inputs[0], others)
        # Of several columns, so that new rows are put together in the same way.
        how |= {"text": named} if "," in named else {}
        return lambda part: tokens[part], how, {}
    how = {"kind": "features", "columns": list(schema.inputs)}
    numbers = read_features(rows, schema.inputs)
    return lambda part: numbers[part], how, {}
