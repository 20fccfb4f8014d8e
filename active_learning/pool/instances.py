"""Items that hold several instances: spans in a text, boxes in an image, turns of a chat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.errors import InputError, check_choice, check_count, check_number, did_you_mean
from thresher.core.missing import id_texts, read_numbers
from thresher.core.moved import RenamedField, renamed
from thresher.core.numerics.ragged import place_in_run
from thresher.core.shown import Shown
from thresher.core.signatures import check_fields
from thresher.core.text_arrays import text_array
from thresher.core.ties import settled

AGGREGATES = ("max", "mean", "sum", "top_k")


@renamed(item_ids="row_ids")
@dataclass(frozen=True, repr=False)
class Instances(Shown):
    """Uncertainty of each instance, and the item that it belongs to.

    Give it wherever an uncertainty is taken; items are what is labeled.

    Parameters
    ----------
    scores : ndarray, shape (m,)
        At least 0, higher = less sure.
    row_ids : ndarray of str, shape (m,)
        Of the item that each instance belongs to.
    aggregate : {"max", "mean", "sum", "top_k"}
        ``max``: an item is as doubtful as its most doubtful instance; ``sum`` prefers items with
        many; ``top_k`` is the mean of the `k` highest.
    k : int
    empty : float
        Uncertainty of items without any instance: a model that found nothing may have missed all.

    Examples
    --------
    >>> from active_learning import Instances, query
    >>> doubt = Instances(scores=[0.9, 0.1, 0.4], row_ids=["image-7", "image-7", "image-8"])
    >>> ids = ["image-7", "image-8"]
    >>> chosen = query(n=1, strategy="uncertainty", uncertainty=doubt, row_ids=ids)
    >>> chosen.row_ids.tolist()
    ['image-7']
    """

    scores: np.ndarray
    row_ids: np.ndarray
    aggregate: str = "max"
    k: int = 3
    empty: float = 0.0
    item_ids = RenamedField("row_ids")

    def __post_init__(self) -> None:
        check_fields(self)
        check_choice("aggregate", self.aggregate, AGGREGATES)
        check_count("k", self.k, low=1)
        check_number("empty", self.empty, low=0)
        object.__setattr__(self, "scores", read_numbers("scores", self.scores))
        ids = id_texts("row_ids", self.row_ids)
        if self.scores.shape != ids.shape:
            raise InputError(
                f"Instances need one row id for each score: got {self.scores.shape} scores and "
                f"{ids.shape} row ids."
            )

    def of_items(self, row_ids: np.ndarray) -> np.ndarray:
        """Return the uncertainty of each item, float64, shape (n,).

        Raises
        ------
        InputError
            For an item id that is not among `row_ids`, and for scores below 0 or NaN.
        """
        place, scores = self._places(text_array(row_ids)), self._checked()
        n = len(row_ids)
        counts = np.bincount(place, minlength=n)
        if self.aggregate == "max":
            result = np.zeros(n)
            np.maximum.at(result, place, scores)
        else:
            if self.aggregate == "top_k":
                kept = _highest(place, scores, k=self.k)
                place, scores = place[kept], scores[kept]
            result = np.bincount(place, weights=scores, minlength=n).astype(np.float64)
            if self.aggregate != "sum":
                result /= np.maximum(np.bincount(place, minlength=n), 1)
        result[counts == 0] = self.empty
        return result

    def _checked(self) -> np.ndarray:
        scores = np.asarray(self.scores, dtype=np.float64)
        bad = np.flatnonzero(~(np.isfinite(scores) & (scores >= 0)))
        if len(bad):
            raise InputError(
                f"Scores of instances must be at least 0 and finite, got {scores[bad[0]]} for an "
                f"instance of item {str(np.asarray(self.row_ids)[bad[0]])!r}."
            )
        return scores

    def _places(self, row_ids: np.ndarray) -> np.ndarray:
        items = text_array(self.row_ids)
        order = np.argsort(row_ids, kind="stable")
        found = np.searchsorted(row_ids[order], items)
        place = order[np.minimum(found, len(row_ids) - 1)]
        wrong = np.flatnonzero(row_ids[place] != items)
        if len(wrong):
            name = str(items[wrong[0]])
            hint = did_you_mean(name, row_ids[:1000].tolist())
            raise InputError(f"The item id {name!r} is not in the pool.{hint}")
        return place


def _highest(place: np.ndarray, scores: np.ndarray, *, k: int) -> np.ndarray:
    """Return where the `k` highest scores of each item are."""
    order = np.lexsort((-settled(scores), place))
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    rank = place_in_run(starts, n=len(order))
    return np.asarray(order[rank < k])
