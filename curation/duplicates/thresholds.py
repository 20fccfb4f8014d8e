"""A threshold for near duplicates, suggested from planted edits and the look-alikes of the data.

No one threshold serves all corpora and encoders. Copies of sampled rows are edited in small ways
and encoded: their similarity to the original says what a true duplicate looks like. The similarity
of sampled rows to their nearest other row says what chance look-alikes reach. Cost: encoding of
three to five times 500 edited rows, and n d products for each of 2,000 sampled rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.core.counted import counted, percent
from thresher.core.embeddings import Embeddings, unit_length
from thresher.core.errors import InputError, check_choice, check_number
from thresher.core.randomness import RandomState, check_random_state
from thresher.core.search import top_k
from thresher.core.signatures import checked

from .planted_edits import IMAGE_EDITS, TEXT_EDITS
from .texts.shingles import normalized

EDITED_ROWS, COMPARED_ROWS, NEIGHBORS = 500, 2000, 10
# A nearest row less than half as far as the next nine are on average is taken for a duplicate.
APART = 0.5
EQUAL = 1 - 1e-6
# See `chance_by_families`; a quarter of a row more than were seen to have two, never none.
FAMILIES, UNSEEN = 2 / 3, 0.25
# So few rows found tell nothing of how many duplicates there are.
FEW_FOUND = 10
LEVELS = np.round(np.arange(0.5, 0.9996, 0.0025), 4)


@dataclass(frozen=True)
class ThresholdSuggestion:
    """A similarity threshold with what to expect of it.

    Attributes
    ----------
    threshold : float
    precision : float
        Expected share of duplicates among the rows found, at the duplicate rate assumed.
    recall : float
        Share of the planted edits at or above the threshold.
    recall_by_edit : dict
        The same for each kind of edit.
    look_alikes : float
        Estimated share of rows without a duplicate whose nearest other row is this similar.
    set_aside : float
        Share of compared rows taken for true duplicates, and so not counted as look-alikes.
    reached : bool
        Whether the target precision is expected; else this is the best to be had.
    reason : str
        The choice in a sentence.
    """

    threshold: float
    precision: float
    recall: float
    recall_by_edit: dict[str, float]
    look_alikes: float
    set_aside: float
    reached: bool
    reason: str


@checked
def suggest_threshold(
    values: Sequence[str] | Sequence[np.ndarray] | np.ndarray,
    embeddings: Embeddings,
    *,
    encode: Callable[[list[str] | np.ndarray], np.ndarray],
    kind: str,
    target_precision: float = 0.95,
    duplicate_rate: float = 0.01,
    floor: float = 0.8,
    mirror: bool = False,
    random_state: RandomState = 0,
) -> ThresholdSuggestion:
    """Suggest the lowest threshold whose expected precision reaches `target_precision`.

    Parameters
    ----------
    values : sequence of str, or ndarray of uint8, shape (n, h, w, 3)
        The rows that were embedded.
    embeddings : Embeddings
        Of all rows, in the order of `values`.
    encode : callable
        Turns edited values, a list of str or an array like `values`, into vectors of the same
        encoder, such as an encoder's ``encode``.
    kind : {"image", "text"}
    target_precision : float
        In (0, 1).
    duplicate_rate : float
        Share of rows assumed to have a duplicate; the smaller, the higher the threshold.
    floor : float
        Lowest threshold that may be suggested.
    mirror : bool
        Whether mirror images count as duplicates.

    Raises
    ------
    InputError
        On bad options, or fewer than 20 rows, from which nothing can be learned.

    Examples
    --------
    >>> from curation import suggest_threshold
    >>> from thresher.core import embed, get_encoder
    >>> texts = [f"order {at * 7919 % 1000}: {at % 13} lamps, {at * 31 % 97}" for at in range(300)]
    >>> encoder = get_encoder("builtin:text-hash")
    >>> vectors = embed(texts, encoder=encoder)
    >>> suggested = suggest_threshold(texts, vectors, encode=encoder.encode, kind="text")
    >>> 0 < suggested.threshold <= 1
    True
    """
    check_choice("kind", kind, ("image", "text"))
    check_number("floor", floor, low=0, high=1)
    for name, share in (("target_precision", target_precision), ("duplicate_rate", duplicate_rate)):
        if not 0 < share < 1:
            raise InputError(f"`{name}` must be between 0 and 1, got {share!r}.")
    if len(values) != len(embeddings) or len(embeddings) < 2 * NEIGHBORS:
        raise InputError(
            f"A threshold needs the values of all embedded rows, {2 * NEIGHBORS} or more: got "
            f"{counted(len(values), 'value')} and {counted(len(embeddings), 'embedding')}."
        )
    rng = check_random_state(random_state)
    edited = edit_similarities(values, embeddings, encode=encode, kind=kind, rng=rng, mirror=mirror)
    scores, apart = nearest_similarities(values, embeddings, rng)
    suggested = weigh_levels(
        edited,
        scores[~apart, 0],
        levels=LEVELS[floor - 1e-9 <= LEVELS],
        target_precision=target_precision,
        duplicate_rate=duplicate_rate,
        set_aside=float(apart.mean()),
    )
    return _counted(suggested, scores, target_precision)


def _counted(
    suggested: ThresholdSuggestion, scores: np.ndarray, target: float
) -> ThresholdSuggestion:
    """Say that the target is out of reach where it is with the rows counted that were set aside."""
    level = np.array([suggested.threshold])
    found = float(share_above(scores[:, 0], level)[0])
    if found * len(scores) < FEW_FOUND:
        return suggested
    precision = 1 - float(chance_by_families(scores[:, 0], scores[:, 1], level)[0]) / found
    if not suggested.reached or precision >= target:
        return suggested
    why = f"; counting these, about {percent(precision)} of the rows found have a true duplicate"
    return replace(suggested, reached=False, reason=suggested.reason + why)


def chance_by_families(first: np.ndarray, second: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the share of rows that have a mere look-alike at or above each level, float64, (m,).

    Copies come in pairs, look-alikes in families: where a share s of the rows has a second one as
    similar, a share of s^(2/3) has a first one by chance, and no more than have any. (Were
    look-alikes independent it would be the root of 2 s, were they all in families s itself; 2/3
    lies between, and fits twelve sets of texts.) Families of copies count as look-alikes.

    Parameters
    ----------
    first, second : ndarray, shape (n,)
        Similarity of each row to the nearest other one, and to the next.
    levels : ndarray, shape (m,)
    """
    n = len(first)
    families = (share_above(second, levels) + UNSEEN / n) ** FAMILIES
    return np.asarray(np.minimum(families, (share_above(first, levels) * n + 0.5) / (n + 1)))


