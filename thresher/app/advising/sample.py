"""The rows that probes work on: a seeded part of the training rows, as vectors and classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core.columns import (
    read_features,
    read_labels,
    read_row_ids,
    read_splits,
    read_texts,
    take_rows,
)
from ...core.encoders import embed, get_encoder
from ...core.encoders.projection import fix_signs
from ...core.errors import InputError
from ...core.files import atomic_path
from ...core.fingerprint import row_keys
from ...core.loaded import LoadedDataset
from ...core.numerics.gram import GramHead, gram_head
from ...core.schema import Schema
from .words import tfidf

if TYPE_CHECKING:
    import datasets

# Fewer rows tell nothing of a learning curve; more cost more than they tell.
FEWEST, MOST = 120, 1000
HELD_OUT = 0.3
# Of the learning curve: more of few rows, where a repeat says less and costs less.
REPEATS, MOST_REPEATS, REPEATED_ROWS = 20, 40, 700
FILE = "sample.npz"
TERMS = 20_000
# Of what small networks see.
DIRECTIONS, MOST_COLUMNS = 64, 256
# Of the kernel of tables, in squared median distances.
WIDTH = 0.25


@dataclass(frozen=True, eq=False)
class Sample:
    """Probed rows.

    Attributes
    ----------
    vectors : ndarray of float32, shape (m, d)
        For a linear head.
    inputs : ndarray of float32, shape (m, e)
        For a small network: the columns of tables, else the main directions of the vectors.
    codes : ndarray of int64, shape (m,)
        From 0, without gaps.
    of : int
        Labeled training rows in all, without copies.
    given : int
        Labeled training rows in all, copies among them.
    """

    vectors: np.ndarray
    inputs: np.ndarray
    codes: np.ndarray
    of: int
    given: int

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def classes(self) -> int:
        """How many classes the rows have."""
        return int(self.codes.max()) + 1

    @cached_property
    def head(self) -> GramHead:
        """A linear head on the rows."""
        return gram_head(self.vectors, self.codes, num_classes=self.classes)

    @cached_property
    def splits(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Repeats: positions to fit on, in random order, and positions to judge on."""
        return splits_of(len(self))

    @property
    def fitted_rows(self) -> int:
        """Rows that a repeat fits on."""
        return len(self) - round(HELD_OUT * len(self))

    def save(self, folder: Path) -> None:
        """Write the rows."""
        with atomic_path(folder / FILE) as temporary, open(temporary, "wb") as file:
            np.savez(
                file,
                vectors=self.vectors,
                inputs=self.inputs,
                codes=self.codes,
                counts=[self.of, self.given],
            )

    @classmethod
    def load(cls, folder: Path) -> Sample:
        """Read what `save` wrote."""
        with np.load(folder / FILE) as file:
            of, given = file["counts"].tolist()
            return cls(file["vectors"], file["inputs"], file["codes"], of, given)


