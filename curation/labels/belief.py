"""What is thought of each row's label, and the issues that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.interval import wilson_interval

from .curve import decide, seen_from, stated_precision
from .evidence import Evidence
from .odds import sigmoid, tempered
from .posterior import error_log_odds, fit_noise_model
from .result import LabelIssues
from .signs import PLAIN, chance_of_none, expected_line, read_signs

# The precision of flags is not stated unless at least this share of the labels is wrong.
FEWEST_WRONG = 0.02
NONE_FLAGGED = (
    "no label is called wrong: there may be no wrong ones, and the evidence does not tell which "
    "they would be (vectors of a better encoder or probabilities of a model may tell more)"
)
UNKNOWN = "no label is called wrong: anything from few to most of them may be"


@dataclass(frozen=True)
class Belief:
    """Each row's probability that its label is right, shape (n,), and its most probable class.

    Also how that is known, and by `doubt` how far the probabilities are to be trusted. They are
    about sets where some labels are wrong; with the probability `none_wrong` there are no wrong
    ones at all. `other` is the share of wrong labels by another estimate, where there is one.
    `measured` evidence has been compared with the truth on other sets: flags follow from the doubt.
    """

    scores: np.ndarray
    suggested: np.ndarray
    how: str
    doubt: np.ndarray
    other: float | None = None
    none_wrong: float = 0.0
    measured: bool = False


def by_probs(labels: np.ndarray, evidence: Evidence, judged: np.ndarray) -> Belief:
    """Take a label for wrong by the noise model; all are int codes, and only `judged` rows count.

    How the log-odds of the model relate to the truth is expected from what the evidence shows of
    its own worth.
    """
    rows = np.flatnonzero(judged)
    probs, given = evidence.probs[rows], labels[rows]
    signs = read_signs(probs, given)
    model = fit_noise_model(probs, given, accuracy=signs.accuracy)
    log_odds = tempered(error_log_odds(probs, given, model), plain=PLAIN)
    made_for_task = evidence.made_for_task
    line, spread = expected_line(signs, model.rate, made_for_task=made_for_task)
    scores = np.ones(len(judged))
    scores[rows] = sigmoid(-line[0] - line[1] * log_odds)
    return Belief(
        scores,
        evidence.probs.argmax(axis=1),
        evidence.how,
        seen_from(line, spread),
        none_wrong=chance_of_none(signs, log_odds, made_for_task=made_for_task),
        measured=True,
    )


def issues_of(
    belief: Belief,
    *,
    row_ids: np.ndarray,
    labels: np.ndarray,
    classes: tuple[str, ...],
    how: str,
) -> LabelIssues:
    """Flag labels, int codes of shape (n,), so that the flags are worth most."""
    scores, known = belief.scores, labels >= 0
    decision = decide(scores[known], belief.doubt, none_wrong=belief.none_wrong)
    rate = decision.noise_rate.with_other(belief.other)
    if n := int(known.sum()):  # few rows show little of what the evidence is worth
        rate = rate.with_other(wilson_interval(rate.estimate * n, n)[1])
    threshold = decision.threshold
    if not belief.measured:  # no other set has shown which flags are the best
        threshold = min(0.5, threshold) if decision.none_wrong else 0.5
    flagged = known & (scores < threshold)
    if belief.measured and decision.too_wide:
        how = f"{how}; {UNKNOWN}"
    elif belief.measured and not flagged.any() and not rate.low:
        how = f"{how}; {NONE_FLAGGED}"
    none_wrong = decision.none_wrong
    expected, least = stated_precision(scores, flagged, belief.doubt, none_wrong=none_wrong)
    if rate.low < FEWEST_WRONG:  # a few odd rows pass for wrong ones
        expected = None
    return LabelIssues(
        row_ids=row_ids,
        labels=labels,
        classes=classes,
        scores=scores,
        suggested=belief.suggested,
        flagged=flagged,
        threshold=threshold,
        noise_rate=rate,
        expected_precision=expected,
        method=how,
        least_precision=least,
        doubt=belief.doubt,
        none_wrong=none_wrong,
    )
