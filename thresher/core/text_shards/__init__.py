"""Files of texts that are streamed: read block by block, and written again with rows changed.

Parquet, JSON Lines, CSV, TSV and plain text, the last four also packed (gzip, bzip2, xz,
Zstandard). Memory does not depend on the size of a file. A row that cannot be read is named by its
line and costs no other; rows that are not changed are written back as they came, byte for byte.
"""

from __future__ import annotations

from .blocks import BadRow, Block, Change
from .reading import read_blocks
from .shards import TextShard, open_shards
from .writing import rewrite_shard

__all__ = [
    "BadRow",
    "Block",
    "Change",
    "TextShard",
    "open_shards",
    "read_blocks",
    "rewrite_shard",
]
