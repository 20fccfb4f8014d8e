"""One set of classes for each row from several sets: each class is a yes-or-no crowd."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from thresher.core.errors import check_choice
from thresher.core.text_arrays import text_array

from .annotators import Consensus, Votes, choose_method, dawid_skene, majority
from .opinion_tables import Opinions

if TYPE_CHECKING:
    from .tasks.multi_label import MultiLabel

NO_YES = ("no", "yes")


def set_consensus(opinions: Opinions, task: MultiLabel, *, method: str = "auto") -> Consensus:
    """Decide each class of each row by majority or by Dawid and Skene's model.

    Parameters
    ----------
    opinions : Opinions
        Labels as `MultiLabel.encode` makes them.
    task : MultiLabel
    method : {"auto", "majority", "dawid_skene"}

    Returns
    -------
    Consensus
        ``labels`` are JSON lists of class names, ``probs`` the probability of each class, and
        ``scores`` the least of the probabilities of the answers chosen.
    """
    check_choice("method", method, task.methods)
    said = np.array([[name in task.present(t) for name in task.classes] for t in opinions.labels])
    probs = np.empty((len(opinions.row_ids), len(task.classes)))
    for code in range(len(task.classes)):
        votes = Votes(
            opinions.rows,
            opinions.annotators,
            said[:, code].astype(np.int64),
            opinions.row_ids,
            opinions.names,
            NO_YES,
        )
        chosen = choose_method(votes) if method == "auto" else method
        counted = dawid_skene(votes) if chosen == "dawid_skene" else majority(votes)
        probs[:, code] = counted[:, 1]
    yes = probs > 0.5
    names = np.array(task.classes, dtype=object)
    right = np.where(said, probs[opinions.rows], 1.0 - probs[opinions.rows]).mean(axis=1)
    return Consensus(
        opinions.row_ids,
        text_array([json.dumps(names[row].tolist(), ensure_ascii=False) for row in yes]),
        np.maximum(probs, 1.0 - probs).min(axis=1),
        probs,
        opinions.names,
        opinions.mean_by_annotator(right),
        opinions.answers(),
        task.classes,
        chosen,
    )
