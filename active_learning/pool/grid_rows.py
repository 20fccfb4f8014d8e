"""Embeddings on the grid where their products are exact: parts of them, or all, made once."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from thresher.core.grid import exact_rows


class GridRows:
    """Rows of a matrix, float32, shape (n, d), as `exact_rows` gives them."""

    def __init__(self, embeddings: np.ndarray) -> None:
        self._embeddings = embeddings

    @cached_property
    def whole(self) -> np.ndarray:
        """All rows, float32, shape (n, d); kept, in as much memory as the embeddings take."""
        return exact_rows(self._embeddings)

    def at(self, positions: np.ndarray) -> np.ndarray:
        """Return the rows at positions, float32, shape (m, d)."""
        if "whole" in self.__dict__:
            return np.asarray(self.whole[positions])
        return exact_rows(self._embeddings[positions])
