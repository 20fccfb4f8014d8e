"""How rows are compared for near duplicates and leaks, from which similarity on, and why so."""

from __future__ import annotations

from dataclasses import dataclass

from thresher.core.counted import counted
from thresher.core.neighbors import NeighborGraph

from .encoding import Encoded
from .rows import DecodedImages, Rows

# Encoders of texts, beside which copies are found by their words.
BY_TEXT = ("auto", "builtin:text", "joined:text")
SHINGLES, COSINE = "Jaccard similarity of shingles", "Cosine similarity"
LOOKS = "Likeness of images laid over each other"
# Numbers are near duplicates only when they are all but equal (`NEARLY_EQUAL`); vectors
# of unknown make when they are as close as copies are in most encoders; images when most of what
# is unlike in them is explained by an edit.
NEAR_FEATURES, NEAR_OWN, NEAR_LOOKS = 0.9999, 0.95, 0.5
NEARLY_EQUAL = "numbers that differ by a few hundredths of their usual spread"
# From fewer rows no threshold is learnt; below this expected precision none is trusted.
FEWEST_ROWS, NEAR_FEW = 50, 0.98
FAIR_PRECISION, NEAR_SURE = 0.9, 0.995


@dataclass(frozen=True)
class Closeness:
    """A measure of similarity, the threshold from which rows are close, and why that one."""

    measure: str
    threshold: float
    reason: str

    def __str__(self) -> str:
        return f"{self.measure} of at least {self.threshold:.4g} ({self.reason})"


def compares_texts(rows: Rows, encoder: object, *, own_vectors: bool) -> bool:
    """Tell whether texts are compared as texts.

    The built-in vectors forget rare words, so that "What does BMW stand for?" and "What does VCR
    stand for?" are one to them; vectors that were asked for are taken at their word.
    """
    return rows.modality == "text" and not own_vectors and encoder in BY_TEXT


def choose_closeness(
    rows: Rows, encoded: Encoded, *, target_precision: float = 0.95, random_state: int
) -> Closeness:
    """Choose a threshold for cosine similarity, by planting edits in rows where that is possible.

    Parameters
    ----------
    rows : Rows
    encoded : Encoded
        Without an encoder, which vectors of the user's own lack, nothing can be planted.
    target_precision : float
        See `suggest_threshold`.
    random_state : int
    """
    encoder = encoded.encoder
    if encoder is None:
        return Closeness(COSINE, NEAR_OWN, "vectors of your own, in which no edits can be planted")
    if rows.modality == "features":
        return Closeness(COSINE, NEAR_FEATURES, NEARLY_EQUAL)
    if len(rows) < FEWEST_ROWS:
        return Closeness(COSINE, NEAR_FEW, f"fewer than {FEWEST_ROWS} rows to learn one from")
    from ..duplicates.thresholds import suggest_threshold

    values = rows.values()
    if rows.modality == "image":
        values = DecodedImages(rows.dataset, rows.columns[0], encoder.image_size)
    suggested = suggest_threshold(
        values,
        encoded.embeddings,
        encode=encoder.encode,
        kind=rows.modality,
        target_precision=target_precision,
        random_state=random_state,
    )
    if suggested.precision < FAIR_PRECISION:
        why = f"no threshold is sure to tell copies from look-alikes here; {suggested.reason}"
        return Closeness(COSINE, max(NEAR_SURE, suggested.threshold), why)
    return Closeness(COSINE, suggested.threshold, suggested.reason)


def choose_text_closeness(
    texts: list[str], *, target_precision: float = 0.95, random_state: int = 0
) -> Closeness:
    """Choose a threshold for the Jaccard similarity of texts, as `text_graph` does."""
    from ..duplicates.texts.thresholds import choose_text_threshold

    chosen = choose_text_threshold(
        texts, target_precision=target_precision, random_state=random_state
    )
    return Closeness(SHINGLES, float(chosen.value), chosen.reason)


def describe_search(graph: NeighborGraph) -> str:
    """Say how a graph was searched, and what share of the pairs it found."""
    if graph.recall is None:
        return graph.method
    recall = graph.recall
    return (
        f"{graph.method}; measured recall {recall.estimate:.4f} (95 % interval {recall.low:.4f} to "
        f"{recall.high:.4f}, {counted(recall.sampled_rows, 'row')} searched exhaustively)"
    )
