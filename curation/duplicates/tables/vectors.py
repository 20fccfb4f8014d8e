"""Vectors of a table whose columns are not all numbers.

The vectors of the numbers are joined with one block for each other column: a place for each of its
values where there are few, hashed parts of words where there are many (`TextHashEncoder`). Each
block has unit length, and the numbers weigh as much as there are of them, so that the cosine of two
rows is the mean over all columns of how alike they are there: 1 for equal values of a category and
0 for others, as in the similarity of Gower ("A general coefficient of similarity and some of its
properties", Biometrics 1971). O(rows · values).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from thresher.core.columns import read_column
from thresher.core.embeddings import Embeddings
from thresher.core.encoders.text import TextHashEncoder
from thresher.core.fingerprint import fingerprint

if TYPE_CHECKING:
    import datasets

# Columns of more values are taken as words: a city or a job title, rather than a kind.
MOST_VALUES, HASHES = 50, 128
MISSING = "missing"


def with_other_vectors(
    embeddings: Embeddings, dataset: datasets.Dataset, names: tuple[str, ...], *, numbers: int
) -> Embeddings:
    """Join the vectors of a table's numbers with those of its other columns.

    Parameters
    ----------
    embeddings : Embeddings
        Of the numbers; zero vectors stay zero.
    dataset : datasets.Dataset
        The same rows.
    names : tuple of str
        The other columns: text, dates.
    numbers : int
        How many numbers a row has.
    """
    if not names:
        return embeddings
    whole = numbers + len(names)
    blocks = [embeddings.vectors * np.float32(np.sqrt(numbers / whole))]
    known = embeddings.vectors.any(axis=1, keepdims=True)
    for name in names:
        texts = pc.utf8_trim_whitespace(read_column(dataset, name).cast(pa.large_string()))
        texts = pc.if_else(pc.equal(texts, ""), None, texts).fill_null(MISSING)
        blocks.append(np.where(known, _block(texts) / np.float32(np.sqrt(whole)), np.float32(0)))
    key = fingerprint("table", embeddings.fingerprint, list(names), MOST_VALUES, HASHES)
    vectors = np.concatenate(blocks, axis=1, dtype=np.float32)
    return Embeddings(embeddings.row_ids, vectors, f"{embeddings.encoder} and columns", key)


def _block(texts: pa.ChunkedArray) -> np.ndarray:
    """Return unit vectors of one column, float32, shape (n, w)."""
    values = pc.unique(texts).sort()
    if len(values) > MOST_VALUES:
        return TextHashEncoder(dimensions=HASHES).encode(texts.to_pylist())
    codes = pc.index_in(texts, value_set=values).to_numpy()
    return np.asarray(np.eye(len(values), dtype=np.float32)[codes])
