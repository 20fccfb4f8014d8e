"""How rows are compared for near duplicates and leaks, from which similarity on, and why so."""

from __future__ import annotations

from dataclasses import dataclass

from thresher.core.embeddings import Embeddings
from thresher.core.encoders.protocol import Encoder
from thresher.core.errors import InputError
from thresher.core.neighbors import NeighborGraph
from thresher.core.search import neighbor_graph

from .reading import DecodedImages, Rows

SHINGLES, COSINE = "Jaccard similarity of shingles", "Cosine similarity"
# Numbers are near duplicates only when they are all but equal (`NEARLY_EQUAL`); texts when a word
# or two of them differ; vectors of unknown make when they are as close as copies are in most
# encoders.
NEAR_FEATURES, NEAR_TEXT, NEAR_OWN = 0.9999, 0.8, 0.95
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
    return rows.modality == "text" and not own_vectors and encoder in ("auto", "builtin:text")


def choose_closeness(
    rows: Rows, embeddings: Embeddings, encoder: Encoder | None, *, random_state: int
) -> Closeness:
    """Choose a threshold for cosine similarity.

    Parameters
    ----------
    rows : Rows
    embeddings : Embeddings
    encoder : Encoder or None
        The fitted one, to plant edits with; None for vectors of the user's own.
    random_state : int
    """
    if encoder is None:
        return Closeness(COSINE, NEAR_OWN, "vectors of your own, in which no edits can be planted")
    if rows.modality == "features":
        return Closeness(COSINE, NEAR_FEATURES, NEARLY_EQUAL)
    if len(rows) < FEWEST_ROWS:
        return Closeness(COSINE, NEAR_FEW, f"fewer than {FEWEST_ROWS} rows to learn one from")
    from .thresholds import suggest_threshold

    values = rows.values()
    if rows.modality == "image":
        values = DecodedImages(rows.dataset, rows.columns[0], encoder.image_size)
    suggested = suggest_threshold(
        values, embeddings, encode=encoder.encode, kind=rows.modality, random_state=random_state
    )
    if suggested.precision < FAIR_PRECISION:
        why = f"no threshold is sure to tell copies from look-alikes here; {suggested.reason}"
        return Closeness(COSINE, max(NEAR_SURE, suggested.threshold), why)
    return Closeness(COSINE, suggested.threshold, suggested.reason)


def choose_text_closeness(
    texts: list[str], *, target_precision: float = 0.95, random_state: int = 0
) -> Closeness:
    """Choose a threshold for the Jaccard similarity of texts.

    Edits planted in short questions are often told from look-alikes below `NEAR_TEXT` already, but
    questions of one pattern ("What is the origin of the word …?") are that much alike too: so what
    is learnt only ever raises the threshold.
    """
    usual = Closeness(SHINGLES, NEAR_TEXT, "four fifths of all shingles: a word or two changed")
    if len(texts) < FEWEST_ROWS:
        return usual
    from .text_thresholds import suggest_text_threshold

    try:
        suggested = suggest_text_threshold(
            texts, target_precision=target_precision, random_state=random_state
        )
    except InputError:  # too few different texts to learn from
        return usual
    if suggested.threshold <= NEAR_TEXT:
        return usual
    return Closeness(SHINGLES, suggested.threshold, suggested.reason)


def search(
    rows: Rows, embeddings: Embeddings | None, *, threshold: float, random_state: int
) -> NeighborGraph:
    """Find all pairs of close rows: by cosine, or without `embeddings` by the shingles of texts."""
    if embeddings is not None:
        return neighbor_graph(embeddings, threshold=threshold, random_state=random_state)
    from .text_duplicates import text_graph

    texts = rows.values()
    return text_graph(texts, row_ids=rows.ids, threshold=threshold, random_state=random_state)


def describe_search(graph: NeighborGraph) -> str:
    """Say how a graph was searched, and what share of the pairs it found."""
    if graph.recall is None:
        return graph.method
    recall = graph.recall
    return (
        f"{graph.method}; measured recall {recall.estimate:.4f} (95 % interval {recall.low:.4f} to "
        f"{recall.high:.4f}, {recall.sampled_rows} rows searched exhaustively)"
    )
