"""Probe of wrong labels: how many there are, and what leaving them out changes."""

from __future__ import annotations

import math

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
# Of the trial of a run, `thresher.app.steps.label_trial`, whose import loads PyTorch.
FEWEST_ROWS, FEWEST_FLAGS, MOST_ROWS, SURE = 200, 10, 6000, 1.96
NOTHING = Estimate(0.0, 0.0, 0.0)
SCALES = 2.0 ** np.arange(0, 6)


def wrong_labels(sample: Sample) -> Lever:
    """Say what leaving out the rows with a suspicious label would change, as a run does it.

    A run leaves them out where the evidence is sure (`choose_label_action`), and else where a trial
    on held-out rows gains for sure (`judge_gains`); so the gain counts by how likely that is.
    Judged by the share of other rows told right, whose own labels are wrong as often, so that
    differences come out a little too small.
    """
    found = _find(sample.head)
    action = choose_label_action(found)
    count = round(float(found.flagged.mean()) * sample.of)
    if action.value != "drop" and count < FEWEST_FLAGS:
        return _lever(NOTHING, f"a run would leave none out: {action.reason}")
    gains = np.concatenate([_gains(sample, *split) for split in sample.splits[:JUDGED]])
    # Repeats judge the same rows again: of the sample there are only so many.
    spread = 100 * float(gains.std()) / math.sqrt(min(len(gains), len(sample)))
    gain = Estimate.around(100 * float(gains.mean()), spread)
    said = (
        f"about {count:,} labels look wrong ({float(found.flagged.mean()):.1%} of {len(sample):,} "
        f"rows looked at); a head fitted without them changes by {gain.value:+.1f} points"
    )
    if action.value == "drop":
        return _lever(gain, said)
    chance = _chance_of_dropping(gain.value, float(gains.std()), rows=sample.of)
    return _lever(
        Estimate(chance * gain.value, min(0.0, gain.low * chance), max(0.0, gain.high)),
        f"{said}, and a run's trial would leave them out with a probability of {chance:.2f}",
    )


def _gains(sample: Sample, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return by how much a head without flagged rows is ahead on each held-out row."""
    flagged = _find(sample.head.part(train)).flagged
    before = sample.head.right(train, test)
    return np.asarray(sample.head.right(train[~flagged], test).astype(float) - before)


def _chance_of_dropping(gain: float, spread: float, *, rows: int) -> float:
    """Return how likely a trial on so many rows finds this gain (points) beyond chance."""
    if rows < FEWEST_ROWS or spread == 0:
        return 0.0
    error = 100 * spread / math.sqrt(min(rows, MOST_ROWS))
    return 0.5 * (1 + math.erf((gain / error - SURE) / math.sqrt(2)))


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
