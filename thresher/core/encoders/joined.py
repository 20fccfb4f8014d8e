"""``joined:image`` and ``joined:text``: surface and meaning side by side in one vector.

Neither alone is right: meaning tells what an image or a text is about, surface tells copies,
layout and wording. Each part has unit length and is scaled so that the cosine of two joined vectors
is ``(1 - weight) · surface + weight · meaning``; the weight follows the labels where there are any.
Cost: that of both parts, and for up to 2,000 rows that of meaning a second time, to fit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Self

import numpy as np

from ..choice import Choice
from ..counted import percent
from ..embeddings import Embeddings, unit_length
from ..errors import check_choice
from ..grid import on_grid
from ..progress import message
from .projection import FEATURE_BITS, Projection
from .protocol import Values
from .storage import StoredEncoder, not_fitted
from .weighing import WEIGHTS, Weighing, weigh_by_labels

VERSION = 1
FIT_ROWS = {"image": 5_000, "text": 50_000}  # images in memory take .08 MB each
# Rows from which the space of meaning and the weight are found.
FEW = 2_000
# Without labels. Chosen on training rows of CIFAR-10 and Imagenette and on scikit-learn's digits
# (1-NN at .5, .75 and .9: .58 .59 .58; .91 .92 .93; .97 .96 .91), and on subjectivity, reviews and
# titles in Hausa (at .25, .5 and .75: .80 .80 .80; .64 .66 .65; .65 .64 .63).
USUAL = {"image": 0.75, "text": 0.5}
# As wide as `builtin:image`, so that neighbors cost no more than twice as much.
DIMENSIONS = 128
# The mean of texts is drawn to nothing by this many rows more: a few equal ones keep their vectors.
NO_ROWS = 50
# Small images are enlarged to 96 pixels instead of 160: CIFAR-10 at a third of the time.
SMALL, SMALL_SIDE, SMALL_ROWS = 40, 96, 20_000
# Shares of whole words between which token vectors go from hardly knowing a language to knowing it.
FOREIGN, FAMILIAR = 0.25, 0.6


class JoinedEncoder:
    """A built-in encoder and one with shipped weights, joined.

    Parameters
    ----------
    modality : {"image", "text"}
    random_state : int
        Of the fit of the surface.

    Attributes
    ----------
    surface, meaning : Encoder
        The two parts; the surface is fitted with this encoder.
    weighing_ : Weighing
        How much meaning counts, and why.
    """

    device = Choice("cpu", "both parts are quick there")

    def __init__(self, *, modality: str, random_state: int = 0) -> None:
        self.modality = check_choice("modality", modality, ("image", "text"))
        self.name = f"joined:{modality}"
        self.random_state = random_state
        self.surface, self.meaning = _parts(modality, random_state)
        self.image_size: int = self.meaning.image_size
        self.fit_rows = FIT_ROWS[modality]
        self.weighing_: Weighing | None = None
        self.space_: Projection | None = None

    @property
    def fitted(self) -> bool:
        """Whether `encode` can be called."""
        return self.space_ is not None

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self.surface.dimensions) + int(self._space().basis.shape[1])

    @property
    def fingerprint(self) -> str:
        """Identifies versions, settings, weights and fitted state."""
        return self.stored().fingerprint

    def see(self, side: int) -> None:
        """Prepare for images of about `side` pixels: small ones are read as they are."""
        if self.modality == "image" and side:
            small = side <= SMALL
            options = {"side": SMALL_SIDE} if small else {}
            self.meaning = type(self.meaning)(**options)
            self.image_size = self.surface.image_size if small else self.meaning.image_size
            self.fit_rows = SMALL_ROWS if small else FIT_ROWS["image"]

    def fit(self, values: Values, labels: np.ndarray | Sequence[str] | None = None) -> Self:
        """Learn both spaces from `values`, and from labels, (n,), how much meaning counts."""
        if isinstance(values, np.ndarray) and self.modality == "image" and values.ndim > 2:
            self.see(min(values.shape[1:3]))
        self.surface.fit(values)
        rows = np.linspace(0, len(values) - 1, min(len(values), FEW)).astype(np.int64)
        part = values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]
        meant = self.meaning.encode(part)
        self.space_ = _space(meant, self.modality)
        usual = Weighing(USUAL[self.modality], "usual without labels that tell")
        if self.modality == "text":
            usual = _by_language(part, usual)
        self.weighing_ = weigh_by_labels(
            unit_length(self.surface.encode(part)),
            self._in_space(meant),
            None if labels is None else np.asarray(labels)[rows],
            usual=usual,
        )
        message(f"{self.name}: {self.weighing_.choice}")
        return self

    def encode(self, values: Values) -> np.ndarray:
        """Encode values; a row without content gives zeros."""
        weight = self._weight()
        surface = unit_length(self.surface.encode(values))
        meaning = self._in_space(self.meaning.encode(values))
        joined = [surface * np.float32(np.sqrt(1 - weight)), meaning * np.float32(np.sqrt(weight))]
        return np.concatenate(joined, axis=1)

    def surface_of(self, embeddings: Embeddings) -> Embeddings:
        """Return the vectors of the surface alone, by which copies are found."""
        vectors = embeddings.vectors[:, : self.surface.dimensions]
        return Embeddings(
            embeddings.row_ids,
            unit_length(vectors),
            self.surface.name,
            self.surface.fingerprint,
        )

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write settings, weight and both spaces; of shipped weights the hash."""
        self.stored().write(folder)

    @classmethod
    def from_stored(cls, stored: StoredEncoder) -> JoinedEncoder:
        """Rebuild a saved encoder."""
        stored.check_version(VERSION)
        settings, arrays = stored.settings, dict(stored.arrays)
        encoder = cls(modality=settings["modality"], random_state=settings["random_state"])
        encoder.see(settings["image_size"])
        encoder.space_ = Projection(arrays.pop("space_mean"), arrays.pop("space_basis"))
        encoder.weighing_ = Weighing(settings["weight"], settings["reason"])
        surface = settings["surface"]
        encoder.surface = type(encoder.surface).from_stored(
            StoredEncoder(encoder.surface.name, surface["version"], surface["settings"], arrays)
        )
        return encoder

    def stored(self) -> StoredEncoder:
        """Return what identifies the encoder and rebuilds it."""
        space, surface = self._space(), self.surface.stored()
        settings = {
            "modality": self.modality,
            "random_state": self.random_state,
            "image_size": self.image_size,
            "weight": self._weight(),
            "reason": "" if self.weighing_ is None else self.weighing_.reason,
            "meaning": self.meaning.fingerprint,
            "surface": {"version": surface.version, "settings": surface.settings},
        }
        arrays = {**surface.arrays, "space_mean": space.mean, "space_basis": space.basis}
        return StoredEncoder(self.name, VERSION, settings, arrays)

    def _in_space(self, meant: np.ndarray) -> np.ndarray:
        """Return vectors of meaning as fitted, of unit length; those of nothing stay zeros."""
        vectors = unit_length(self._space().apply(meant))
        vectors[~meant.any(axis=1)] = 0
        return vectors

    def _space(self) -> Projection:
        if self.space_ is None:
            raise not_fitted(self.name)
        return self.space_

    def _weight(self) -> float:
        if self.weighing_ is None:
            raise not_fitted(self.name)
        return self.weighing_.weight


