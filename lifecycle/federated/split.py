"""Rows dealt to clients that have different classes, for trials.

Hsu, Qi and Brown, "Measuring the Effects of Non-Identical Data Distribution", 2019: the shares of a
class over the clients are drawn from a Dirichlet distribution.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.classes import class_texts
from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count, check_number
from thresher.core.missing import without_missing
from thresher.core.randomness import RandomState, check_random_state
from thresher.core.signatures import checked


@checked
def dirichlet_split(
    labels: ArrayLike,
    *,
    clients: int,
    concentration: float = 0.3,
    min_rows: int = 1,
    random_state: RandomState = None,
) -> list[np.ndarray]:
    """Deal rows to clients.

    Parameters
    ----------
    labels : array, shape (n,)
    clients : int
    concentration : float
        Small: each client has few classes; large: all have the same.
    min_rows : int
        Each client gets so many at least, moved from those that have most.
    random_state : int, numpy.random.Generator or None

    Returns
    -------
    list of ndarray of int64
        Rising row numbers of each client; each row has one.

    Raises
    ------
    InputError
        With too few rows.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import dirichlet_split
    >>> parts = dirichlet_split(np.arange(100) % 5, clients=3, random_state=0)
    >>> sorted(np.concatenate(parts)) == list(range(100))
    True
    """
    given = without_missing("labels", labels)
    if given.dtype == object:
        given = class_texts(given)
    check_count("clients", clients)
    check_count("min_rows", min_rows, low=0)
    check_number("concentration", concentration, low=0, high=1e6, low_open=True)
    if given.ndim != 1 or len(given) < clients * min_rows:
        raise InputError(
            f"{counted(clients, 'client')} with at least {counted(min_rows, 'row')} each need "
            f"{counted(clients * min_rows, 'label')} in one axis, got shape {given.shape}."
        )
    rng = check_random_state(random_state)
    owner = np.empty(len(given), dtype=np.int64)
    for label in np.unique(given):
        rows = rng.permutation(np.flatnonzero(given == label))
        shares = rng.dirichlet(np.full(clients, concentration))
        ends = np.round(np.cumsum(shares)[:-1] * len(rows)).astype(np.int64)
        for client, part in enumerate(np.split(rows, ends)):
            owner[part] = client
    counts = np.bincount(owner, minlength=clients)
    for client in range(clients):
        while counts[client] < min_rows:
            richest = int(counts.argmax())
            owner[rng.choice(np.flatnonzero(owner == richest))] = client
            counts = np.bincount(owner, minlength=clients)
    return [np.flatnonzero(owner == client) for client in range(clients)]
