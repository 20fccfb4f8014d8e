"""Inner products with the rows of one matrix: the heavy step of all strategies on embeddings.

By numpy, or by torch on the device where the caller's tensors lie: there only the rows asked about
and their products travel. Rows come from `Context.vectors`, where products are exact in float32
(`thresher.core.grid`), so that neither the processor nor the device has a say in what is picked.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np


class InnerProducts(Protocol):
    """Takes rows of float32, shape (b, d) or (d,); returns products, shape (b, m) or (m,).

    They are written into `out` where it is given: memory that is used again is already there.
    """

    def __call__(self, rows: np.ndarray, /, out: np.ndarray | None = None) -> np.ndarray:
        """Return the products."""


def inner_products(matrix: np.ndarray, *, device: str | None) -> InnerProducts:
    """Return a function that multiplies rows by the transpose of `matrix`, shape (m, d), float32.

    Parameters
    ----------
    matrix : ndarray of float32, shape (m, d)
    device : str or None
        A torch device, to which `matrix` is copied once; None for numpy. The function's results lie
        in this machine's memory either way.
    """
    if device is None:
        return lambda rows, out=None: np.asarray(np.matmul(rows, matrix.T, out=out))
    there = _tensor(matrix, device)

    def products(rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        found = np.asarray((_tensor(rows, device) @ there.T).cpu().numpy())
        if out is None:
            return found
        out[...] = found
        return out

    return products


def closeness(matrix: np.ndarray, *, device: str | None) -> InnerProducts:
    """Return a function that gives −‖x − y‖² / 2 of rows, shape (b, d), to those of `matrix`.

    Exactly 0 for equal rows, whose products with themselves are not quite 1 on a grid.
    """
    # One product of longer rows, (x, 1, −‖x‖² / 2) by (y, −‖y‖² / 2, 1): exact as well.
    halves, ones = squared_norms(matrix) / -2, np.ones(len(matrix), np.float32)
    products = inner_products(np.column_stack([matrix, halves, ones]), device=device)

    def close(rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        own, one = squared_norms(rows) / -2, np.ones(len(rows), np.float32)
        return products(np.column_stack([rows, one, own]), out)

    return close


def squared_norms(points: np.ndarray) -> np.ndarray:
    """Return squared lengths of rows, shape (m,), float32."""
    return np.asarray(np.einsum("ij,ij->i", points, points))


def device_of(values: Any) -> str | None:
    """Return the device of a torch tensor, None for one on the CPU and for everything else.

    On the CPU numpy is as fast, and shares the tensor's memory.
    """
    device = getattr(values, "device", None)
    if not hasattr(values, "detach") or device is None or device.type == "cpu":
        return None
    return str(device)


def _tensor(rows: np.ndarray, device: str) -> Any:
    import torch

    rows = np.ascontiguousarray(rows)
    return torch.from_numpy(rows if rows.flags.writeable else rows.copy()).to(device)
