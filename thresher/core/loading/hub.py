"""Hugging Face datasets: objects in memory, saved directories, and names on the Hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..columns import take_rows
from ..errors import InputError
from .parts import SPLIT_NAMES, UNNAMED, Part, Source

if TYPE_CHECKING:
    import datasets


def is_saved(folder: Path) -> bool:
    """Tell whether a folder was written by ``save_to_disk``."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def read_saved(folder: Path) -> Source:
    """Read a folder written by ``Dataset.save_to_disk`` or ``DatasetDict.save_to_disk``."""
    import datasets

    try:
        loaded = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise InputError(
            f"{folder} looks like a saved dataset but cannot be read ({error})."
        ) from error
    return read_object(loaded, origin=str(folder))


def read_hub(name: str) -> Source:
    """Load ``owner/name`` or ``owner/name:configuration`` from the Hugging Face Hub."""
    import datasets

    repository, _, configuration = name.partition(":")
    try:
        loaded = datasets.load_dataset(repository, configuration or None)
    except Exception as error:  # the Hub client raises many types: network, missing, gated, …
        raise InputError(_hub_message(repository, error)) from error
    return read_object(loaded, origin=f"hub:{name}")


def _hub_message(repository: str, error: Exception) -> str:
    folder = repository.rpartition("/")[2]
    first = str(error).strip().split("\n")[0]
    return (
        f"There is no file or folder {repository!r}, and the Hugging Face Hub gave no dataset of "
        f"that name ({type(error).__name__}: {first}). Where there is a network: hf download "
        f"--repo-type dataset {repository} --local-dir {folder}, then load the folder {folder!r}. "
        "Without one: give a path to a folder or file, or use 'digits', which is built in."
    )


def read_object(loaded: Any, *, origin: str = "memory") -> Source:
    """Read a ``Dataset`` or a mapping of split names to ``Dataset``."""
    import datasets

    if isinstance(loaded, (datasets.IterableDataset, datasets.IterableDatasetDict)):
        raise InputError(
            "A streamed dataset has no rows to go back to. Load it without streaming=True, or keep "
            "a part: datasets.Dataset.from_list(list(stream.take(10_000)))."
        )
    if isinstance(loaded, Mapping):
        names = {key: split_name(str(key)) for key in loaded}
        parts = [_part(loaded[key], str(key), names[key]) for key in loaded]
        return Source(origin=origin, parts=parts)
    return Source(origin=origin, parts=[_part(loaded, UNNAMED, None)])


def split_name(name: str) -> str:
    """Return ``train``, ``validation`` or ``test`` for one of their usual names."""
    if name.lower() not in SPLIT_NAMES:
        raise InputError(
            f"{name!r} is not a known split. Known: {', '.join(SPLIT_NAMES)}. Choose the splits "
            'to use with {"train": dataset["…"], "test": dataset["…"]}.'
        )
    return SPLIT_NAMES[name.lower()]


def _part(dataset: datasets.Dataset, name: str, split: str | None) -> Part:
    if dataset._indices is not None:
        dataset = take_rows(dataset, np.arange(len(dataset)))
    table = with_class_names(dataset.data.table, dataset.features)
    return Part(name, table.replace_schema_metadata(None), split)


def with_class_names(table: pa.Table, features: datasets.Features | None = None) -> pa.Table:
    """Replace ``ClassLabel`` codes by their names; a code below zero, "no label", becomes null."""
    if features is None:
        features = _features_in_metadata(table)
    for name, feature in features.items():
        names = getattr(feature, "names", None)
        if names is None or not pa.types.is_integer(table.schema.field(name).type):
            continue
        codes = table.column(name)
        codes = pc.if_else(pc.greater_equal(codes, 0), codes, pa.scalar(None, codes.type))
        values = pa.array(names, pa.string()).take(codes.combine_chunks())
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def _features_in_metadata(table: pa.Table) -> Mapping[str, Any]:
    metadata = (table.schema.metadata or {}).get(b"huggingface")
    if not metadata or b"features" not in metadata:
        return {}
    import datasets

    features: Mapping[str, Any] = datasets.Features.from_dict(
        json.loads(metadata)["info"]["features"]
    )
    return {name: features[name] for name in table.column_names if name in features}