def _parts(modality: str, random_state: int) -> tuple[Any, Any]:
    """Return the encoders of surface and meaning; the text encoder's library loads now."""
    surface = import_module(f".{modality}", __package__)
    meaning = import_module(f".meaning_{modality}", __package__)
    if modality == "image":
        return surface.ImageEncoder(), meaning.ImageMeaningEncoder()
    return surface.TextEncoder(random_state=random_state), meaning.TextMeaningEncoder()


def _space(meant: np.ndarray, modality: str) -> Projection:
    """Fit the space of meaning: components of images, the distance from the mean of texts."""
    meant = meant[meant.any(axis=1)]
    if modality == "image":
        widths = (meant.shape[1],)
        return Projection.fit(meant, widths=widths, weights=(1.0,), dimensions=DIMENSIONS)
    # Components halve the gain: of Banking77's questions .877 have a nearest row of their class.
    exact = on_grid(meant.astype(np.float64), FEATURE_BITS)
    mean = on_grid(exact.sum(axis=0) / (len(exact) + NO_ROWS), FEATURE_BITS)
    return Projection(mean.astype(np.float32), np.eye(len(mean), dtype=np.float32))


def _by_language(texts: Values, usual: Weighing) -> Weighing:
    """Lower the usual weight where the token vectors hardly know the words."""
    from .meaning_text import share_of_whole_words

    share = share_of_whole_words(texts)
    known = float(np.clip((share - FOREIGN) / (FAMILIAR - FOREIGN), 0, 1))
    if known == 1:
        return usual
    weight = max(WEIGHTS[0], round(usual.weight * known, 2))
    reason = (
        f"the vectors of meaning know {percent(share)} of these words whole, of English ones about "
        "80 %: this language is strange to them, so that the surface counts more"
    )
    return Weighing(weight, reason)
