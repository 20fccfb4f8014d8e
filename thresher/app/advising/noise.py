"""Probe of wrong labels: how many there are, and what leaving them out changes."""

from __future__ import annotations

import numpy as np

from curation import find_label_issues
from curation.decisions.label_action import choose_label_action
from curation.labels import LabelIssues

from ...core.numerics.softmax import softmax
from .gram import GramHead
from .levers import Estimate, Lever
from .sample import Sample
from .transfer import widened

# Repeats in which what was found is left out.
JUDGED = 5
SCALES = 2.0 ** np.arange(0, 6)


def wrong_labels(sample: Sample) -> Lever:
    """Say what leaving out the rows with a suspicious label would change, as a run does it.

    A run leaves them out only where the evidence is sure (`choose_label_action`). Judged by the
    share of other rows told right, whose own labels are wrong as often, so that differences come
    out a little too small.
    """
    found = _find(sample.head)
    action = choose_label_action(found)
    if action.value != "drop":
        return _lever(Estimate(0.0, 0.0, 0.0), f"a run would leave none out: {action.reason}")
    changes = []
    for train, test in sample.splits[:JUDGED]:
        flagged = _find(sample.head.part(train)).flagged
        before = sample.head.right(train, test)
        after = sample.head.right(train[~flagged], test)
        changes.append(100 * (after.mean() - before.mean()))
    mean, spread = float(np.mean(changes)), float(np.std(changes, ddof=1) / np.sqrt(len(changes)))
    share = float(found.flagged.mean())
    return _lever(
        Estimate.around(mean, spread),
        f"about {round(share * sample.of):,} labels look wrong ({share:.1%} of {len(sample):,} "
        f"rows looked at); a head fitted without them changes by {mean:+.1f} points",
    )


def _lever(points: Estimate, evidence: str) -> Lever:
    return Lever(
        name="leave out wrong labels",
        command="thresher curate",
        acts_on=("labels",),
        times=Estimate(1.0, 1.0, 1.0),
        points=widened(points, "wrong labels"),
        cost=0.1,
        evidence=evidence,
    )


def _find(head: GramHead) -> LabelIssues:
    """Return what `find_label_issues` says of rows, by a head fitted without each."""
    scores = head.left_out()
    probs = softmax(_scale(scores, head.codes) * scores)
    return find_label_issues(head.codes, pred_probs=probs)


def _scale(scores: np.ndarray, codes: np.ndarray) -> float:
    """Return the scale of scores with the best likelihood of the labels."""
    rows = np.arange(len(codes))
    likelihood = [
        float(np.log(np.maximum(softmax(scale * scores)[rows, codes], 1e-12)).mean())
        for scale in SCALES
    ]
    return float(SCALES[int(np.argmax(likelihood))])
