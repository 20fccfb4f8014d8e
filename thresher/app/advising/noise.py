"""Probe of wrong labels: how many there are, and what leaving them out changes."""

from __future__ import annotations

import math

import numpy as np

from curation import find_label_issues
from curation.decisions.label_action import choose_label_action
from curation.labels import LabelIssues

from ...core.counted import counted, percent
from ...core.interval import Z
from ...core.numerics.gram import GramHead
from ...core.numerics.softmax import softmax
from .epochs import NETWORKS, rightly_told
from .levers import Estimate, Lever
from .sample import Sample
from .transfer import combined, widened

# Of the trial of a run, `thresher.app.steps.label_trial`, whose import loads PyTorch.
FEWEST_ROWS, FEWEST_FLAGS, MOST_ROWS = 60, 10, 6000
NOTHING = Estimate(0.0, 0.0, 0.0)
# Points: the standard deviation of what leaving out flagged rows gains on sets of all kinds, and
# the least error of such a gain.
USUAL_GAIN, LEAST = 3.0, 0.3
SCALES = 2.0 ** np.arange(0, 6)


def wrong_labels(sample: Sample, modality: str, *, shipped: bool = False) -> Lever:
    """Say what leaving out the rows with a suspicious label would change, as a run does it.

    A run leaves them out where the evidence is sure (`choose_label_action`), and else where a trial
    of networks on held-out rows gains for sure (`judge_gains`); so the gain counts by how likely
    that is. Networks are tried here too: a linear head hardly learns wrong labels by heart, and
    gains little without them. Held-out labels are wrong as often, which hides a part of the gain.

    Parameters
    ----------
    sample : Sample
    modality : str
    shipped : bool
        Whether the run trains a linear head itself, so that its gain counts; the trial that leaves
        rows out is one of networks there too.
    """
    found = _find(sample.head)
    action = choose_label_action(found)
    share = float(found.flagged.mean())
    count = round(share * sample.of)
    if action.value != "drop" and count < FEWEST_FLAGS:
        return _lever(NOTHING, f"a run would leave none out: {action.reason}", found=False)
    gains, of_head = _gains(sample, modality, shipped=shipped)
    learner = "linear heads change" if shipped else "small networks change"
    gain = _likely(gains if of_head is None else of_head, rows=len(sample))
    seen = 100 * float((gains if of_head is None else of_head).mean())
    said = (
        f"about {counted(count, 'label looks', 'labels look')} wrong ({percent(share, digits=1)} "
        f"of {counted(len(sample), 'row')} looked at); "
        f"{learner} by {seen:+.1f} points without them"
    )
    if action.value == "drop":
        return _lever(gain, said)
    chance = _chance_of_dropping(
        _likely(gains, rows=len(sample)), float(gains.std()), rows=sample.of
    )
    return _lever(
        Estimate(chance * gain.value, min(0.0, gain.low * chance), max(0.0, gain.high)),
        f"{said}, and a run's trial would leave them out with a probability of {chance:.2f}",
    )


def _likely(gains: np.ndarray, *, rows: int) -> Estimate:
    """Return the points that such gains on held-out rows stand for."""
    # Some rows are judged again: of the sample there are only so many.
    spread = 100 * float(gains.std()) / math.sqrt(min(gains.size, rows))
    seen = Estimate.around(100 * float(gains.mean()), max(spread, LEAST))
    # On most sets there is nothing to gain, so that chance alone looks like a gain on many of them.
    return combined(seen, Estimate.around(0.0, USUAL_GAIN))


def _gains(sample: Sample, modality: str, *, shipped: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Return by how much networks without flagged rows are ahead on each held-out row.

    And where `shipped`, by how much linear heads are.
    """
    splits = sample.splits[:NETWORKS]
    whole = [train for train, _ in splits]
    clean = [train[~_find(sample.head.part(train)).flagged] for train in whole]
    # Side by side they learn equally many rows.
    least = min(len(train) for train in clean)
    judged = np.array([test for _, test in splits])
    right = [
        rightly_told(sample, np.array(rows), judged, modality)
        for rows in (whole, [train[:least] for train in clean])
    ]
    of_networks = np.asarray(right[1].astype(float) - right[0])
    if not shipped:
        return of_networks, None
    heads = [
        sample.head.right(rows, test).astype(float) - sample.head.right(train, test)
        for rows, train, test in zip(clean, whole, judged, strict=True)
    ]
    return of_networks, np.array(heads)


def _chance_of_dropping(gain: Estimate, spread: float, *, rows: int) -> float:
    """Return how likely a trial on so many rows finds such a gain (points) beyond chance."""
    if rows < FEWEST_ROWS or spread == 0:
        return 0.0
    error = 100 * spread / math.sqrt(min(rows, MOST_ROWS))
    apart = (gain.value - Z * error) / math.hypot(error, gain.spread)
    return 0.5 * (1 + math.erf(apart / math.sqrt(2)))


def _lever(points: Estimate, evidence: str, *, found: bool = True) -> Lever:
    return Lever(
        name="leave out wrong labels",
        command="thresher curate",
        acts_on=("labels",),
        times=Estimate(1.0, 1.0, 1.0),
        points=widened(points, "wrong labels"),
        cost=0.1,
        evidence=evidence,
        found=found,
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
