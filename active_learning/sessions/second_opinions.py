"""Is a second opinion worth more than a new row? ActiveLab's idea (Goh and Mueller, 2023).

For a labeled row the score is how likely its label is after one more imagined answer that says
nothing; for a row without a label the same with the model's favorite. Low = another answer is
worth most. For classification the likelihood is CROWDLAB's; for other tasks it is the mean of what
the model gives the label and of how each annotator's answer supports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from thresher.core.errors import InputError
from thresher.core.text_arrays import text_array
from thresher.core.ties import first_highest, lowest_first

from ..annotators.answers import table_of
from ..annotators.classes import WITH_OUTPUTS, Consensus, Votes, crowdlab_weights
from ..annotators.gold import judged_by_gold
from ..tasks.classification import Classification
from .fitted_models import Models
from .state import State


def answer_table(state: State) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions, annotators and texts of the labels that count now, by position."""
    found = [
        (place, answer.annotator, answer.label)
        for place in sorted(state.answers)
        for answer in state.answers[place].values()
        if answer.label is not None
    ]
    if not found:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=object), np.empty(0, dtype=object)
    positions, people, texts = zip(*found, strict=True)
    return np.array(positions), text_array(people), text_array(texts)


def held_out_outputs(models: Models | None) -> np.ndarray | None:
    """Return outputs for the pool, shape (n, k), held out for labeled rows; None without a model.

    Rows labeled alone, which nothing can be held out for, get uniform probabilities.
    """
    if models is None or models.best is None:
        return None
    outputs = models.best.outputs.astype(np.float64)
    rows = models.snapshot.rows
    outputs[rows] = models.held_out if len(rows) > 1 else 1.0 / outputs.shape[1]
    return outputs


def second_opinion_scores(state: State, models: Models | None, *, rows: np.ndarray) -> np.ndarray:
    """Return the score of each of the positions `rows`, float64, shape (m,), low = ask."""
    outputs = held_out_outputs(models)
    if not isinstance(state.task, Classification):
        return _plain_scores(state, outputs, rows=rows)
    if outputs is None:
        outputs = np.full(
            (len(state.row_ids), len(state.task.classes)), 1 / len(state.task.classes)
        )
    return _crowdlab_scores(state, outputs, rows=rows)


def _plain_scores(state: State, outputs: np.ndarray | None, *, rows: np.ndarray) -> np.ndarray:
    """Score tasks without a crowd model: (support of the model + answers alike) / (1 + answers)."""
    scores = np.full(len(rows), 0.5) if outputs is None else state.task.confidence(outputs[rows])
    labeled = np.flatnonzero(state.labeled[rows])
    if not len(labeled):
        return scores
    given = [state.texts(int(place)) for place in rows[labeled]]
    targets = state.task.targets(given)
    support = np.full(len(labeled), 0.5)
    if outputs is not None:
        support = state.task.support(outputs[rows[labeled]], targets)
    for place, texts in enumerate(given):
        alike = max(texts.count(text) for text in texts)
        scores[labeled[place]] = (support[place] + alike) / (1.0 + len(texts))
    return scores


def _crowdlab_scores(state: State, probs: np.ndarray, *, rows: np.ndarray) -> np.ndarray:
    positions, people, texts = answer_table(state)
    if not len(positions):
        return np.asarray(probs[rows].max(axis=1))
    c = len(state.task.classes)
    known, place_of = np.unique(positions, return_inverse=True)
    names, person = np.unique(people, return_inverse=True)
    code = {name: number for number, name in enumerate(state.task.classes)}
    codes = np.array([code[text] for text in texts.tolist()])
    votes = Votes(place_of, person, texts, state.row_ids[known], names, codes, state.task.classes)
    weights = crowdlab_weights(votes, probs[known])
    imagined = float(weights.annotators.mean())
    total = weights.model * probs[rows] + imagined / c
    mass = np.full(len(rows), weights.model + imagined)
    where = np.full(len(state.row_ids), -1)
    where[rows] = np.arange(len(rows))
    place = where[positions]
    inside = place >= 0
    place, codes = place[inside], codes[inside]
    trust = weights.annotators[person[inside]]
    spread = (1.0 - weights.likelihood) / max(c - 1, 1)
    np.add.at(total, place, (trust * spread)[:, None])
    np.add.at(total, (place, codes), trust * (weights.likelihood - spread))
    np.add.at(mass, place, trust)
    # The label that counts now is judged, not the model's favorite.
    judged = first_highest(probs[rows])
    labels = first_highest(votes.counts() + 1e-3 * probs[known])
    listed = where[known] >= 0
    judged[where[known][listed]] = labels[listed]
    return np.asarray(total[np.arange(len(rows)), judged] / mass)


def most_doubtful(state: State, models: Models | None, *, n: int) -> list[tuple[str, float]]:
    """Return the `n` labeled rows of lowest score, with their scores, lowest first."""
    rows = np.flatnonzero(state.labeled)
    scores = second_opinion_scores(state, models, rows=rows)
    order = lowest_first(scores, n=n)
    return list(zip(state.row_ids[rows[order]].tolist(), scores[order].tolist(), strict=True))


def session_consensus(
    state: State,
    models: Models | None,
    *,
    method: str,
    gold: Mapping[Any, Any] | None = None,
) -> Consensus:
    """Return the consensus of a session with at least one label.

    With ``"auto"`` the classifier has a say as soon as two annotators have answered; `gold` are
    control questions, see `active_learning.consensus`.
    """
    positions, people, texts = answer_table(state)
    if not len(positions):
        raise InputError("Nothing is labeled yet.")
    outputs = None
    if method in WITH_OUTPUTS or (method == "auto" and len(np.unique(people)) > 1):
        outputs = held_out_outputs(models)
    if outputs is not None:
        ids = state.row_ids[np.unique(positions)]
        outputs = outputs[[state.position(row) for row in np.sort(ids).tolist()]]
    opinions = table_of(state.row_ids[positions], people, texts)
    found = state.task.consensus(opinions, outputs=outputs, method=method)
    return judged_by_gold(
        found, opinions, task=state.task.name, classes=state.task.classes, gold=gold
    )
