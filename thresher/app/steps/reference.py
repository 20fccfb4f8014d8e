"""Fit a plain reference on the rows that the models train on, and hold the int8 file against it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...core.columns import read_row_ids, read_texts, take_rows
from ...core.embeddings import Embeddings
from ...core.encoders import Encoder, embed, get_encoder
from ...core.fingerprint import row_keys
from ...core.interval import paired_drop, wilson_interval
from ...core.manifest_rows import positions
from ..reference import ENCODER, MODEL, Reference, fit_reference
from ..stages import Done, Notes, RunFolder
from .embed import choose_for, read_encoder
from .material import Material
from .samples import Parts

# A reference is to cost little: of more rows it sees these many.
MOST_ROWS = 20_000
# By how much accuracy the reference is ahead on the same rows, with the 95 % interval.
AHEAD = ("ahead", "ahead_low", "ahead_high")


def compare_with_reference(
    run: RunFolder,
    material: Material,
    embeddings: Done[Embeddings] | None,
    verified: Done[dict[str, Any]],
) -> Done[Reference]:
    """Fit plain models on the labeled training rows and compare on the test rows, row by row.

    Parameters
    ----------
    embeddings : Done of Embeddings or None
        Of all rows, where the run has made them; images are compared by them, or embedded here.
    verified : Done of dict
        What `verify_models` found of the int8 file.
    """
    images = material.rows.value.schema.modality == "image"
    known = embeddings if images else None

    def work(folder: Path, notes: Notes) -> None:
        encoder = _encoder(run, known) if images else None
        values = _values_of(material, known, encoder)
        parts = material.parts
        ids, codes = _of(parts, material.train_at)
        if len(ids) > MOST_ROWS:
            chosen = np.sort(np.argsort(row_keys(ids), kind="stable")[:MOST_ROWS])
            ids, codes = ids[chosen], codes[chosen]
        held_ids, held_codes = _of(parts, parts.validation)
        schema = material.rows.value.schema
        reference = fit_reference(
            values(ids),
            codes,
            validation=(values(held_ids), held_codes),
            modality=schema.modality,
            columns=tuple(schema.inputs),
            classes=material.parts.classes,
            random_state=run.settings.seed,
        )
        reference.save(folder)
        if encoder is not None:
            encoder.save(folder / ENCODER)
        test_ids, test = _of(parts, parts.test)
        right = reference.probabilities(values(test_ids)).argmax(1) == test
        low, high = wilson_interval(int(right.sum()), len(right))
        # As they were found when the file was verified.
        int8 = ~np.isin(test_ids, verified.value["int8"]["wrong"])
        notes.cost.rows_in = len(ids)
        notes.cost.labels = material.labels - (len(material.train_at) - len(ids))
        notes.summary = {
            "model": reference.name,
            "accuracy": float(right.mean()),
            "low": low,
            "high": high,
            # Of images the encoder is part of the model, and its weights lie elsewhere.
            "megabytes": None if images else (folder / MODEL).stat().st_size / 1e6,
            "of_rows": len(material.train_at),
            **dict(zip(AHEAD, paired_drop(right, int8), strict=True)),
        }

    needs = [*material.needs, verified, *([] if known is None else [known])]
    return run.stage(
        "reference",
        work,
        load=Reference.load,
        needs=needs,
        settings=[MOST_ROWS, run.settings.embed.encoder if images else ""],
        code=("thresher/core", "training"),
        where="models/reference",
    )


def _of(parts: Parts, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ids and classes of the rows at some positions."""
    return parts.row_ids[at], parts.codes[at]


def _encoder(run: RunFolder, known: Done[Embeddings] | None) -> Encoder:
    """Return the encoder of the known vectors, or a new one; the first rows that it sees fit it."""
    place = run.device.value
    if known is not None:
        return read_encoder(known, device=place)
    name = choose_for(run, "image").value
    return get_encoder(name, modality="image", device=place, random_state=run.settings.seed)


def _values_of(
    material: Material, known: Done[Embeddings] | None, encoder: Encoder | None
) -> Callable[[np.ndarray], Any]:
    """Return a function from row ids to what a plain model takes."""
    rows = material.rows.value
    column = rows.schema.inputs[0]
    if known is not None:
        vectors, embedded = known.value.vectors, known.value.row_ids
        return lambda wanted: np.asarray(vectors[positions(wanted, embedded)])
    ids = read_row_ids(rows.dataset)
    if encoder is not None:

        def encode(wanted: np.ndarray) -> np.ndarray:
            taken = take_rows(rows.dataset, positions(wanted, ids))
            return embed(taken, column=column, encoder=encoder).vectors

        return encode
    if rows.schema.modality == "text":
        texts = read_texts(rows.dataset, column)
        return lambda wanted: [texts[at] for at in positions(wanted, ids)]
    parts = material.parts
    return lambda wanted: parts.read(positions(wanted, parts.row_ids))
