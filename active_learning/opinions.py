"""Is a second opinion worth more than a new row? ActiveLab's score (Goh and Mueller, 2023).

For a labelled row the score is the CROWDLAB probability of its consensus label with one more
imagined answer that says nothing; for a row without a label the same with the model's favourite.
Low = another answer is worth most.
"""

from __future__ import annotations

import numpy as np

from thresher.core.errors import InputError

from .annotators import Consensus, Votes, consensus, crowdlab_weights
from .state import State
from .training import Models


def session_votes(state: State) -> Votes | None:
    """Return the labels that count now as votes, rows by position; None without any."""
    found = [
        (place, answer.annotator, state.code[answer.label])
        for place in sorted(state.answers)
        for answer in state.answers[place].values()
        if answer.label is not None
    ]
    if not found:
        return None
    positions, people, codes = (np.array(column) for column in zip(*found, strict=True))
    unique, rows = np.unique(positions, return_inverse=True)
    names, person = np.unique(people, return_inverse=True)
    return Votes(rows, person, codes, state.row_ids[unique], names, state.classes)


def pool_probs(state: State, models: Models | None) -> np.ndarray:
    """Return the model's probabilities, shape (n, c), held out for labelled rows.

    Uniform without a model, and for rows labelled alone, which nothing can be held out for.
    """
    c = len(state.classes)
    if models is None or models.best is None:
        return np.full((len(state.row_ids), c), 1.0 / c)
    probs = models.best.pred_probs.astype(np.float64)
    rows = models.snapshot.rows
    probs[rows] = models.held_out if len(rows) > 1 else 1.0 / c
    return probs


def second_opinion_scores(state: State, models: Models | None, *, rows: np.ndarray) -> np.ndarray:
    """Return the score of each of the positions `rows`, float64, shape (m,), low = ask."""
    c = len(state.classes)
    votes = session_votes(state)
    probs = pool_probs(state, models)
    if votes is None:
        return np.asarray(probs[rows].max(axis=1))
    known = np.array([state.position(row) for row in votes.row_ids.tolist()])
    weights = crowdlab_weights(votes, probs[known])
    imagined = float(weights.annotators.mean())
    total = weights.model * probs[rows] + imagined / c
    mass = np.full(len(rows), weights.model + imagined)
    where = np.full(len(state.row_ids), -1)
    where[rows] = np.arange(len(rows))
    place = where[known[votes.rows]]
    inside = place >= 0
    place, codes = place[inside], votes.codes[inside]
    trust = weights.annotators[votes.annotators[inside]]
    spread = (1.0 - weights.likelihood) / max(c - 1, 1)
    np.add.at(total, place, (trust * spread)[:, None])
    np.add.at(total, (place, codes), trust * (weights.likelihood - spread))
    np.add.at(mass, place, trust)
    # The label that counts now is judged, not the model's favourite.
    judged = probs[rows].argmax(axis=1)
    labels = votes.counts()
    labels = (labels + 1e-3 * probs[known]).argmax(axis=1)
    listed = where[known] >= 0
    judged[where[known][listed]] = labels[listed]
    return np.asarray(total[np.arange(len(rows)), judged] / mass)


def most_doubtful(state: State, models: Models | None, *, n: int) -> list[tuple[str, float]]:
    """Return the `n` labelled rows of lowest score, with their scores, lowest first."""
    rows = np.flatnonzero(state.labeled)
    scores = second_opinion_scores(state, models, rows=rows)
    order = np.argsort(scores, kind="stable")[:n]
    return list(zip(state.row_ids[rows[order]].tolist(), scores[order].tolist(), strict=True))


def session_consensus(state: State, models: Models | None, *, method: str) -> Consensus:
    """Return the consensus of a session with at least one label.

    With ``"auto"`` the classifier has a say as soon as two annotators have answered.
    """
    votes = session_votes(state)
    if votes is None:
        raise InputError("Nothing is labelled yet.")
    probs = None
    if method == "crowdlab" or (method == "auto" and len(votes.names) > 1):
        places = [state.position(row) for row in np.sort(votes.row_ids).tolist()]
        probs = pool_probs(state, models)[places]
    return consensus(
        votes.row_ids[votes.rows],
        votes.names[votes.annotators],
        np.array(state.classes)[votes.codes],
        classes=state.classes,
        pred_probs=probs,
        method=method,
    )
