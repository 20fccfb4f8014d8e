"""Vectors of a dataset's rows: encoded, taken from an earlier batch, or the user's own."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from thresher.core.columns import read_features, take_rows
from thresher.core.counted import counted
from thresher.core.embeddings import Embeddings
from thresher.core.encoders import embed, get_encoder
from thresher.core.encoders.embedding import automatic
from thresher.core.encoders.joined import JoinedEncoder
from thresher.core.encoders.protocol import Encoder
from thresher.core.errors import InputError
from thresher.core.fingerprint import fingerprint
from thresher.core.lifted import warn_of_one_direction
from thresher.core.progress import message

from .missing_numbers import at_medians
from .rows import Rows


@dataclass(frozen=True)
class Encoded:
    """Embeddings of all rows, and what made them.

    Attributes
    ----------
    embeddings : Embeddings
        Rows of numbers with NaN have zero vectors, which are similar to nothing.
    encoder : Encoder or None
        Fitted; None for vectors of the user's own.
    encoded : int
        Rows that were encoded now; the others were known.
    """

    embeddings: Embeddings
    encoder: Encoder | None
    encoded: int

    def surface(self) -> Encoded:
        """Return the part by which copies are found: images of one kind are no copies."""
        if not isinstance(self.encoder, JoinedEncoder):
            return self
        vectors = self.encoder.surface_of(self.embeddings)
        return Encoded(vectors, self.encoder.surface, self.encoded)


def encode_rows(
    rows: Rows, encoder: Any, *, known: Embeddings | None, random_state: int
) -> Encoded:
    """Encode the rows, or only those behind the known ones where a row's vector is its own affair.

    A fitted or pretrained encoder, or one that learns nothing, gives a row the same vector whatever
    rows come with it. One that is fitted here learns from all rows, so that new rows move the old
    ones too, and all are encoded again.

    Parameters
    ----------
    rows : Rows
    encoder : str, Encoder or callable
        See `thresher.core.get_encoder`; ``"auto"`` takes the joined one of the modality where
        its weights are installed, else the built-in one. A joined one learns from the labels of
        training rows how much meaning counts.
    known : Embeddings or None
        Vectors of the first rows.
    random_state : int
    """
    spec = automatic(encoder, rows.modality)
    model = get_encoder(spec, modality=rows.modality, random_state=random_state)
    if not model.fitted:
        if known is not None:
            message(
                f"{model.name} learns from the rows themselves: all {len(rows)} are encoded again. "
                "With a pretrained or fitted encoder only new rows are."
            )
        # A copy, for an encoder of the user's must not come back fitted on these rows.
        model, known = copy.deepcopy(model), None
    elif known is not None and known.fingerprint != model.fingerprint:
        known = None
    start = 0 if known is None else len(known)
    new = _encode(rows, model, start=start, random_state=random_state)
    if known is not None:
        vectors = np.concatenate([known.vectors, new.vectors])
        new = Embeddings(rows.ids, vectors, new.encoder, new.fingerprint)
    return Encoded(new, model, len(rows) - start)


def _encode(rows: Rows, model: Encoder, *, start: int, random_state: int) -> Embeddings:
    dataset = take_rows(rows.dataset, np.arange(start, len(rows))) if start else rows.dataset
    options: dict[str, Any] = {"encoder": model, "random_state": random_state}
    if rows.modality != "features":
        labels = None if start else _training_labels(rows)
        return embed(dataset, column=rows.columns[0], labels=labels, **options)
    whole = np.isfinite(read_features(dataset, rows.columns)).all(axis=1)
    if not whole.any() and not model.fitted:
        raise InputError("Every row holds NaN or infinite values.")
    finite = take_rows(dataset, np.flatnonzero(whole))
    found = embed(finite, column=list(rows.columns), **options)
    vectors = np.zeros((len(dataset), found.vectors.shape[1]), dtype=np.float32)
    vectors[whole] = found.vectors
    return Embeddings(rows.ids[start:], vectors, found.encoder, found.fingerprint)


def _training_labels(rows: Rows) -> np.ndarray | None:
    """Return the classes of training rows, the others empty; None without classes."""
    classes = rows.classes
    return None if classes is None else np.where(rows.splits == "train", classes, "")


def with_missing_at_median(rows: Rows, encoded: Encoded) -> Embeddings:
    """Return the vectors, with some for rows that lack some numbers: see `missing_numbers`."""
    found, encoder = encoded.embeddings, encoded.encoder
    if rows.modality != "features" or encoder is None:
        return found
    filled, some = at_medians(rows)
    if not some.any():
        return found
    vectors = found.vectors.copy()
    vectors[some] = encoder.encode(filled[some])
    return Embeddings(
        found.row_ids, vectors, found.encoder, fingerprint("medians", found.fingerprint)
    )


def own_vectors(rows: Rows, given: Embeddings | np.ndarray, *, known: Embeddings | None) -> Encoded:
    """Take vectors of the user's own: `Embeddings` by their row ids, an array in the rows' order.

    Raises
    ------
    InputError
        When a row has no vector, or the numbers of rows differ.
    """
    ids = rows.ids[0 if known is None else len(known) :]
    if isinstance(given, Embeddings):
        new = _by_row_id(given, ids)
    elif len(given) == len(ids):
        warn_of_one_direction(np.asarray(given))
        new = Embeddings.from_vectors(given, row_ids=ids)
    else:
        raise InputError(
            f"There are {counted(len(ids), 'row')}, but {counted(len(given), 'embedding')}."
        )
    if known is not None:
        vectors = np.concatenate([known.vectors, new.vectors])
        new = Embeddings(rows.ids, vectors, new.encoder, new.fingerprint)
    return Encoded(new, None, 0)


def _by_row_id(given: Embeddings, ids: np.ndarray) -> Embeddings:
    order = np.argsort(given.row_ids, kind="stable")
    places = np.searchsorted(given.row_ids[order], ids).clip(max=max(0, len(given) - 1))
    found = given.row_ids[order[places]] == ids if len(given) else np.zeros(len(ids), bool)
    if not found.all():
        lost = ids[~found]
        raise InputError(
            f"{len(lost)} of {counted(len(ids), 'row has', 'rows have')} no vector in "
            f"`embeddings`, such as {', '.join(lost[:5])}."
        )
    return given.take(order[places])
