"""Control questions: rows of known label, by which agreement becomes a probability.

Answers alone cannot say how often a crowd is right: one that shares its errors, by hard rows, a
misread question or copying, agrees as one that is right does. On three crowds and ten simulated
ones agreement read as a probability is .19 too high on average; corrected by 10, 20 and 40 rows of
known label, drawn at random, it is .09, .08 and .05 off (`benchmarks/active_learning_crowds.py`).
Without such rows scores are called agreement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from thresher.core.answer_table import AnswerTable
from thresher.core.classes import class_texts
from thresher.core.errors import InputError
from thresher.core.missing import id_texts
from thresher.core.text_arrays import in_texts

from ..estimates.accuracy import estimate_accuracy
from ..estimates.correction import fit_correction
from .classes import PROBABILITY, Consensus, Votes

LEAST = 10
# Answers' worth of what the correction expects of an annotator, beside those to control questions.
KEPT = 10.0


def judged_by_gold(
    found: Consensus,
    opinions: AnswerTable,
    *,
    task: str,
    classes: tuple[str, ...],
    gold: Mapping[Any, Any] | None,
) -> Consensus:
    """Return a consensus whose scores are probabilities, by rows of known label; as it is for none.

    Parameters
    ----------
    found : Consensus
        Made without them.
    opinions : AnswerTable
        The same answers.
    task : str
        Its name; labels of others than ``"classification"`` are not plainly right or wrong.
    classes : tuple of str
        Of the task; empty: those that occur.
    gold : mapping of row id to class, optional
        At least ten rows that have answers, drawn at random.

    Raises
    ------
    InputError
        On fewer such rows, on a missing label or a class that nobody could have answered, and for
        other tasks.
    """
    if gold is None:
        return found
    if task != "classification":
        raise InputError(f"`gold` is for classes: answers of the task {task} are not simply right.")
    votes = Votes.of_table(opinions, classes=classes or None)
    known, codes = _known(votes, gold)
    guessed = np.array([votes.classes.index(label) for label in found.labels[known].tolist()])
    right = (guessed == codes).astype(np.float64)
    rest = np.setdiff1d(np.arange(len(found.labels)), known)
    correction = fit_correction(right, expected=found.scores[known], mass=np.ones(len(known)))
    scores = correction.probability(found.scores)
    probs = _rescaled(found.probs, scores)
    quality = _quality(votes, probs, known, codes)
    labels = found.labels.copy()
    labels[known] = np.array(votes.classes, dtype=labels.dtype)[codes]
    scores[known] = 1.0
    probs[known] = np.eye(len(votes.classes))[codes]
    accuracy = estimate_accuracy(
        right,
        expected=found.scores[known],
        expected_mean=float(found.scores[rest].mean()) if len(rest) else 1.0,
        pool_size=len(rest),
    )
    return replace(
        found,
        labels=labels,
        scores=scores,
        probs=probs,
        annotator_quality=quality,
        scores_are=PROBABILITY,
        accuracy=accuracy if len(rest) else None,
    )


def _known(votes: Votes, gold: Mapping[Any, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return positions of the rows of known label, and their classes."""
    names = id_texts("gold", np.array(list(gold), dtype=object)).tolist()
    said = dict(
        zip(names, class_texts(np.array(list(gold.values()), dtype=object)).tolist(), strict=True)
    )
    silent = [name for name, label in said.items() if not label]
    if silent:
        raise InputError(
            f"`gold` has no label for the row {silent[0]!r} ({len(silent)} in all). Leave such "
            "rows out, or say their class."
        )
    unknown = sorted(set(said.values()) - set(votes.classes))
    if unknown:
        raise InputError(
            f"`gold` has the label {unknown[0]!r}, which is not one of the classes: "
            f"{', '.join(votes.classes)}. Give `classes=` if nobody answered it."
        )
    there = np.flatnonzero(in_texts(votes.row_ids, np.array(list(said), dtype=object)))
    if len(there) < LEAST:
        raise InputError(
            f"`gold` must name at least {LEAST} rows with answers, got {len(there)} (of "
            f"{len(said)} given): fewer say too little about how often the crowd is right."
        )
    places = [votes.classes.index(said[row]) for row in votes.row_ids[there].tolist()]
    return there, np.array(places)


def _rescaled(probs: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Give each row's best class its score, and the others what is left in their proportions."""
    rows, best = np.arange(len(probs)), probs.argmax(axis=1)
    top = probs[rows, best]
    others = max(1, probs.shape[1] - 1)
    left = np.maximum(1.0 - top, 1e-12)[:, None]
    # Where the others are nothing at all, what is left is theirs in equal parts.
    shares = np.where(left > 1e-9, probs / left, 1.0 / others)
    scaled = shares * (1.0 - scores)[:, None]
    scaled[rows, best] = scores
    return np.asarray(scaled)


def _quality(votes: Votes, probs: np.ndarray, known: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the estimated share of right answers of each annotator, by both kinds of rows."""
    truth = np.full(len(votes.row_ids), -1)
    truth[known] = codes
    asked = truth[votes.rows] >= 0
    hit = asked & (truth[votes.rows] == votes.codes)
    expected = votes.mean_by_annotator(probs[votes.rows, votes.codes])
    count = len(votes.names)
    hits = np.bincount(votes.annotators[hit], minlength=count)
    controls = np.bincount(votes.annotators[asked], minlength=count)
    return np.asarray((hits + KEPT * expected) / (controls + KEPT))
