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
        Of the model of all labels on the rows of `accuracy_of`; None below five audited rows.
    accuracy_of : str
        ``"rows without a label"``, or, where too few audited rows are like those, since the
        strategy chose them too, ``"rows like those of the pool"``.
    audited_missing : int
        Audited rows with a label that the accuracy still needs.
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
    accuracy_of: str
    audited_missing: int
    gain: Estimate | None
    seconds_per_label: float | None
    labels_per_hour: float | None
    cost: float
    advice: Advice

    @property
    def why_unknown(self) -> str | None:
        """Say what the accuracy still needs; None where it is known."""
        if self.accuracy is not None:
            return None
        n = self.audited_missing
        needed = f"{n} more audited {'row' if n == 1 else 'rows'} with a label needed"
        if self.labeled < self.pool:
            return needed
        return f"{needed}, and no row is left to draw: label more of the kind, or start over"


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
        accuracy_of=audit.about,
        audited_missing=audit.missing,
        gain=audit.gain(),
        seconds_per_label=seconds,
        labels_per_hour=3600.0 / seconds if seconds else None,
        cost=float(sum(costs[state.position(answer.row_id)] for answer in labels)),
        advice=advise(audit, accuracy=accuracy, target=target),
    )
