"""Class-balanced multiplicity: rare classes get more different views in an epoch.

Repeated augmentation (Hoffer et al., "Augment your batch", CVPR 2020) with a number of views that
depends on the class.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from thresher.core.classes import texts_of, without_code
from thresher.core.errors import InputError, check_count, check_number
from thresher.core.missing import read_values
from thresher.core.signatures import checked


@checked
def balanced(labels: Any, *, max_repeat: int = 8, power: float = 1.0) -> np.ndarray:
    """Return the positions of one epoch, rows of rare classes several times.

    Parameters
    ----------
    labels
        Class names or numbers (n,); rows without a label occur once.
    max_repeat
        Most times that a row occurs.
    power
        1 brings every class to the size of the largest, 0 changes nothing, .5 is half-way.

    Returns
    -------
    Positions, int64, ascending; each row at least once. Give them to `augment.BatchLoader`
    as ``order``: repeated rows get different views.

    Examples
    --------
    >>> import numpy as np
    >>> from augment import balanced
    >>> rows = balanced(np.array(["cat"] * 4 + ["dog"]))
    >>> sorted(rows.tolist())
    [0, 1, 2, 3, 4, 4, 4, 4]
    """
    check_count("max_repeat", max_repeat, low=1)
    check_number("power", power, low=0, high=1)
    values, missing = read_values(labels, name="labels")
    if values.ndim != 1:
        raise InputError(f"`labels` must have the shape (n,), got {values.shape}.")
    if not len(values):
        return np.empty(0, dtype=np.int64)
    names = texts_of(values, without_code(values, missing), name="labels")
    classes, codes, counts = np.unique(names, return_inverse=True, return_counts=True)
    largest = int(counts[classes != ""].max(initial=0))
    # Rows without a label are no class to bring to the size of the others.
    wanted = np.where(classes == "", 1.0, np.minimum((largest / counts) ** power, max_repeat))
    # Row k of a class of m occurs ⌊(k+1)·r⌋ − ⌊k·r⌋ times: the class total is ⌊m·r⌋.
    place = np.empty(len(values), dtype=np.int64)
    for code in range(len(counts)):
        place[codes == code] = np.arange(counts[code])
    rate = wanted[codes]
    repeats = np.floor((place + 1) * rate + 1e-9) - np.floor(place * rate + 1e-9)
    return np.repeat(np.arange(len(values)), repeats.astype(np.int64))
