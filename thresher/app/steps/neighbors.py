"""Search once for rows that are close to each other; every check reads what was found."""

from __future__ import annotations

from pathlib import Path

from curation.closeness import NEARLY_EQUAL, choose_text_closeness
from curation.table_rows import other_columns, where_equal
from curation.text_duplicates import text_graph
from curation.thresholds import suggest_threshold

from ...core.choice import Choice
from ...core.columns import read_row_ids, read_texts
from ...core.embeddings import Embeddings
from ...core.neighbors import NeighborGraph
from ...core.schema import LoadedDataset
from ...core.search import neighbor_graph
from ..stages import Done, Notes, RunFolder
from .embed import read_encoder
from .pictures import Pictures

GRAPH = "graph.npz"
FEWEST_TO_LEARN = 50
NEAR_FEATURES, NEAR_FEW, NEAR_SURE = 0.9999, 0.98, 0.995
# Below this expected precision, only rows that are all but equal count as near duplicates.
FAIR_PRECISION = 0.9
SHINGLES, COSINE = "Jaccard similarity of shingles", "Cosine similarity"


def search_neighbors(
    run: RunFolder, loaded: Done[LoadedDataset], embeddings: Done[Embeddings]
) -> Done[NeighborGraph]:
    """Write the graph of all close pairs into ``neighbors/``."""
    settings = run.settings.find

    def work(folder: Path, notes: Notes) -> None:
        as_text = compares_texts(run, loaded.value)
        choice = Choice(str(settings.near_threshold), "asked for")
        if settings.near_threshold == "auto":
            choice = choose_threshold(run, loaded.value, embeddings, as_text=as_text)
        notes.choices["near-duplicate threshold"] = choice
        graph = _search(run, loaded.value, embeddings.value, float(choice.value), as_text=as_text)
        graph.save(folder / GRAPH)
        notes.summary = {
            "pairs": graph.pair_count,
            "threshold": graph.threshold,
            "method": graph.method,
            "measure": SHINGLES if as_text else COSINE,
        }

    return run.stage(
        "neighbours",
        work,
        load=lambda folder: NeighborGraph.load(folder / GRAPH),
        needs=[loaded, embeddings],
        settings=settings,
        code=("thresher/core", "curation"),
        where="neighbors",
        rows=len(embeddings.value),
    )


def compares_texts(run: RunFolder, loaded: LoadedDataset) -> bool:
    """Tell whether texts are compared as texts.

    The built-in vectors forget rare words, so that "What does BMW stand for?" and "What does VCR
    stand for?" are one to them; an encoder that was asked for is taken at its word.
    """
    return loaded.schema.modality == "text" and run.settings.embed.encoder == "auto"


def choose_threshold(
    run: RunFolder, loaded: LoadedDataset, embeddings: Done[Embeddings], *, as_text: bool
) -> Choice:
    """Choose how similar near duplicates must be, by planting edits in rows of this data."""
    modality, column = loaded.schema.modality, loaded.schema.inputs[0]
    if as_text:
        found = choose_text_closeness(
            read_texts(loaded.dataset, column),
            target_precision=run.settings.find.near_precision,
            random_state=run.settings.seed,
        )
        return Choice(f"{found.threshold:.4g}", found.reason)
    if modality == "features":
        return Choice(str(NEAR_FEATURES), NEARLY_EQUAL)
    if len(loaded.dataset) < FEWEST_TO_LEARN:
        return Choice(str(NEAR_FEW), f"fewer than {FEWEST_TO_LEARN} rows to learn one from")
    encoder = read_encoder(embeddings, device=run.device.value)
    images = Pictures(loaded, size=encoder.image_size) if modality == "image" else None
    suggested = suggest_threshold(
        read_texts(loaded.dataset, column) if images is None else images,
        embeddings.value,
        encode=encoder.encode,
        kind=modality,
        target_precision=run.settings.find.near_precision,
        random_state=run.settings.seed,
    )
    if suggested.precision < FAIR_PRECISION:
        why = f"no threshold is sure to tell copies from look-alikes here ({suggested.reason})"
        return Choice(str(max(NEAR_SURE, suggested.threshold)), why)
    return Choice(f"{suggested.threshold:.4f}", suggested.reason)


def _search(
    run: RunFolder,
    loaded: LoadedDataset,
    embeddings: Embeddings,
    threshold: float,
    *,
    as_text: bool,
) -> NeighborGraph:
    if as_text:
        return text_graph(
            read_texts(loaded.dataset, loaded.schema.inputs[0]),
            row_ids=read_row_ids(loaded.dataset),
            threshold=threshold,
            random_state=run.settings.seed,
        )
    graph = neighbor_graph(
        embeddings,
        threshold=threshold,
        recall=run.settings.find.recall,
        device=run.device.value,
        random_state=run.settings.seed,
    )
    schema = loaded.schema
    return where_equal(graph, other_columns(loaded.dataset, schema.inputs, label=schema.label))
