"""Which adapter a row needs, by the rows nearest to it, and "none" with a calibrated error.

The score of an adapter is the mean cosine similarity to its `neighbors` nearest rows. Split
conformal prediction (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005)
sets the threshold: rows of a part that was kept aside are told "none" in at most the share that is
allowed, and so are new rows of the same kinds, in expectation. O(n · d) for a row.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from thresher.core.counted import counted
from thresher.core.embeddings import unit_length
from thresher.core.errors import InputError, check_count, check_number
from thresher.core.randomness import RandomState, check_random_state

from .tensor_file import read_tensors, write_tensors

_BLOCK = 256  # rows compared at once
_FORMAT = "thresher.router"


@dataclass(frozen=True, eq=False)
class Routes:
    """Where rows go.

    Attributes
    ----------
    adapters : list of str or None
        As `AdaptedNetwork` takes them; None where no adapter fits.
    nearest : list of str
        The adapter that is closest, also where it does not fit.
    scores : ndarray of float32, shape (n,)
        Similarity to that, in [-1, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import Routes
    >>> Routes([None], ["cards"], np.array([0.1])).adapters
    [None]
    """

    adapters: list[str | None]
    nearest: list[str]
    scores: np.ndarray


class Router:
    """Sends rows to adapters by embeddings; made by `Router.fit` or read by `Router.load`.

    Attributes
    ----------
    names : list of str
        Of the adapters, sorted.
    threshold : float
        Rows with a lower similarity are told that none fits.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import Router
    >>> rng = np.random.default_rng(0)
    >>> tasks = np.repeat(["letters", "invoices"], 200)
    >>> rows = np.where(tasks == "letters", 1, -1)[:, None] * [1, 1, 0]
    >>> rows = rows + rng.normal(0, 0.1, (400, 3))
    >>> router = Router.fit(rows, tasks, miss_rate=0.02, random_state=0)
    >>> router.route([[1, 1, 0], [-1, -1, 0], [0, 0, 1]]).adapters
    ['letters', 'invoices', None]
    """

    def __init__(
        self,
        rows: np.ndarray,
        counts: Mapping[str, int],
        *,
        threshold: float,
        neighbors: int,
    ) -> None:
        self.names, self.threshold = list(counts), threshold
        self._rows, self._counts, self._neighbors = rows, dict(counts), neighbors

    @classmethod
    def fit(
        cls,
        embeddings: ArrayLike,
        adapters: Sequence[str] | np.ndarray,
        *,
        miss_rate: float = 0.01,
        neighbors: int = 5,
        calibration: float = 0.25,
        rows_per_adapter: int = 1000,
        random_state: RandomState = None,
    ) -> Router:
        """Keep rows of each adapter, and find the similarity that their like nearly always have.

        Parameters
        ----------
        embeddings : array, shape (n, d)
            Rows that the adapters were trained on, or others like those that will come.
        adapters : sequence of str, shape (n,)
            The adapter that each row belongs to.
        miss_rate : float
            Rows that belong to some adapter and are told "none", at most, in expectation.
        neighbors : int
            Nearest rows of an adapter that count.
        calibration : float
            Share of the rows that sets the threshold and is compared with nothing later.
        rows_per_adapter : int
            Kept at most, drawn at random.
        random_state : int, numpy.random.Generator or None

        Raises
        ------
        InputError
            With values that are not finite, or too few rows to calibrate by.
        """
        check_count("neighbors", neighbors)
        check_count("rows_per_adapter", rows_per_adapter)
        check_number("miss_rate", miss_rate, low=0, high=0.5, low_open=True)
        check_number("calibration", calibration, low=0, high=0.9, low_open=True)
        rows = _checked(embeddings)
        names, owner = np.unique(np.asarray(adapters, dtype=str), return_inverse=True)
        if owner.shape != (len(rows),):
            raise InputError(
                f"{counted(len(rows), 'row')} came with "
                f"{counted(len(adapters), 'adapter')}; one for each."
            )
        order = check_random_state(random_state).permutation(len(rows))
        aside, kept = np.split(order, [round(calibration * len(rows))])
        missed = int((len(aside) + 1) * miss_rate)
        if not missed:
            raise InputError(
                f"A miss rate of {miss_rate:g} needs "
                f"{counted(int(np.ceil(1 / miss_rate)) - 1, 'row')} to calibrate by, "
                f"{len(aside)} of {len(rows)} were kept aside. Give more rows, a larger "
                "`calibration` or a higher `miss_rate`."
            )
        own = [kept[owner[kept] == place][:rows_per_adapter] for place in range(len(names))]
        counts = {str(name): len(part) for name, part in zip(names, own, strict=True)}
        if missing := [name for name, count in counts.items() if not count]:
            raise InputError(
                f"Too few rows of the adapter {missing[0]!r} to keep any; give some more."
            )
        router = cls(rows[np.concatenate(own)], counts, threshold=-np.inf, neighbors=neighbors)
        scores = router.route(rows[aside]).scores
        router.threshold = float(np.sort(scores)[missed - 1])
        return router

    def route(self, embeddings: ArrayLike) -> Routes:
        """Send rows to the adapters whose rows they are most like.

        Parameters
        ----------
        embeddings : array, shape (n, d)

        Raises
        ------
        InputError
            With another number of columns, or values that are not finite.
        """
        rows = _checked(embeddings)
        if rows.shape[1] != self._rows.shape[1]:
            raise InputError(
                "The router was made of embeddings with "
                f"{counted(self._rows.shape[1], 'column')}, got "
                f"{rows.shape[1]}; use the same encoder."
            )
        found = [self._scores(rows[at : at + _BLOCK]) for at in range(0, len(rows), _BLOCK)]
        scores = np.concatenate([*found, np.empty((0, len(self.names)), np.float32)])
        best = scores.argmax(1)
        top = scores[np.arange(len(rows)), best]
        nearest = [self.names[place] for place in best]
        fits = top >= self.threshold
        chosen = [name if fit else None for name, fit in zip(nearest, fits, strict=True)]
        return Routes(chosen, nearest, top)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the router to a file, whole or not at all."""
        how = {"threshold": self.threshold, "neighbors": self._neighbors, "counts": self._counts}
        metadata = {"format": _FORMAT, "router": json.dumps(how)}
        write_tensors(path, {"rows": self._rows}, metadata=metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Router:
        """Read a router.

        Raises
        ------
        InputError
            For a file that is missing, damaged or of another kind.
        """
        arrays, metadata = read_tensors(path)
        if metadata.get("format") != _FORMAT:
            raise InputError(f"{path} is no router; give a file that `Router.save` wrote.")
        try:
            rows, how = arrays["rows"], json.loads(metadata["router"])
            counts = {str(name): int(count) for name, count in how["counts"].items()}
            threshold, neighbors = float(how["threshold"]), int(how["neighbors"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path} is damaged ({error}); write it again.") from error
        whole = rows.ndim == 2 and sum(counts.values()) == len(rows)
        if not whole or min(counts.values(), default=0) < 1 or neighbors < 1:
            raise InputError(f"{path} is damaged; write it again.")
        return cls(rows, counts, threshold=threshold, neighbors=neighbors)

    def _scores(self, rows: np.ndarray) -> np.ndarray:
        close = rows @ self._rows.T
        scores = np.empty((len(rows), len(self.names)), np.float32)
        start = 0
        for place, count in enumerate(self._counts.values()):
            own = close[:, start : start + count]
            nearest = min(self._neighbors, count)
            scores[:, place] = np.partition(own, -nearest, axis=1)[:, -nearest:].mean(1)
            start += count
        return scores


def _checked(embeddings: ArrayLike) -> np.ndarray:
    rows = np.asarray(embeddings, dtype=np.float32)
    if rows.ndim != 2 or not rows.shape[1]:
        raise InputError(f"Embeddings have shape (n, d), got {rows.shape}.")
    return unit_length(rows)
