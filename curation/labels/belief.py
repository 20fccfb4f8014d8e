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
from .signs import PLAIN, calls_hard_rows_wrong, expected_line, read_signs

# The precision of flags is not stated unless at least this share of the labels is wrong.
FEWEST_WRONG = 0.02
TOO_WEAK = (
    "no label is called wrong: the evidence is too weak to tell wrong labels from hard rows, and "
    "there may be no wrong ones (vectors of a better encoder or probabilities of a model tell more)"
)
UNKNOWN = "no label is called wrong: anything from few to most of them may be"


@dataclass(frozen=True)
class Belief:
    """Each row's probability that its label is right, shape (n,), and its most probable class.

    Also how that is known, and by `doubt` how far the probabilities are to be trusted. `other` is
    the share of wrong labels by another estimate, where there is one. `weak` evidence calls hard
    rows wrong: it flags none where there may be no wrong labels at all. `measured` evidence has
    been compared with the truth on other sets: flags follow from the doubt.
    """

    scores: np.ndarray
    suggested: np.ndarray
    how: str
    doubt: np.ndarray
    other: float | None = None
    weak: bool = False
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
    line, spread = expected_line(signs, model.rate, made_for_task=evidence.made_for_task)
    scores = np.ones(len(judged))
    scores[rows] = sigmoid(-line[0] - line[1] * log_odds)
    return Belief(
        scores,
        evidence.probs.argmax(axis=1),
        evidence.how,
        seen_from(line, spread),
        weak=calls_hard_rows_wrong(signs, made_for_task=evidence.made_for_task),
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
    """Flag labels, int codes of shape (n,), so that the expected F1 is highest."""
    scores, known = belief.scores, labels >= 0
    decision = decide(scores[known], belief.doubt)
    rate = decision.noise_rate.with_other(belief.other)
    if n := int(known.sum()):  # few rows show little of what the evidence is worth
        rate = rate.with_other(wilson_interval(rate.estimate * n, n)[1])
    # More likely wrong than right, where no other set has shown which flags are the best.
    threshold = decision.threshold if belief.measured else 0.5
    if belief.weak and not rate.low:
        threshold, how = 0.0, f"{how}; {TOO_WEAK}"
    elif belief.measured and decision.too_wide:
        how = f"{how}; {UNKNOWN}"
    flagged = known & (scores < threshold)
    expected, least = stated_precision(scores, flagged, belief.doubt)
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
    )
