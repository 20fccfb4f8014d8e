"""Turn every row into a vector."""

from __future__ import annotations

from pathlib import Path

from ...core.embeddings import Embeddings
from ...core.encoders import embed
from ...core.schema import LoadedDataset
from ..stages import Done, Notes, RunFolder


def embed_rows(run: RunFolder, loaded: Done[LoadedDataset]) -> Done[Embeddings]:
    """Write the embeddings of all rows into ``embeddings/``."""

    def work(folder: Path, notes: Notes) -> None:
        schema = loaded.value.schema
        embeddings = embed(
            loaded.value.dataset,
            column=schema.inputs if schema.modality == "features" else schema.inputs[0],
            encoder=run.settings.embed.encoder,
            device=run.device.value,
            random_state=run.settings.seed,
        )
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
