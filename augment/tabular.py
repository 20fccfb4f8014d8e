"""Noise on numeric features, keyed like the operations on images. Off by default.

Mixup of features needs nothing of its own: `MixBatch` takes inputs of shape (n, d).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_number
from thresher.core.moved import renamed
from thresher.core.randomness import RandomState
from thresher.core.signatures import checked

from .randomness.keyed import check_index, check_keys, check_seed, draw


@renamed(keys="row_ids")
@checked
def add_noise(
    features: np.ndarray,
    row_ids: Any,
    *,
    scale: np.ndarray,
    amount: float = 0.1,
    epoch: int = 0,
    view: int = 0,
    random_state: RandomState = 0,
) -> np.ndarray:
    """Add normal noise of `amount` standard deviations to each feature.

    Parameters
    ----------
    features
        float (n, d), NaN stays NaN.
    row_ids
        One per row; see `Augmenter.batch`.
    scale
        Standard deviation of each feature over the training rows, (d,); 0 leaves a column alone.

    Examples
    --------
    >>> import numpy as np
    >>> from augment import add_noise
    >>> spread = np.array([1.0, 1.0, 0.0])
    >>> noisy = add_noise(np.zeros((2, 3)), ["r1", "r2"], scale=spread, amount=0.1)
    >>> noisy[:, 2].tolist()
    [0.0, 0.0]
    """
    if not isinstance(features, np.ndarray) or features.ndim != 2 or features.dtype.kind != "f":
        found = f"{getattr(features, 'dtype', type(features).__name__)}"
        raise InputError(f"`features` must be float (n, d), got {found} {np.shape(features)}.")
    rows = check_keys(row_ids, n=len(features))
    deviations = _deviations(scale, features.shape[1])
    check_number("amount", amount, low=0, high=1e6)
    draws = draw(
        check_seed(random_state),
        rows,
        epoch=check_index("epoch", epoch),
        view=check_index("view", view),
    ).uniform(0, 2 * features.shape[1])
    first, second = draws[:, ::2], draws[:, 1::2]
    # Box and Muller: two even draws give one normal one.
    normal = np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second)
    return np.asarray(features + amount * deviations * normal, dtype=features.dtype)


def _deviations(scale: object, columns: int) -> np.ndarray:
    values = np.asarray(scale)
    good = values.shape == (columns,) and values.dtype.kind in "fiu"
    if not good or not (np.isfinite(values) & (values >= 0)).all():
        raise InputError(f"`scale` must be {counted(columns, 'finite number')} of 0 or more.")
    return values
