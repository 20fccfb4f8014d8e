"""A Jaccard threshold for near-duplicate texts, suggested from planted edits and look-alikes.

Copies of sampled texts are edited in small ways, which says what a duplicate looks like, and
sampled texts are compared with all others, which says how often two texts are that much alike.
Product names differ by a digit, sentences by whole words: no one threshold serves both.

Which of the texts found are mere look-alikes? Copies come in pairs, look-alikes in families (see
`chance_by_families`). That counts families of copies as look-alikes, so there is other evidence
too: where texts that stand out from all others are as similar throughout as edited copies are, they
are taken for copies.

Cost: a sparse product of 1,000 rows with all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.core.choice import Choice
from thresher.core.counted import percent
from thresher.core.errors import InputError, check_number
from thresher.core.missing import text_list
from thresher.core.randomness import RandomState, check_random_state
from thresher.core.signatures import checked

from ..planted_edits import TEXT_EDITS
from ..thresholds import (
    APART,
    EDITED_ROWS,
    FEW_FOUND,
    NEIGHBORS,
    ThresholdSuggestion,
    chance_by_families,
    share_above,
    suggestion,
)
from .likeness import nearest_jaccard, paired_jaccard

COMPARED_ROWS = 1000
# As many as a group of duplicates seldom has: the farther ones show how alike mere look-alikes are.
BACKGROUND = 50
LEVELS = np.round(np.arange(0.2, 0.9996, 0.01), 4)
# Above so high a level the rate of copies is no longer bounded by what stands out farther up, so
# that the level itself counts.
HARDLY_EDITED = 0.9
# What `choose_text_threshold` takes where nothing better is known, the lowest it takes (lower ones
# cost many times as much to search), and what it needs to learn from.
USUAL, LOWEST, FEWEST_TEXTS = 0.8, 0.5, 50
TARGET, CROWDED = 0.95, 0.5


@checked
def suggest_text_threshold(
    texts: Sequence[str],
    *,
    target_precision: float = TARGET,
    duplicate_rate: float = 0.05,
    floor: float = 0.3,
    random_state: RandomState = 0,
) -> ThresholdSuggestion:
    """Suggest the lowest threshold for `text_graph` whose expected precision reaches the target.

    Parameters
    ----------
    texts : sequence of str
        20 or more different ones.
    target_precision : float
        In (0, 1).
    duplicate_rate : float
        Share of texts assumed to have a duplicate at levels that fewer than ten sampled texts
        reach; elsewhere it is estimated. The smaller, the higher the threshold.
    floor : float
        Lowest threshold that may be suggested, from 0.2.

    Returns
    -------
    ThresholdSuggestion
        All texts found count for its precision, also those that stand out from all others but one;
        `set_aside` is the share that is taken for true duplicates.

    Raises
    ------
    InputError
        On bad options, or too few texts.

    Examples
    --------
    >>> from curation import suggest_text_threshold
    >>> texts = [f"order {at * 7919 % 1000}: {at % 13} lamps, {at * 31 % 97}" for at in range(300)]
    >>> suggested = suggest_text_threshold(texts)
    >>> 0 < suggested.threshold <= 1
    True
    """
    check_number("floor", floor, low=float(LEVELS[0]), high=1)
    for name, share in (("target_precision", target_precision), ("duplicate_rate", duplicate_rate)):
        if not 0 < share < 1:
            raise InputError(f"`{name}` must be between 0 and 1, got {share!r}.")
    evidence = _evidence(text_list("texts", texts), check_random_state(random_state))
    levels = LEVELS[floor - 1e-9 <= LEVELS]
    return evidence.weigh(levels, target_precision, duplicate_rate)


def choose_text_threshold(
    texts: Sequence[str], *, target_precision: float = TARGET, random_state: RandomState = 0
) -> Choice:
    """Choose the threshold from which texts are near duplicates, and say why.

    The lowest from .5 to .8 with the expected precision, by `suggest_text_threshold`. Where none
    has it, .8 (a word or two changed), unless most of what that finds has many others nearly as
    similar, as names have that differ by a digit: then the suggested one, which is higher.

    Parameters
    ----------
    texts : sequence of str
    target_precision : float
        In (0, 1).
    random_state : int or Generator

    Returns
    -------
    Choice
        Its value is the number as text.
    """
    if len(texts) < FEWEST_TEXTS:
        return Choice(f"{USUAL:g}", f"fewer than {FEWEST_TEXTS} texts to learn one from")
    try:
        evidence = _evidence(texts, check_random_state(random_state))
    except InputError:  # too few texts with a word
        return Choice(f"{USUAL:g}", f"fewer than {2 * NEIGHBORS} texts with words to learn from")
    levels = LEVELS[LOWEST - 1e-9 <= LEVELS]
    suggested = evidence.weigh(levels, target_precision, 0.05)
    usual = evidence.weigh(np.array([USUAL]), target_precision, 0.05)
    if suggested.reached and suggested.threshold <= USUAL:
        return Choice(f"{suggested.threshold:g}", suggested.reason)
    if evidence.crowded(USUAL) <= CROWDED:
        return Choice(
            f"{USUAL:g}",
            f"a word or two changed; no lower one is expected to be {percent(target_precision)} "
            f"right, this one {percent(usual.precision)}",
        )
    return Choice(f"{suggested.threshold:g}", suggested.reason)


@dataclass(frozen=True)
class _Evidence:
    """Similarities of edited copies, and of sampled texts to the most similar others."""

    edited: dict[str, np.ndarray]
    first: np.ndarray
    second: np.ndarray
    apart: np.ndarray

    def weigh(self, levels: np.ndarray, target: float, rate: float) -> ThresholdSuggestion:
        """Choose among `levels`, rising."""
        n = len(self.first)
        pooled = np.concatenate(list(self.edited.values()))
        recall, found = share_above(pooled, levels), share_above(self.first, levels)
        chance = chance_by_families(self.first, self.second, levels)
        enough = found * n >= FEW_FOUND
        true = np.where(enough, np.clip(found - chance, 0, None), rate * recall)
        by_families = true / np.maximum(true + chance, 1e-12)
        by_edits = np.where(enough, self._like_edits(levels, recall, found), 0)
        precision = np.maximum(by_families, by_edits)
        return suggestion(
            self.edited,
            levels=levels,
            precision=precision,
            chance=np.where(enough, found * (1 - precision), chance),
            set_aside=np.where(enough, found * precision, np.minimum(true, found)),
            target_precision=target,
        )

    def crowded(self, level: float) -> float:
        """Return the share of the rows found at a level that do not stand out from all others."""
        found = self.first >= level
        return float((~self.apart[found]).mean()) if found.any() else 0.0

    def _like_edits(self, levels: np.ndarray, recall: np.ndarray, found: np.ndarray) -> np.ndarray:
        """Return the precision if as many texts are copies as at no level too many stand out for.

        Were a share r of the texts copies, at every level r times the recall of edits would stand
        out. So r is at most the least ratio of both, from a level on.
        """
        pooled = np.concatenate(list(self.edited.values()))
        higher = LEVELS[levels[0] - 1e-9 <= LEVELS]
        stand_out = share_above(self.first[self.apart], higher) * self.apart.mean()
        ratio = stand_out / np.maximum(share_above(pooled, higher), 1e-9)
        rate = np.minimum.accumulate(ratio[::-1])[::-1][np.searchsorted(higher, levels - 1e-9)]
        precision = np.minimum(1, rate * recall / np.maximum(found, 1e-9))
        judged = levels <= HARDLY_EDITED + 1e-9
        return np.where(judged, precision, precision[judged][-1] if judged.any() else 0)


def _evidence(texts: Sequence[str], rng: np.random.Generator) -> _Evidence:
    usable = np.flatnonzero([any(map(str.isalnum, text)) for text in texts])
    if len(usable) < 2 * NEIGHBORS:
        raise InputError(
            f"A threshold needs {2 * NEIGHBORS} texts with words or more, got {len(usable)}."
        )
    rows = np.sort(rng.choice(usable, min(len(usable), EDITED_ROWS), replace=False))
    originals = [texts[row] for row in rows]
    edited = {
        name: paired_jaccard(originals, [change(text, rng) for text in originals])
        for name, change in TEXT_EDITS.items()
    }
    sampled = np.sort(rng.choice(usable, min(len(usable), COMPARED_ROWS), replace=False))
    nearest, copied = nearest_jaccard(texts, sampled, count=BACKGROUND)
    distances = 1 - nearest
    apart = copied | (distances[:, 0] < APART * distances[:, 1:].mean(axis=1))
    return _Evidence(edited, np.where(copied, 1, nearest[:, 0]), nearest[:, 1], apart)
