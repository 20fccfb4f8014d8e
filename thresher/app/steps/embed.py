"""Turn every row into a vector."""

from __future__ import annotations

from pathlib import Path

from ...core.columns import read_features, read_row_ids
from ...core.embeddings import Embeddings
from ...core.encoders import embed
from ...core.schema import LoadedDataset
from ..stages import Done, Notes, RunFolder


def embed_rows(run: RunFolder, loaded: Done[LoadedDataset]) -> Done[Embeddings]:
    """Write the embeddings of all rows into ``embeddings/``."""

    def work(folder: Path, notes: Notes) -> None:
        rows, schema = loaded.value.dataset, loaded.value.schema
        options = {
            "encoder": run.settings.embed.encoder,
            "device": run.device.value,
            "random_state": run.settings.seed,
        }
        if schema.modality == "features":
            vectors = read_features(rows, schema.inputs)
            embeddings = embed(vectors, row_ids=read_row_ids(rows), **options)
        else:
            embeddings = embed(rows, column=schema.inputs[0], **options)
        embeddings.save(folder / "vectors")
        notes.summary = {
            "encoder": embeddings.encoder,
            "dimensions": int(embeddings.vectors.shape[1]),
        }
        notes.cost.rows_out = len(embeddings)

    return run.stage(
        "embed",
        work,
        load=lambda folder: Embeddings.load(folder / "vectors"),
        needs=[loaded],
        settings=run.settings.embed,
        where="embeddings",
        rows=len(loaded.value.dataset),
    )
