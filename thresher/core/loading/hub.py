"""Hugging Face datasets: objects in memory, saved directories, and names on the Hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..columns import take_rows
from ..errors import InputError
from ..split_names import split_name
from .parts import UNNAMED, Part, Source

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
    except (OSError, ValueError, LookupError, pa.ArrowException) as error:
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


def _part(dataset: datasets.Dataset, name: str, split: str | None) -> Part:
    if dataset._indices is not None:
        dataset = take_rows(dataset, np.arange(len(dataset)))
    table = dataset.data.table.replace_schema_metadata(None)
    return Part(name, table, split, features=dataset.features, key=name or None)
