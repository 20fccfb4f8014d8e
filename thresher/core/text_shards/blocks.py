"""What is read of a file at once, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

# Characters of texts that are looked at together: enough for NumPy's calls not to count.
BLOCK_CHARACTERS = 2**21
BLOCK_ROWS = 50_000


@dataclass(frozen=True)
class BadRow:
    """A row that could not be read.

    Attributes
    ----------
    number : int
        Its line, or its row in a Parquet file, from 1.
    reason : str
    """

    number: int
    reason: str


@dataclass(frozen=True)
class Block:
    """Rows of a file, in their order.

    Attributes
    ----------
    texts : list of str
        Empty where a row has none.
    numbers : ndarray of int64, shape (n,)
        The line on which each row begins, or its row in a Parquet file, from 1.
    records : list of bytes, or pyarrow.Table
        The rows as they are stored, with the ends of their lines; no entries unless asked for.
    bad : list of BadRow
        What could not be read since the block before.
    """

    texts: list[str]
    numbers: np.ndarray
    records: list[bytes] | pa.Table = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)


@dataclass(frozen=True)
class Change:
    """What becomes of the rows of a block.

    Attributes
    ----------
    keep : ndarray of bool or int, shape (n,)
        How often a row is written.
    texts : dict of int to str
        New texts, by place in the block.
    """

    keep: np.ndarray
    texts: dict[int, str] = field(default_factory=dict)
