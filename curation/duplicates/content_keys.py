"""What makes two rows equal: file bytes, samples of images, normalized text, or all columns.

One key a row, for `find_exact_duplicates` and `exact_graph`. Keys of files, pixels and texts have
128 bits of BLAKE2; columns are compared value by value where their hashes agree. Cost: one pass
over the data, plus decoding for pixels.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from thresher.core.arrow_kinds import is_string
from thresher.core.columns import read_column, read_texts
from thresher.core.content import equal_rows
from thresher.core.errors import InputError, check_choice, check_column
from thresher.core.image_samples import image_digest
from thresher.core.images import UnreadableImage, image_bytes, map_blocks
from thresher.core.schema import ROW_ID
from thresher.core.signatures import checked

if TYPE_CHECKING:
    import datasets

KINDS = ("pixels", "file", "text", "columns")


@checked
def content_keys(
    dataset: datasets.Dataset, *, by: str, columns: str | Sequence[str] | None = None
) -> np.ndarray:
    """Return keys that are equal where rows are, ndarray of str, shape (n,).

    Parameters
    ----------
    by : {"pixels", "file", "text", "columns"}
        ``"pixels"``: all samples of the image in all its frames, with shape and kind (gray, color,
        transparent, 16 bits, …), whatever the file format; ``"file"``: the bytes of an image or
        other binary column;
        ``"text"``: the text after Unicode NFC, case folding and collapsing white space;
        ``"columns"``: the values of all `columns`.
    columns : str or sequence of str, optional
        One image, binary or text column; for ``"columns"`` any number, by default all but the row
        id. Leave the label out to find rows that are equal but for their label.

    Returns
    -------
    ndarray of str
        Empty where there is nothing to compare: no bytes, an image that cannot be decoded, a text
        without a character. Such rows equal none.

    Raises
    ------
    InputError
        When a column is missing, is not of the kind, or none is named.

    Examples
    --------
    >>> import datasets
    >>> from curation import content_keys
    >>> rows = datasets.Dataset.from_dict({"text": ["a kettle", "A kettle", "a kettle"]})
    >>> keys = content_keys(rows, by="columns", columns="text")
    >>> bool(keys[0] == keys[1]), bool(keys[0] == keys[2])
    (False, True)
    """
    check_choice("by", by, KINDS)
    names = [columns] if isinstance(columns, str) else list(columns or ())
    for name in names:
        check_column(name, dataset.column_names, role="column")
    if by == "columns":
        chosen = names or [name for name in dataset.column_names if name != ROW_ID]
        return equal_rows(dataset, chosen)
    if len(names) != 1:
        raise InputError(f"by={by!r} compares one column: name it with `columns`, got {columns!r}.")
    if by == "text":
        return _text_keys(dataset, names[0])
    files = image_bytes(dataset, names[0])
    work = _pixel_keys if by == "pixels" else _file_keys
    parts = map_blocks(lambda _, block: work(block), files, description=f"compare by {by}")
    return np.array([key for part in parts for key in part], dtype=str)


def _text_keys(dataset: datasets.Dataset, column: str) -> np.ndarray:
    stored = read_column(dataset, column)
    if not is_string(stored.type):
        raise InputError(f"The column {column!r} holds {stored.type}, not texts.")
    texts = read_texts(dataset, column)
    return np.array(
        [_digest(normalized(text).encode()) if text.strip() else "" for text in texts], dtype=object
    )


def normalized(text: str) -> str:
    """Return the text in NFC, case folded, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _file_keys(files: list[bytes | None]) -> list[str]:
    return [_digest(data) if data else "" for data in files]


def _pixel_keys(files: list[bytes | None]) -> list[str]:
    return [_pixels(data) if data else "" for data in files]


def _pixels(data: bytes) -> str:
    try:
        return image_digest(data, kinds=True).hex()
    except UnreadableImage:
        return ""


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
