"""Arrays of texts that take as much memory as the texts are long, and how they are stored.

An array of fixed width gives every row the room of the longest: one label of 200,000 characters
among 20,000 rows asks for 15 GiB. In memory texts are Python strings in arrays of objects. In
files, which must be read without pickle, short ones are NumPy's own strings, others JSON in bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

WIDEST = 256  # characters of the longest text that is stored with a fixed width


def text_array(values: Iterable[Any]) -> np.ndarray:
    """Return values as texts, ndarray of str (object), of the shape they have.

    Parameters
    ----------
    values : array of any shape, or iterable
    """
    if isinstance(values, np.ndarray):
        result = np.empty(values.shape, dtype=object)
        flat = [value if type(value) is str else str(value) for value in values.ravel().tolist()]
        result.ravel()[:] = flat
        return result
    listed = list(values)
    if any(isinstance(value, (list, tuple, np.ndarray)) for value in listed[:1]):
        return text_array(np.asarray(listed, dtype=object))
    result = np.empty(len(listed), dtype=object)
    result[:] = [value if type(value) is str else str(value) for value in listed]
    return result


def in_texts(values: np.ndarray, wanted: Iterable[str]) -> np.ndarray:
    """Return which texts are among those wanted, a boolean mask of shape (n,).

    `numpy.isin` compares arrays of objects one by one, n times m.
    """
    known = set(wanted.tolist() if isinstance(wanted, np.ndarray) else wanted)
    return np.array([value in known for value in values.tolist()], dtype=bool)


def texts_beyond(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the texts that are not among the known ones, sorted, each once."""
    return text_array(sorted(set(values.tolist()) - set(known.tolist())))


def packed_texts(texts: np.ndarray) -> np.ndarray:
    """Return texts, shape (n,), in a form that `numpy.save` writes without pickle.

    Returns
    -------
    ndarray of str, shape (n,), or of uint8
        The second is JSON in UTF-8, where the longest text has more than `WIDEST` characters.
    """
    listed = [str(text) for text in texts.tolist()]
    if max(map(len, listed), default=0) <= WIDEST:
        return np.array(listed, dtype=str)
    return np.frombuffer(json.dumps(listed, ensure_ascii=False).encode(), np.uint8)


def unpacked_texts(stored: np.ndarray) -> np.ndarray:
    """Return what was given to `packed_texts`, ndarray of str (object), shape (n,)."""
    if stored.dtype == np.uint8:
        return text_array(json.loads(stored.tobytes()))
    return text_array(stored)
