"""Search once for rows that are close to each other; every check reads what was found."""

from __future__ import annotations

from pathlib import Path

from curation.curator.closeness import Closeness
from curation.curator.comparison import Comparison
from curation.curator.encoding import Encoded
from curation.curator.rows import Rows
from curation.curator.steps import Plan, read_steps, score_columns
from curation.duplicates.tables.rows import describing_columns

from ...core.choice import Choice
from ...core.embeddings import Embeddings
from ...core.loaded import LoadedDataset
from ...core.neighbors import NeighborGraph
from ..stages import Done, Notes, RunFolder
from .embed import read_encoder

GRAPH = "graph.npz"


def search_neighbors(
    run: RunFolder, loaded: Done[LoadedDataset], embeddings: Done[Embeddings]
) -> Done[NeighborGraph]:
    """Write the graph of all close pairs into ``neighbors/``."""

    def work(folder: Path, notes: Notes) -> None:
        compared = compare_rows(
            run,
            loaded.value,
            embeddings,
            plan=read_steps([("near_duplicate", {"keep": run.settings.find.keep}), "leakage"]),
        )
        graph, closeness = compared.graph, compared.closeness
        graph.save(folder / GRAPH)
        notes.choices["near-duplicate threshold"] = Choice(
            f"{closeness.threshold:.4g}", closeness.reason
        )
        notes.summary = {
            "pairs": graph.pair_count,
            "threshold": graph.threshold,
            "method": graph.method,
            "measure": closeness.measure,
        }

    return run.stage(
        "neighbors",
        work,
        load=lambda folder: NeighborGraph.load(folder / GRAPH),
        needs=[loaded, embeddings],
        settings=run.settings.find,
        code=("thresher/core", "curation"),
        where="neighbors",
        rows=len(embeddings.value),
    )


def compare_rows(
    run: RunFolder,
    loaded: LoadedDataset,
    embeddings: Done[Embeddings],
    *,
    plan: Plan,
    graph: Done[NeighborGraph] | None = None,
) -> Comparison:
    """Return how rows are compared, with what the stages before this one have made.

    An encoder that was asked for is taken at its word; else texts are compared by their words.
    """
    schema, settings = loaded.schema, run.settings
    columns = list(schema.inputs)
    if schema.modality == "features" and settings.data.features is None:
        columns += describing_columns(loaded.dataset, columns, label=schema.label)
    encoder = read_encoder(embeddings, device=run.device.value)
    return Comparison(
        Rows.open(
            loaded.dataset,
            column=columns if schema.modality == "features" else columns[0],
            label=schema.label,
            task=schema.task,
            ignored=score_columns(plan),
        ),
        plan,
        encoder="auto" if settings.embed.encoder == "auto" else encoder,
        threshold=settings.find.near_threshold,
        compare=settings.find.compare,
        encoded=Encoded(embeddings.value, encoder, 0),
        searched=None if graph is None else _searched(graph),
        precision=settings.find.near_precision,
        recall=settings.find.recall,
        device=run.device.value,
        random_state=settings.seed,
    )


def _searched(graph: Done[NeighborGraph]) -> tuple[Closeness, NeighborGraph]:
    chosen = graph.choices["near-duplicate threshold"]
    summary = graph.summary
    return Closeness(summary["measure"], summary["threshold"], chosen.reason), graph.value
