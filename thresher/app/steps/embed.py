"""Turn every row into a vector."""

from __future__ import annotations

from pathlib import Path

from curation.curator.encoding import encode_rows
from curation.curator.rows import Rows

from ...core.choice import Choice
from ...core.embeddings import Embeddings
from ...core.encoders import Encoder, get_encoder, load_encoder
from ...core.encoders.automatic import choose_encoder
from ...core.encoders.joined import JoinedEncoder
from ...core.loaded import LoadedDataset
from ..stages import Done, Notes, RunFolder


def embed_rows(run: RunFolder, loaded: Done[LoadedDataset]) -> Done[Embeddings]:
    """Write the embeddings of all rows, and the encoder that made them, into ``embeddings/``.

    An encoder that learns from labels sees none where ``label.budget`` has yet to buy them.
    """
    chosen = choose_for(run, loaded.value.schema.modality)
    bought = run.settings.label.budget is None

    def work(folder: Path, notes: Notes) -> None:
        schema = loaded.value.schema
        encoder = get_encoder(
            chosen.value,
            modality=schema.modality,
            device=run.device.value,
            random_state=run.settings.seed,
        )
        columns = list(schema.inputs)
        rows = Rows.open(
            loaded.value.dataset,
            column=columns if schema.modality == "features" else columns[0],
            label=schema.label if bought else None,
            task=schema.task,
        )
        encoded = encode_rows(rows, encoder, known=None, random_state=run.settings.seed)
        embeddings, encoder = encoded.embeddings, encoded.encoder or encoder
        encoder.save(folder / "encoder")
        embeddings.save(folder / "vectors")
        notes.choices["encoder"] = chosen
        notes.choices["encoder device"] = encoder.device
        if isinstance(encoder, JoinedEncoder) and encoder.weighing_ is not None:
            notes.choices["meaning"] = encoder.weighing_.choice
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
        settings=[chosen.value, bought],
        code=("thresher/core", "curation"),
        where="embeddings",
        rows=len(loaded.value.dataset),
    )


def choose_for(run: RunFolder, modality: str) -> Choice:
    """Return the encoder that was asked for, or the one for rows of this kind."""
    asked = run.settings.embed.encoder
    return choose_encoder(modality) if asked == "auto" else Choice(asked, "asked for")


def read_encoder(embeddings: Done[Embeddings], *, device: str) -> Encoder:
    """Read the fitted encoder, to place new rows among the others."""
    return load_encoder(embeddings.folder / "encoder", device=device)