def splits_of(rows: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return positions to fit on, in random order, and positions to judge on, of each repeat."""
    held_out = round(HELD_OUT * rows)
    repeats = round(float(np.clip(REPEATS * (REPEATED_ROWS / rows) ** 2, REPEATS, MOST_REPEATS)))
    orders = [np.random.default_rng((7, at)).permutation(rows) for at in range(repeats)]
    return [(order[held_out:], order[:held_out]) for order in orders]


def labeled_rows(loaded: LoadedDataset) -> np.ndarray:
    """Return the positions of the labeled training rows."""
    labels, splits = read_labels(loaded.dataset, loaded.schema), read_splits(loaded.dataset)
    return np.flatnonzero((splits == "train") & (labels >= 0))


def keyed_rows(loaded: LoadedDataset) -> np.ndarray:
    """Return the positions of the labeled training rows in the order of their keys."""
    rows = labeled_rows(loaded)
    keys = row_keys(read_row_ids(loaded.dataset)[rows])
    return np.asarray(rows[np.argsort(keys, kind="stable")])


def draw(
    loaded: LoadedDataset,
    *,
    without: Sequence[int],
    most: int,
    encode: Callable[[datasets.Dataset, Schema], tuple[np.ndarray, np.ndarray]] | None = None,
) -> Sample:
    """Take the rows with the lowest keys, which are the rows' own, and turn them into vectors.

    Parameters
    ----------
    loaded : LoadedDataset
    without : sequence of int
        Positions that count as no rows: copies of others, which would be judged by themselves.
    most : int
        Rows to take at most.
    encode : callable, optional
        Vectors of rows for a linear head and for a small network; those of the modality by default.

    Raises
    ------
    InputError
        For fewer labeled training rows than say anything.
    """
    labeled = labeled_rows(loaded)
    rows = take_rows(loaded.dataset, drawn_rows(loaded, without=without, most=most))
    vectors, inputs = (encode or _vectors_of)(rows, loaded.schema)
    labels = read_labels(rows, loaded.schema)
    told = np.isfinite(vectors).all(axis=1)
    codes = np.unique(labels[told], return_inverse=True)[1]
    of = len(np.setdiff1d(labeled, np.asarray(without, dtype=np.int64)))
    return Sample(vectors[told], inputs[told], codes.astype(np.int64), of, len(labeled))


def drawn_rows(
    loaded: LoadedDataset, *, without: Sequence[int], most: int, fewest: int = FEWEST
) -> np.ndarray:
    """Return the positions of the rows that are probed, in the order of their keys; as in `draw`.

    So neither which rows are probed nor what is done with them depends on the order of the rows.
    """
    train = keyed_rows(loaded)
    train = train[~np.isin(train, np.asarray(without, dtype=np.int64))]
    if len(train) < fewest:
        raise InputError(
            f"Advice needs at least {fewest} different labeled training rows to probe; there are "
            f"{len(train)}. Label more of them first (`thresher label init`)."
        )
    return train[:most]


def _vectors_of(rows: datasets.Dataset, schema: Schema) -> tuple[np.ndarray, np.ndarray]:
    """Return cheap vectors that a linear head tells classes by, and what a small network takes.

    Texts by their words and pairs of words, and tables by a Gaussian kernel of the usual distance
    of their rows, whose inner products are kept whole; images by the built-in encoder.
    """
    if schema.modality == "text":
        vectors = _by_words(read_texts(rows, schema.inputs[0]))
        # Directions come in rising order of what they hold.
        return vectors, _scaled(vectors[:, -DIRECTIONS:])
    if schema.modality == "features":
        encoder = get_encoder("builtin:features", modality="features")
        numbers = read_features(rows, schema.inputs)
        columns = encoder.fit(numbers).encode(numbers)
        return _by_distance(columns), _scaled(columns[:, :MOST_COLUMNS])
    encoder = get_encoder("builtin:image", modality="image")
    vectors = embed(rows, column=schema.inputs[0], encoder=encoder).vectors
    return vectors, _scaled(vectors[:, :DIRECTIONS])


def by_meaning(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors of the shipped network in the directions that they span, the main ones last.

    And what a small network takes of them: as of texts.
    """
    centered = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    spanned = _spanned(centered @ centered.T)
    return spanned, _scaled(spanned[:, -DIRECTIONS:])


def _scaled(inputs: np.ndarray) -> np.ndarray:
    """Return columns with mean 0 and, all together, the variance 1 of networks' inputs."""
    apart = inputs - np.nanmean(inputs, axis=0)
    return np.asarray(apart / max(float(np.nanstd(apart)), 1e-12), dtype=np.float32)


def _by_words(texts: list[str]) -> np.ndarray:
    """Return TF-IDF of words and pairs of words in the directions that the texts span."""
    weights = tfidf(texts, most=TERMS)
    return _spanned((weights @ weights.T).toarray())


def _by_distance(rows: np.ndarray) -> np.ndarray:
    """Return rows whose inner products are a Gaussian kernel: a head on them learns any shape."""
    told = np.isfinite(rows).all(axis=1)
    x = rows[told].astype(np.float64)
    squares = (x**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0)
    usual = float(np.median(distances[np.triu_indices(len(x), 1)]))
    spanned = _spanned(np.exp(-distances / max(WIDTH * usual, 1e-12)))
    found = np.full((len(rows), spanned.shape[1]), np.nan, dtype=np.float32)
    found[told] = spanned
    return found


def _spanned(products: np.ndarray) -> np.ndarray:
    """Return rows with these inner products, in the directions that they span.

    Each direction has the sign of `fix_signs`, so that a network that starts from drawn weights
    sees the same rows on every processor.
    """
    values, directions = np.linalg.eigh(products)
    kept = values > 1e-6
    signed = fix_signs(directions[:, kept])
    return np.asarray(signed * np.sqrt(values[kept]), dtype=np.float32)
