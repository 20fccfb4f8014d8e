"""What is measured of a case: flags, ranking and what is said of them, ours and the peers'."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from curation.decisions.label_action import choose_label_action
from curation.labels import LabelIssues, find_label_issues
from curation.labels.logistic import out_of_fold_probs

from .cases import Case

AUDIT = 50
Figures = dict[str, Any]


@dataclass(frozen=True)
class Flags:
    """F1, precision and number of flagged rows, and average precision of the ranking."""

    scores: np.ndarray
    flagged: np.ndarray
    wrong: np.ndarray

    def figures(self) -> Figures:
        """Compare with the truth; without wrong labels there is neither F1 nor a ranking."""
        hits, flagged = int((self.flagged & self.wrong).sum()), int(self.flagged.sum())
        found: Figures = {
            "flagged": flagged / len(self.wrong),
            "precision": hits / flagged if flagged else None,
        }
        if self.wrong.any():
            found["F1"] = 2 * hits / (flagged + int(self.wrong.sum()))
            found["AP"] = float(average_precision_score(self.wrong, -self.scores))
        return found


def ours(case: Case) -> Figures:
    """Our figures as found, after an audit answered with the truth, and of the chosen action."""
    evidence: dict[str, Any] = (
        {"embeddings": case.embeddings}
        if case.probs is None
        else {"pred_probs": [one.astype(np.float32) for one in case.probs]}
    )
    wrong = case.labels != case.truth
    start = time.process_time()
    found = find_label_issues(case.labels, **evidence)
    seconds = time.process_time() - start
    asked = np.flatnonzero(np.isin(found.row_ids, found.audit(AUDIT)))
    calibrated = found.calibrate(found.row_ids[asked], wrong[asked])
    action = choose_label_action(found)
    return {
        "thresher": said(found, wrong) | {"cpu_seconds": seconds},
        "audited": said(calibrated, wrong),
        "action": {"drops": action.value == "drop", "why": action.reason},
    }


def said(found: LabelIssues, wrong: np.ndarray) -> Figures:
    """Figures of the flags, and what the result says of its rate and its precision."""
    rate = found.noise_rate
    return Flags(found.scores, found.flagged, wrong).figures() | {
        "rate": rate.estimate,
        "low": rate.low,
        "high": rate.high,
        "known": rate.known,
        "said_precision": found.expected_precision,
        "least_precision": found.least_precision,
        "method": found.method,
    }


def peers(case: Case) -> dict[str, Figures]:
    """Figures of the bare rule and of cleanlab, on the same evidence.

    From vectors both judge by the out-of-fold logistic regression that we have ourselves.
    """
    from cleanlab.filter import find_label_issues as cleanlab_filter
    from cleanlab.rank import get_label_quality_scores

    num_classes = int(max(case.labels.max(), case.truth.max())) + 1
    start = time.process_time()
    if case.probs is None:
        probs = out_of_fold_probs(case.embeddings, case.labels, num_classes)
    else:
        probs = case.probs.astype(np.float32).mean(axis=0)
    probs = probs.astype(np.float64)
    probs /= probs.sum(axis=1, keepdims=True)
    wrong, rows = case.labels != case.truth, np.arange(len(probs))
    flagged = cleanlab_filter(case.labels, probs, n_jobs=1)
    scores = get_label_quality_scores(case.labels, probs)
    seconds = time.process_time() - start
    bare = probs.argmax(axis=1) != case.labels
    return {
        "bare rule": Flags(probs[rows, case.labels], bare, wrong).figures(),
        "cleanlab": Flags(scores, flagged, wrong).figures() | {"cpu_seconds": seconds},
    }
