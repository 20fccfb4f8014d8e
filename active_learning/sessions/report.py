"""What a session has to say: accuracy, gain, speed, cost, and whether to stop."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from thresher.core.labels import Answer, latest

from ..estimates.accuracy import Estimate
from .audit_arm import Audit
from .batch_choice import Policy
from .state import State
from .stopping import Advice, advise


@dataclass(frozen=True)
class Report:
    """Numbers of a session.

    Attributes
    ----------
    pool, labeled, answers, skips : int
        Candidate rows, rows with a label, answers that count, skips that count.
    classes : dict of str to int
        Rows of each class, by majority; empty for regression.
    annotators : dict of str to int
        Labels of each.
    measure : str
        What `accuracy` is: accuracy, exact match or, for regression, the mean absolute error.
    accuracy : Estimate or None
        Of the model of all labels on the rows without a label; None below five audited rows.
    gain : Estimate or None
        Errors of a model of as many random labels less those of one of labels that the strategy
        chose, at the number of audited rows; None below ten of them.
    seconds_per_label, labels_per_hour : float or None
        From the times that annotators took, where they were told.
    cost : float
        Sum of the costs of all labels that count.
    advice : Advice
        Whether to stop, and why.
    """

    pool: int
    labeled: int
    answers: int
    skips: int
    classes: dict[str, int]
    annotators: dict[str, int]
    measure: str
    accuracy: Estimate | None
    gain: Estimate | None
    seconds_per_label: float | None
    labels_per_hour: float | None
    cost: float
    advice: Advice


def make_report(
    policy: Policy, state: State, *, answers: list[Answer], target: float | None
) -> Report:
    """Put the report of a session together; fits about thirty small models."""
    counting = latest(answers)
    labels = [answer for answer in counting if answer.kind == "label"]
    rows, targets = state.settled()
    audit = Audit.of(policy, state, rows, targets)
    times = [answer.seconds for answer in labels if answer.seconds is not None]
    seconds = float(np.median(times)) if times else None
    costs = np.ones(len(state.row_ids)) if policy.costs is None else np.asarray(policy.costs)
    accuracy = audit.estimate()
    return Report(
        pool=int(state.candidates.sum()),
        labeled=len(rows),
        answers=len(labels),
        skips=len(counting) - len(labels),
        classes=policy.task.counts(targets),
        annotators=dict(Counter(answer.annotator for answer in labels)),
        measure=policy.task.measure,
        accuracy=accuracy,
        gain=audit.gain(),
        seconds_per_label=seconds,
        labels_per_hour=3600.0 / seconds if seconds else None,
        cost=float(sum(costs[state.position(answer.row_id)] for answer in labels)),
        advice=advise(audit, accuracy=accuracy, target=target),
    )
