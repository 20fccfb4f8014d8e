"""Curation of more rows than fit in memory, over many shards and many workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .arrays import ShardedArray as ShardedArray
    from .curating import curate_shards as curate_shards
    from .embedding import embed_shards as embed_shards
    from .opening import open_vectors as open_vectors
    from .pairs import NeighborPairs as NeighborPairs
    from .pairs import neighbor_pairs as neighbor_pairs
    from .parquet_files import ShardColumn as ShardColumn
    from .parquet_files import apply_to_shards as apply_to_shards
    from .parquet_files import clean_paths as clean_paths
    from .parquet_files import read_shard_column as read_shard_column

_HOME = {
    "NeighborPairs": "pairs",
    "ShardColumn": "parquet_files",
    "ShardedArray": "arrays",
    "apply_to_shards": "parquet_files",
    "clean_paths": "parquet_files",
    "curate_shards": "curating",
    "embed_shards": "embedding",
    "neighbor_pairs": "pairs",
    "open_vectors": "opening",
    "read_shard_column": "parquet_files",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
