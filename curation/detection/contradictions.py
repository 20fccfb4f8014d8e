"""Four ways in which a detector contradicts a label, each with a chance that the label is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from thresher.core.detection.detection_set import DetectionSet
from thresher.core.detection.predictions import Predictions
from thresher.core.text_arrays import text_array

from .evidence import (
    MATCH,
    Contacts,
    chance_of,
    log_odds,
    log_size,
    logistic,
    posterior,
    trust,
)
from .overlaps import pair_overlap
from .places import box_text

# What a prediction of another class counts for in saying where a box lies.
OTHER_CLASS = 0.5
# Degrees of freedom of how far a detector's boxes lie off, in deviations: tails are heavy.
TAILS = 5.0
# Median of their size, and the density at 0 when that median is the unit.
MIDDLE, HALF_STUDENT = 0.727, 0.552
FEWEST = 30

Entries = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Contradictions:
    """Labels and predictions side by side; `own` is the place in `pairs` of a label's match."""

    dataset: DetectionSet
    predictions: Predictions
    labels: np.ndarray
    pairs: Contacts
    same: np.ndarray
    own: np.ndarray

    @cached_property
    def near(self) -> np.ndarray:
        """Return how far a label overlaps each prediction at most, shape (p,)."""
        near = np.zeros(len(self.predictions))
        np.maximum.at(near, self.pairs.prediction, self.pairs.overlap)
        return near

    @cached_property
    def lacking(self) -> tuple[np.ndarray, float]:
        """Return how likely something is where each prediction is, and how often no label is."""
        return trust(self.predictions.scores, self.near >= MATCH)

    def missing(self) -> Entries:
        """Judge the predictions that no label touches by half."""
        said, near = self.predictions, self.near
        trusted, share = self.lacking
        alone = np.flatnonzero(near < MATCH)
        alone = alone[~self._repeated(alone)]
        # A label that touches it and has no box of its own may be this object's, badly placed.
        touching = np.zeros(len(said))
        unowned = self.own[self.pairs.label] < 0
        np.maximum.at(touching, self.pairs.prediction[unowned], self.pairs.overlap[unowned])
        free = 1 - touching[alone] / MATCH
        chances = posterior(trusted[alone], share) * free
        names = self.dataset.class_names(said.codes[alone])
        better = [
            f"{name} {box_text(np.round(said.boxes[at], 2))}"
            for name, at in zip(names, alone.tolist(), strict=True)
        ]
        images = said.image_of[alone]
        return self._entries(
            "missing", self.dataset.row_ids[images], chances, alone, better, images
        )

    def _repeated(self, chosen: np.ndarray) -> np.ndarray:
        """Tell which predictions lie by half on a surer one that is chosen too."""
        said = self.predictions
        order = chosen[np.lexsort((-said.scores[chosen], said.image_of[chosen]))]
        repeated = np.zeros(len(said), bool)
        kept: list[int] = []
        for at in order.tolist():
            kept = [one for one in kept if said.image_of[one] == said.image_of[at]]
            if kept:
                many = np.repeat(said.boxes[[at]], len(kept), axis=0)
                repeated[at] = (pair_overlap(many, said.boxes[kept]) >= MATCH).any()
            if not repeated[at]:
                kept.append(at)
        return np.asarray(repeated[chosen])

    def badly_placed(self) -> Entries:
        """Judge each label's distance from the best prediction that touches it."""
        said, pairs, data = self.predictions, self.pairs, self.dataset
        trusted, _ = self.lacking
        # A box that lies by half on another label is that one's.
        owner = np.full(len(said), -1)
        owned = np.flatnonzero(self.own >= 0)
        owner[pairs.prediction[self.own[owned]]] = owned
        free = (owner[pairs.prediction] < 0) | (owner[pairs.prediction] == pairs.label)
        worth = pairs.overlap * trusted[pairs.prediction] * np.where(self.same, 1.0, OTHER_CLASS)
        best = _best_pair(pairs.label, np.where(free, worth, -1.0), len(data.boxes))
        at = self.labels[best[self.labels] >= 0]
        at = at[free[best[at]]]
        place = best[at]
        boxes = said.boxes[pairs.prediction[place]]
        side = np.tile(np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6), 2)
        off = np.sqrt((((data.boxes[at] - boxes) / side) ** 2).mean(axis=1))
        usual = _usual_distance(off, boxes, said.scores[pairs.prediction[place]])
        chances = _too_far(off, usual) * trusted[pairs.prediction[place]]
        better = [box_text(np.round(box, 2)) for box in boxes]
        return self._entries(
            "badly placed", data.box_ids[at], chances, at, better, data.image_of[at]
        )

    def wrong_class(self) -> Entries:
        """Judge each label by the surest prediction of another class that lies on it."""
        pairs, data = self.pairs, self.dataset
        trusted, share = self._trust_of_classes
        on_it = np.minimum(pairs.overlap / MATCH, 1) ** 2
        weight = trusted[pairs.prediction] * on_it
        for_own = np.zeros(len(data.boxes))
        np.maximum.at(for_own, pairs.label[self.same], weight[self.same])
        # A prediction that has a label of its own class elsewhere speaks for that.
        taken = np.zeros(len(self.predictions), bool)
        owned = self.own[self.own >= 0]
        taken[pairs.prediction[owned[self.same[owned]]]] = True
        others = np.where(~self.same & ~taken[pairs.prediction], weight, -1.0)
        best = _best_pair(pairs.label, others, len(data.boxes))
        place = best[self.labels]
        against = (place >= 0) & (others[np.maximum(place, 0)] > 0) if len(others) else place >= 0
        value = np.zeros(len(self.labels))
        value[against] = others[place[against]]
        chances = posterior(np.minimum(value, 0.999), share) * (1 - for_own[self.labels])
        better = [""] * len(self.labels)
        codes = self.predictions.codes[pairs.prediction[place[against]]]
        for at, name in zip(np.flatnonzero(against).tolist(), data.class_names(codes), strict=True):
            better[at] = name
        boxes = self.labels
        return self._entries(
            "wrong class", data.box_ids[boxes], chances, boxes, better, data.image_of[boxes]
        )

    def spurious(self) -> Entries:
        """Judge each label that no prediction lies on by how often such objects are missed."""
        pairs, data, said = self.pairs, self.dataset, self.predictions
        support = np.zeros(len(data.boxes))
        on_it = np.minimum(pairs.overlap / MATCH, 1)
        np.maximum.at(
            support, pairs.label, on_it * np.minimum(said.scores[pairs.prediction] * 2, 1)
        )
        at = self.labels
        seen = support[at] >= 0.5
        features = self._object_features(at, seen)
        caught = chance_of(logistic(features, seen), features) if len(at) else np.zeros(0)
        share = self._share_unseen(seen)
        caught = np.minimum(caught / (1 - share), 0.995)
        doubt = share / (share + (1 - share) * (1 - caught))
        chances = doubt * (1 - support[at]) ** 4
        return self._entries(
            "spurious", data.box_ids[at], chances, at, [""] * len(at), data.image_of[at]
        )

    def _share_unseen(self, seen: np.ndarray) -> float:
        """Return the share of labels on nothing that is thought of before looking at one.

        They cannot be told from objects that the detector misses: taken are as many as boxes are
        missing, and no more than are unseen.
        """
        if not len(seen):
            return 0.0
        return float(np.clip(min(1 - seen.mean(), self.lacking[1]), 0.002, 0.3))

    def _object_features(self, at: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Return size, and how often objects of the class are seen as log-odds, shape (n, 2)."""
        size, codes = log_size(self.dataset.boxes[at]), self.dataset.codes[at] + 1
        rate = (np.bincount(codes, weights=seen) + 1) / (np.bincount(codes) + 2)
        return np.column_stack([size - size.mean() if len(size) else size, log_odds(rate)[codes]])

    @cached_property
    def _trust_of_classes(self) -> tuple[np.ndarray, float]:
        """Return how likely each prediction's class is right where something is labeled."""
        said, pairs = self.predictions, self.pairs
        touched = np.zeros(len(said), bool)
        agree = np.zeros(len(said), bool)
        near = pairs.overlap >= MATCH
        touched[pairs.prediction[near]] = True
        agree[pairs.prediction[near & self.same]] = True
        trusted = np.zeros(len(said))
        chosen, share = trust(said.scores[touched], agree[touched])
        trusted[touched] = chosen
        if touched.any():
            beta = logistic(log_odds(said.scores[touched])[:, None], agree[touched])
            rest = chance_of(beta, log_odds(said.scores[~touched])[:, None])
            trusted[~touched] = np.minimum(rest / (1 - share), 0.999)
        return trusted, share

    def _entries(
        self,
        kind: str,
        rows: np.ndarray,
        chances: np.ndarray,
        boxes: np.ndarray,
        better: list[str],
        images: np.ndarray,
    ) -> Entries:
        kinds = text_array([kind] * len(rows))
        return rows, kinds, np.clip(chances, 0, 1), boxes, text_array(better), images


def _best_pair(owner: np.ndarray, worth: np.ndarray, count: int) -> np.ndarray:
    """Return the place of the pair of most worth of each owner, int64, shape (count,); −1: none."""
    found = np.full(count, -1)
    order = np.argsort(worth, kind="stable")
    found[owner[order]] = order
    return found


def _usual_distance(off: np.ndarray, boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return how far off a right box usually is, by size and confidence, shape (n,)."""
    if len(off) < FEWEST:
        return np.full(len(off), max(float(np.median(off)) if len(off) else 0.0, 0.02))
    design = np.column_stack([np.ones(len(off)), log_size(boxes), log_odds(scores)])
    design[:, 1:] -= design[:, 1:].mean(axis=0)
    goal = np.log(off + 1e-3)
    weight = np.ones(len(off))
    beta = np.zeros(3)
    for _ in range(10):  # by medians: the wrong ones have no say
        held = design * weight[:, None]
        beta = np.linalg.solve(held.T @ design + 1e-6 * np.eye(3), held.T @ goal)
        weight = 1 / np.maximum(np.abs(goal - design @ beta), 1e-2)
    return np.asarray(np.exp(design @ beta))


def _too_far(off: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Return how likely a box is misplaced that is `off` where `usual` is usual, shape (n,).

    Distances of right boxes follow a Student distribution, those of wrong ones are as likely at any
    distance up to half the side; their share is found by expectation and maximization.
    """
    far = off / np.maximum(usual, 1e-6)
    right = HALF_STUDENT * (1 + (MIDDLE * far) ** 2 / TAILS) ** (-(TAILS + 1) / 2)
    wrong = np.maximum(usual, 1e-6) / 0.5
    share = 0.05
    chance = np.zeros(len(off))
    for _ in range(20):
        chance = share * wrong / (share * wrong + (1 - share) * right)
        share = float(np.clip(chance.mean(), 0.002, 0.3)) if len(off) else share
    return np.where(far > 1, chance, chance * far)
