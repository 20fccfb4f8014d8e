"""Rows as an exported model takes them: its own description says how."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from training import HashTokenizer, Samples, samples_from_arrays

from ..core.columns import class_names, read_features, read_row_ids, read_texts
from ..core.errors import InputError
from ..core.images import read_images
from ..core.loaded import LoadedDataset


class Described(Protocol):
    """A model that says how raw rows become its input: an exported or a served one."""

    @property
    def path(self) -> Path:
        """Where its file is."""

    @property
    def classes(self) -> list[str]:
        """In the order of its logits."""

    @property
    def preprocessing(self) -> dict[str, Any]:
        """How a raw row becomes input."""


def samples_for(model: Described, loaded: LoadedDataset) -> Samples:
    """Prepare rows for `model` as those it was trained on were; targets are −1 without a label.

    Raises
    ------
    InputError
        For rows of another kind, columns that are missing, and labels that the model does not know.
    """
    how = model.preprocessing
    if "kind" not in how:
        raise InputError(f"{model.path} does not say how raw rows become its input.")
    if loaded.schema.modality != how["kind"]:
        raise InputError(
            f"The model takes rows of the kind {how['kind']!r}, and these were read as "
            f"{loaded.schema.modality!r}: name the right column with --{how['kind']}."
        )
    return samples_from_arrays(
        _inputs(loaded, how),
        row_ids=read_row_ids(loaded.dataset),
        targets=_targets(model.classes, loaded),
    )


def _inputs(loaded: LoadedDataset, how: dict[str, Any]) -> np.ndarray:
    rows, names = loaded.dataset, loaded.schema.inputs
    if how["kind"] == "image":
        return read_images(rows, names[0], size=how["size"])
    if how["kind"] == "text":
        return HashTokenizer.from_json(how["tokenizer"]).encode(read_texts(rows, names[0]))
    if list(names) != how["columns"]:
        raise InputError(
            f"The model takes the columns {', '.join(how['columns'])} in this order, and these "
            f"rows have {', '.join(names)}: name them with --features."
        )
    return read_features(rows, names)


def _targets(classes: list[str], loaded: LoadedDataset) -> np.ndarray:
    if loaded.schema.label is None:
        return np.full(len(loaded.dataset), -1)
    names = class_names(loaded.dataset, loaded.schema.label).to_pylist()
    codes = {name: code for code, name in enumerate(classes)}
    unknown = sorted({name for name in names if name and name not in codes})
    if unknown:
        raise InputError(
            f"The model does not know the class {unknown[0]!r} ({len(unknown)} unknown). It knows "
            f"{', '.join(classes[:10])}{', …' if len(classes) > 10 else ''}."
        )
    return np.array([codes[name] if name else -1 for name in names], dtype=np.int64)
