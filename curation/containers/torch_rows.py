"""Datasets of torch, which are read item by item: anything with a length and items by number.

Torch itself is not needed: its tensors hand over their numbers themselves.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.loading.parts import to_column
from thresher.core.tensors import tensor_array

from .array_rows import encoded_images, table_of_array


def is_torch(data: Any) -> bool:
    """Tell whether it is a map-style dataset of torch, or one of ours with rows left out."""
    if isinstance(data, CleanItems):
        return True
    kinds = type(data).__mro__
    return any(kind.__module__.startswith("torch.utils.data") for kind in kinds)


def pick_items(data: Any) -> Iterator[Any]:
    """Yield all items of a dataset.

    Raises
    ------
    InputError
        When it has no length or no items by number.
    """
    if not hasattr(data, "__getitem__") or not hasattr(data, "__len__"):
        raise InputError(
            "A torch dataset must have a length and items by number; an IterableDataset has no "
            "rows to go back to."
        )
    for row in range(len(data)):
        yield data[row]


def table_of_items(data: Any, *, names: tuple[str, str]) -> pa.Table:
    """Return a table of all items: a column for each key of mappings, or `names` for pairs.

    An item is a mapping, a pair of input and label, or an input alone. Inputs are images (PIL, or
    uint8), texts, or numbers of any shape, which are laid out flat.
    """
    items = [_as_mapping(item, names) for item in pick_items(data)]
    if not items:
        raise InputError("The dataset holds no items.")
    keys = dict.fromkeys(key for item in items for key in item)
    return pa.table({key: _column([item.get(key) for item in items], key) for key in keys})


def _as_mapping(item: Any, names: tuple[str, str]) -> dict[str, Any]:
    if isinstance(item, Mapping):
        return {str(key): value for key, value in item.items()}
    if isinstance(item, (tuple, list)):
        if not 1 <= len(item) <= 2:
            raise InputError(
                f"An item must be an input, a pair of input and label, or a mapping; got "
                f"{counted(len(item), 'part')}."
            )
        return dict(zip(names, item, strict=False))
    return {names[0]: item}


def _column(values: list[Any], name: str) -> pa.Array:
    plain = [_plain(value) for value in values]
    if all(isinstance(value, bytes) for value in plain):
        files = [{"bytes": value, "path": None} for value in plain]
        return pa.array(files, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    if all(isinstance(value, np.ndarray) and value.ndim for value in plain):
        arrays = [np.asarray(value) for value in plain]
        if all(array.dtype == np.uint8 and array.ndim in (2, 3) for array in arrays):
            return encoded_images(map(_channels_last, arrays))
        if len({array.shape for array in arrays}) > 1:
            raise InputError(f"The items' {name!r} differ in shape, and are no images of uint8.")
        stacked = np.stack(arrays).reshape(len(arrays), -1)
        return table_of_array(stacked, name=name).column(0).chunk(0)
    return to_column(
        [value.item() if isinstance(value, np.ndarray) and not value.ndim else value
         for value in plain]
    )[0]  # fmt: skip


def _plain(value: Any) -> Any:
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        return tensor_array(value, name="data")
    if hasattr(value, "save") and hasattr(value, "getbands"):  # a PIL image
        file = io.BytesIO()
        value.save(file, format="PNG")
        return file.getvalue()
    return value.item() if isinstance(value, np.generic) else value


def _channels_last(image: np.ndarray) -> np.ndarray:
    if image.ndim == 3 and image.shape[2] not in (1, 3) and image.shape[0] in (1, 3):
        image = np.moveaxis(image, 0, 2)
    return image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image


class CleanItems(Sequence[Any]):
    """Some items of a dataset, with new labels: a map-style dataset for a ``DataLoader``.

    Attributes
    ----------
    dataset : object
        The whole dataset.
    indices : list of int
        The items that stay.
    """

    def __init__(
        self, dataset: Any, indices: list[int], new_labels: dict[int, Any], label: str | None
    ) -> None:
        self.dataset, self.indices = dataset, indices
        self._new, self._label = new_labels, label

    @classmethod
    def of(
        cls, dataset: Any, indices: list[int], new_labels: dict[int, Any], label: str | None
    ) -> Any:
        """Return torch's own ``Subset`` where no label changes."""
        if new_labels or isinstance(dataset, CleanItems):
            return cls(dataset, indices, new_labels, label)
        from torch.utils.data import Subset

        return Subset(dataset, indices)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, number: Any) -> Any:
        row = self.indices[number]
        item = self.dataset[row]
        if row not in self._new:
            return item
        if isinstance(item, Mapping):
            return {**item, str(self._label): self._new[row]}
        return type(item)((item[0], self._new[row]))
