"""Inner products with the rows of one matrix: the heavy step of all strategies on embeddings.

By numpy, or by torch on the device where the caller's tensors lie: there only the rows asked about
and their products travel. Rows come from `Context.vectors`, where products are exact in float32
(`thresher.core.grid`), so that neither the processor nor the device has a say in what is picked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# Takes rows of float32, shape (b, d) or (d,); returns products, shape (b, m) or (m,).
InnerProducts = Callable[[np.ndarray], np.ndarray]


def inner_products(matrix: np.ndarray, *, device: str | None) -> InnerProducts:
    """Return a function that multiplies rows by the transpose of `matrix`, shape (m, d), float32.

    Parameters
    ----------
    matrix : ndarray of float32, shape (m, d)
    device : str or None
        A torch device, to which `matrix` is copied once; None for numpy. The function's results are
        new arrays in this machine's memory either way.
    """
    if device is None:
        return lambda rows: np.asarray(rows @ matrix.T)
    there = _tensor(matrix, device)

    def products(rows: np.ndarray) -> np.ndarray:
        return np.asarray((_tensor(rows, device) @ there.T).cpu().numpy())

    return products


def closeness(matrix: np.ndarray, *, device: str | None) -> InnerProducts:
    """Return a function that gives −‖x − y‖² / 2 of rows, shape (b, d), to those of `matrix`.

    Exactly 0 for equal rows, whose products with themselves are not quite 1 on a grid.
    """
    products, halves = inner_products(matrix, device=device), squared_norms(matrix) / 2

    def close(rows: np.ndarray) -> np.ndarray:
        result = products(rows)
        result -= halves
        result -= squared_norms(rows)[:, None] / 2
        return result

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
