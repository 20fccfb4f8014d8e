"""A Jaccard threshold for near-duplicate texts, suggested from planted edits and look-alikes.

As `thresholds` does for vectors: copies of sampled texts are edited in small ways, which says what
a duplicate looks like, and sampled texts are compared with all others, which says what chance
look-alikes reach. Product names differ by a digit, sentences by whole words: no one threshold
serves both. Cost: a sparse product of 1,000 rows with all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thresher.core.errors import InputError, check_number
from thresher.core.missing import text_list
from thresher.core.randomness import RandomState, check_random_state
from thresher.core.signatures import checked

from .planted_edits import TEXT_EDITS
from .text_duplicates import nearest_jaccard, paired_jaccard
from .thresholds import APART, EDITED_ROWS, NEIGHBORS, ThresholdSuggestion, weigh_levels

COMPARED_ROWS = 1000
# As many as a group of duplicates seldom has: the farther ones show how alike mere look-alikes are.
BACKGROUND = 50
LEVELS = np.round(np.arange(0.2, 0.9996, 0.01), 4)


@checked
def suggest_text_threshold(
    texts: Sequence[str],
    *,
    target_precision: float = 0.95,
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
        Share of texts assumed to have a duplicate, unless more stand out as having one; the
        smaller, the higher the threshold.
    floor : float
        Lowest threshold that may be suggested, from 0.2.

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
    texts = text_list("texts", texts)
    usable = np.flatnonzero([any(map(str.isalnum, text)) for text in texts])
    if len(usable) < 2 * NEIGHBORS:
        raise InputError(
            f"A threshold needs {2 * NEIGHBORS} texts with words or more, got {len(usable)}."
        )
    rng = check_random_state(random_state)
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
    return weigh_levels(
        edited,
        nearest[~apart, 0],
        levels=LEVELS[floor - 1e-9 <= LEVELS],
        target_precision=target_precision,
        duplicate_rate=min(max(duplicate_rate, float(apart.mean())), 0.99),
        set_aside=float(apart.mean()),
    )