def weigh_levels(
    edited: dict[str, np.ndarray],
    nearest: np.ndarray,
    *,
    levels: np.ndarray,
    target_precision: float,
    duplicate_rate: float,
    set_aside: float,
) -> ThresholdSuggestion:
    """Choose among `levels` by the similarities of edited copies and of chance look-alikes.

    Parameters
    ----------
    edited : dict of ndarray
        For each kind of edit, the similarities of copies to their originals.
    nearest : ndarray
        Similarities of rows to their nearest other row, true duplicates left out.
    levels : ndarray
        Thresholds to choose from, rising.
    target_precision, duplicate_rate, set_aside : float
        See `suggest_threshold` and `ThresholdSuggestion`.
    """
    recall = share_above(np.concatenate(list(edited.values())), levels)
    # Half a row more than were seen, of one row more than were compared: never an estimate of 0.
    chance = (share_above(nearest, levels) * len(nearest) + 0.5) / (len(nearest) + 1)
    found = duplicate_rate * recall
    return suggestion(
        edited,
        levels=levels,
        precision=found / np.maximum(found + (1 - duplicate_rate) * chance, 1e-12),
        chance=chance,
        set_aside=np.full(len(levels), set_aside),
        target_precision=target_precision,
    )


def suggestion(
    edited: dict[str, np.ndarray],
    *,
    levels: np.ndarray,
    precision: np.ndarray,
    chance: np.ndarray,
    set_aside: np.ndarray,
    target_precision: float,
) -> ThresholdSuggestion:
    """Choose the lowest of `levels` from which the expected precision reaches the target.

    Parameters
    ----------
    edited : dict of ndarray
        For each kind of edit, the similarities of copies to their originals.
    levels, precision, chance, set_aside : ndarray, shape (m,)
        Thresholds, rising, and for each what is expected of it; see `ThresholdSuggestion`.
    target_precision : float
    """
    choice, how = _choose(precision, target_precision)
    threshold = float(levels[choice])
    recall = float(share_above(np.concatenate(list(edited.values())), levels)[choice])
    return ThresholdSuggestion(
        threshold=threshold,
        precision=float(precision[choice]),
        recall=recall,
        recall_by_edit={name: float((s >= threshold).mean()) for name, s in edited.items()},
        look_alikes=float(chance[choice]),
        set_aside=float(set_aside[choice]),
        reached=bool(precision[choice] >= target_precision),
        reason=f"{threshold:g} {how}: {percent(recall)} of planted edits are at least this "
        f"similar, and {percent(chance[choice], digits=2)} of rows to a mere look-alike; "
        f"{percent(set_aside[choice], digits=1)} of rows are taken to have a true duplicate",
    )


