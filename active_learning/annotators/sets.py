"""One set of classes for each row from several sets: each class is a yes-or-no crowd."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from thresher.core.answer_table import AnswerTable
from thresher.core.text_arrays import text_array

from .classes import Consensus, Votes, choose_method, dawid_skene, majority

NO_YES = ("no", "yes")


def set_consensus(
    opinions: AnswerTable,
    said: np.ndarray,
    *,
    classes: tuple[str, ...],
    encode: Callable[[np.ndarray], str],
    method: str = "auto",
) -> Consensus:
    """Decide each class of each row by majority or by Dawid and Skene's model.

    Parameters
    ----------
    opinions : AnswerTable
    said : ndarray of bool, shape (v, c)
        Which classes each answer names.
    classes : tuple of str, length c
    encode : callable
        Makes the label of a row from the mask of its classes, shape (c,).
    method : {"auto", "majority", "dawid_skene"}

    Returns
    -------
    Consensus
        ``probs`` is how far the answers agree on each class, and ``scores`` the least of it over
        the answers chosen.
    """
    probs = np.empty((len(opinions.row_ids), len(classes)))
    for code in range(len(classes)):
        votes = Votes(**vars(opinions), codes=said[:, code].astype(np.int64), classes=NO_YES)
        chosen = choose_method(votes) if method == "auto" else method
        counted = dawid_skene(votes) if chosen == "dawid_skene" else majority(votes)
        probs[:, code] = counted[:, 1]
    yes = probs > 0.5
    right = np.where(said, probs[opinions.rows], 1.0 - probs[opinions.rows]).mean(axis=1)
    return Consensus(
        opinions.row_ids,
        text_array([encode(row) for row in yes]),
        np.maximum(probs, 1.0 - probs).min(axis=1),
        probs,
        opinions.names,
        opinions.mean_by_annotator(right),
        opinions.answers(),
        classes,
        chosen,
    )
