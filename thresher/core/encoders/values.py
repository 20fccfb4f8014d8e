"""The values of a dataset or an array, read a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..arrow_kinds import is_list, is_number, is_string
from ..columns import numeric_matrix, read_column, read_row_ids, take_column
from ..counted import counted
from ..errors import InputError, check_column
from ..image_headers import read_header
from ..images import UnreadableImage, decode_image, fit_square, image_bytes, map_blocks
from ..matrices import as_matrix
from ..missing import id_texts, read_values
from ..progress import Silent, reporting
from ..schema import ROW_ID, SPLIT
from .protocol import Values

if TYPE_CHECKING:
    import datasets

SEEN = 64  # images whose size is looked at


@dataclass(frozen=True)
class ArraySource:
    """Values that are in memory already."""

    modality: str
    row_ids: np.ndarray
    values: Values

    def read(self, positions: np.ndarray, *, image_size: int) -> Values:  # noqa: ARG002
        """Return the values at `positions`; encoders resize images themselves."""
        if isinstance(self.values, np.ndarray):
            return np.asarray(self.values[positions])
        return [self.values[position] for position in positions.tolist()]


@dataclass(frozen=True)
class ColumnSource:
    """Columns of a dataset: one of images or texts, or one or more of numbers."""

    modality: str
    row_ids: np.ndarray
    columns: dict[str, pa.ChunkedArray]

    def read(self, positions: np.ndarray, *, image_size: int) -> Values:
        """Decode the rows at increasing positions; an unreadable image is black."""
        parts = {name: take_column(column, positions) for name, column in self.columns.items()}
        if self.modality == "features":
            matrices = [
                numeric_matrix(part, name=name, precise=True) for name, part in parts.items()
            ]
            return np.concatenate(matrices, axis=1)
        (part,) = parts.values()
        if self.modality == "image":
            return _decode(part, image_size)
        texts: list[str] = part.cast(pa.large_string()).fill_null("").to_pylist()
        return texts


Source = ArraySource | ColumnSource


def open_source(
    data: Any, *, column: str | Sequence[str] | None = None, row_ids: np.ndarray | None = None
) -> Source:
    """Look at `data` (a dataset, an array, a list of texts) and find out what it holds.

    Raises
    ------
    InputError
        When it is none of these, or when a dataset has several columns that could be meant.
    """
    if hasattr(data, "column_names") and hasattr(data, "features"):
        return _open_dataset(data, column, row_ids)
    if column is not None:
        raise InputError("`column` names a column of a dataset; an array or a list has none.")
    if isinstance(data, (str, bytes)) or not hasattr(data, "__len__"):
        raise InputError(
            f"`data` must be a dataset, an array or a list of texts, got {type(data).__name__}."
        )
    values = _plain(data)
    return ArraySource(_modality(values), _ids(row_ids, len(values)), values)


def _open_dataset(
    data: datasets.Dataset, column: str | Sequence[str] | None, row_ids: np.ndarray | None
) -> ColumnSource:
    modality, names = _choose_columns(data, column)
    if row_ids is None and ROW_ID in data.column_names:
        row_ids = read_row_ids(data)
    read = image_bytes if modality == "image" else read_column
    columns = {name: read(data, name) for name in names}
    return ColumnSource(modality, _ids(row_ids, len(data)), columns)


def _choose_columns(
    data: datasets.Dataset, column: str | Sequence[str] | None
) -> tuple[str, list[str]]:
    """Return the modality and the columns that `column` names, or the only ones possible."""
    if column is not None:
        names = [column] if isinstance(column, str) else list(column)
        kinds = {_kind(data, check_column(name, data.column_names)) for name in names}
        if len(kinds) == 1 and (len(names) == 1 or kinds == {"features"}):
            return kinds.pop(), names
        raise InputError(f"`column` must name one column or several of numbers, got {names}.")
    found: dict[str, list[str]] = {"image": [], "text": [], "features": []}
    for name in data.column_names:
        if name not in (ROW_ID, SPLIT) and not hasattr(data.features[name], "names"):
            found.get(_kind(data, name, strict=False), []).append(name)
    _check_is_text(data, found)
    for modality, names in found.items():
        if len(names) == 1 or (names and modality == "features"):
            return modality, names
        if names:
            listed = ", ".join(map(repr, names))
            raise InputError(f"Several columns could be encoded: {listed}. Name one with `column`.")
    raise InputError(f"No column can be encoded. Columns: {', '.join(data.column_names)}.")


def _check_is_text(data: datasets.Dataset, found: dict[str, list[str]]) -> None:
    """Raise where the only column of strings beside numbers is a category or a name, no text."""
    numbers = found["features"]
    if found["image"] or len(found["text"]) != 1 or not numbers:
        return
    from ..loading.column_kinds import TEXT, column_kinds
    from ..loading.column_names import TEXT_NAMES, plain_name

    (name,) = found["text"]
    kind = column_kinds(pa.table({name: read_column(data, name)}), [])[name]
    if kind.of != TEXT and plain_name(name) not in TEXT_NAMES:
        raise InputError(
            f"Texts or numbers could be meant: {name!r} ({kind.of}), or "
            f"{', '.join(map(repr, numbers))}. Name them with `column`."
        )


def _kind(data: datasets.Dataset, name: str, *, strict: bool = True) -> str:
    """Return the modality of a column by its Arrow type, or an empty string unless `strict`."""
    kind = data.features.arrow_schema.field(name).type
    binary = pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
    if binary or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return "image"
    if is_string(kind):
        return "text"
    if is_number(kind) or (is_list(kind) and is_number(kind.value_type)):
        return "features"
    if strict:
        raise InputError(f"The column {name!r} holds {kind}: neither images, texts nor numbers.")
    return ""


def _plain(data: Any) -> Values:
    """Return an array as it is, and a list or column of texts as a list, missing ones empty."""
    if isinstance(data, np.ndarray) and data.dtype != object:
        return data
    if hasattr(data, "columns"):
        return as_matrix("data", data)
    values, missing = read_values(data, name="data")
    if values.dtype.kind in "fiub" and values.ndim > 1:
        return values
    if values.ndim == 2 and values.dtype == object:
        return as_matrix("data", values)
    if values.ndim == 1 and not missing.all():
        return ["" if gone else v for v, gone in zip(values.tolist(), missing, strict=True)]
    return values if isinstance(data, np.ndarray) else values.tolist()


def _modality(values: Values) -> str:
    """Tell what an array or a list holds."""
    if not isinstance(values, np.ndarray):
        if all(isinstance(value, str) for value in values):
            return "text"
        raise InputError("A list must hold texts; pass images or numbers as one numpy array.")
    if values.dtype.kind in "UT" and values.ndim == 1:
        return "text"
    if values.ndim == 2 and values.dtype.kind in "fiub":
        return "features"
    if values.dtype == np.uint8 and values.ndim in (3, 4):
        return "image"
    raise InputError(
        "An array must hold images (uint8, (n, h, w, 3)), numbers ((n, d)) or texts, got "
        f"{values.dtype} of shape {values.shape}."
    )


def _ids(row_ids: np.ndarray | None, rows: int) -> np.ndarray:
    ids = np.arange(rows).astype(str) if row_ids is None else id_texts("row_ids", row_ids)
    if len(ids) != rows:
        raise InputError(
            f"`row_ids` must name every row: got {len(ids)} for {counted(rows, 'row')}."
        )
    return ids


def _decode(files: pa.ChunkedArray, size: int) -> np.ndarray:
    images = np.zeros((len(files), size, size, 3), np.uint8)

    def decode(start: int, block: list[bytes | None]) -> None:
        for position, data in enumerate(block, start):
            try:
                images[position] = fit_square(decode_image(data or b"", shrink_to=size), size)
            except UnreadableImage:
                continue

    with reporting(Silent()):  # the encoding is what is shown
        for _ in map_blocks(decode, files, description="decode images"):
            pass
    return images


def usual_side(source: Source) -> int:
    """Return the median of the shorter sides of some images, in pixels; 0 where there is none."""
    if source.modality != "image" or not len(source.row_ids):
        return 0
    if isinstance(source, ArraySource):
        return int(min(np.shape(source.values)[1:3]))
    rows = np.linspace(0, len(source.row_ids) - 1, min(SEEN, len(source.row_ids)))
    (column,) = source.columns.values()
    files = take_column(column, rows.astype(np.int64)).to_pylist()
    sides = [side for data in files if (side := _side(data or b""))]
    return int(np.median(sides)) if sides else 0


def _side(data: bytes) -> int:
    header = read_header(data)
    if header is not None:
        return min(header.height, header.width)
    try:
        return int(min(decode_image(data).shape[:2]))
    except UnreadableImage:
        return 0


def batches(rows: int, *, size: int) -> Iterator[np.ndarray]:
    """Yield positions 0 … rows - 1 in runs of `size`."""
    for start in range(0, rows, size):
        yield np.arange(start, min(start + size, rows))