def _choose(precision: np.ndarray, target: float) -> tuple[int, str]:
    reached = precision >= target
    if not reached.any():
        best = int(len(precision) - 1 - precision[::-1].argmax())
        return best, f"is the best to be had, expected precision {precision[best]:.2f}"
    # The lowest level from which no higher one falls short again before the edits run out.
    top = int(np.flatnonzero(reached)[-1])
    short = np.flatnonzero(~reached[:top])
    choice = int(short[-1]) + 1 if len(short) else 0
    return choice, f"is the lowest with an expected precision of {target:g}"


def edit_similarities(
    values: Sequence[str] | Sequence[np.ndarray] | np.ndarray,
    embeddings: Embeddings,
    *,
    encode: Callable[[list[str] | np.ndarray], np.ndarray],
    kind: str,
    rng: np.random.Generator,
    mirror: bool = False,
) -> dict[str, np.ndarray]:
    """Return for each kind of edit the similarities of edited copies to their originals."""
    usable = np.flatnonzero(embeddings.vectors.any(axis=1))
    rows = np.sort(rng.choice(usable, min(len(usable), EDITED_ROWS), replace=False))
    originals = embeddings.vectors[rows].astype(np.float64)
    result = {}
    if kind == "text":
        for name, change in TEXT_EDITS.items():
            copies = [change(str(values[row]), rng) for row in rows]
            result[name] = np.einsum("ij,ij->i", originals, unit_length(encode(copies)))
        return result
    for name, edit in IMAGE_EDITS.items():
        if mirror or name != "mirror":
            images = np.stack([edit(np.asarray(values[row]), rng) for row in rows])
            result[name] = np.einsum("ij,ij->i", originals, unit_length(encode(images)))
    return result


def look_alike_similarities(
    values: Sequence[str] | Sequence[np.ndarray] | np.ndarray,
    embeddings: Embeddings,
    rng: np.random.Generator,
) -> tuple[np.ndarray, float]:
    """Return similarities of sampled rows to their nearest other row, true duplicates left out.

    Returns
    -------
    similarities : ndarray of float32
    set_aside : float
        Share of the sampled rows left out, because another row has an equal value or stands out
        as nearest.
    """
    scores, apart = nearest_similarities(values, embeddings, rng)
    return scores[~apart, 0], float(apart.mean())


def nearest_similarities(
    values: Sequence[str] | Sequence[np.ndarray] | np.ndarray,
    embeddings: Embeddings,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return similarities of sampled rows to their ten nearest other rows, and which stand out.

    Returns
    -------
    similarities : ndarray of float32, shape (m, 10)
    apart : ndarray of bool, shape (m,)
        Whether another row has an equal value or stands out as nearest.
    """
    vectors = embeddings.vectors
    usable = np.flatnonzero(vectors.any(axis=1))
    rows = np.sort(rng.choice(usable, min(len(usable), COMPARED_ROWS), replace=False))
    found, scores = top_k(vectors[rows], vectors, k=min(NEIGHBORS + 1, len(vectors)))
    own = found == rows[:, None]
    # Among rows equal to it the row itself may not come up; then the last one goes instead.
    own[~own.any(axis=1), -1] = True
    shape = len(rows), found.shape[1] - 1
    found, scores = found[~own].reshape(shape), scores[~own].reshape(shape)
    distances = np.sqrt(np.clip(2 - 2 * scores, 0, 4))
    apart = distances[:, 0] < APART * distances[:, 1:].mean(axis=1)
    # Equal vectors stand out too, but an encoder that knows few words gives them to unlike texts.
    for place in np.flatnonzero(scores[:, 0] >= EQUAL):
        apart[place] = _same(values[rows[place]], values[found[place, 0]])
    return scores, apart


def _same(first: str | np.ndarray, second: str | np.ndarray) -> bool:
    if isinstance(first, str):
        return normalized(first) == normalized(str(second))
    return bool(np.array_equal(first, second))


def share_above(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the share of values at or above each level, float64, shape (m,)."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, levels, side="left")
    share: np.ndarray = 1 - below / max(1, len(ordered))
    return share
