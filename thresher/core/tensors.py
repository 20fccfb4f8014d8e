"""Tensors of torch as arrays, without importing torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import InputError


def tensor_array(values: Any, *, name: str) -> np.ndarray:
    """Return a tensor as an array; numbers of a type that NumPy lacks become float32.

    Parameters
    ----------
    values : torch.Tensor
    name : str
        Of the argument, for the error.

    Raises
    ------
    InputError
        For a sparse tensor, and others that have no array.
    """
    here = values.detach().cpu()
    try:
        return np.asarray(here.numpy())
    except TypeError as error:
        if here.is_floating_point() and str(here.layout) == "torch.strided":
            return np.asarray(here.float().numpy())
        raise InputError(
            f"`{name}` is a tensor that cannot become an array ({error}). Give a dense one of "
            "numbers: tensor.to_dense()."
        ) from error
