"""Opening what is curated: vectors and the names of their rows."""

from __future__ import annotations

import os
from collections.abc import Sequence

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.files import read_json
from thresher.core.urls import Url, places

from .arrays import ShardedArray
from .row_ids import CountedIds, RowIds, StoredIds


def open_vectors(sources: Sequence[str | os.PathLike[str]]) -> tuple[ShardedArray, RowIds]:
    """Open embeddings that lie in several places.

    Parameters
    ----------
    sources : sequence of path
        Folders that `Embeddings.save` wrote, or ``.npy`` files of vectors of any length, also at
        addresses such as ``s3://bucket/part-*.npy``; all of one kind.

    Returns
    -------
    vectors : ShardedArray
        Unit length.
    row_ids : CountedIds or StoredIds, n long
        Those of the folders; the row's number where the sources are ``.npy`` files. Their `read`
        returns the ids of a range of rows.

    Raises
    ------
    InputError
        On sources of both kinds, and on folders made with different encoders.
    """
    found = places(sources)
    folders = [path for path in found if not isinstance(path, Url) and path.is_dir()]
    if not folders:
        vectors = ShardedArray.open(found, scaled=True)
        return vectors, CountedIds(len(vectors))
    if len(folders) < len(found):
        raise InputError("Give folders of embeddings or .npy files, not both.")
    prints = {read_json(path / "embeddings.json")["fingerprint"] for path in folders}
    if len(prints) > 1:
        raise InputError(
            f"The shards were embedded with {counted(len(prints), 'different encoder')}: their "
            "vectors cannot be compared. Embed all with one encoder that was fitted before."
        )
    vectors = ShardedArray.open([path / "vectors.npy" for path in folders])
    return vectors, StoredIds(tuple(path / "row_ids.npy" for path in folders), vectors.starts)
