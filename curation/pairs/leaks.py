"""Pairs whose image is one that a model will be judged on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from thresher.core.counted import counted
from thresher.core.embeddings import unit_length
from thresher.core.encoders.protocol import Encoder
from thresher.core.errors import InputError, check_number
from thresher.core.files import walk_files
from thresher.core.hidden import is_hidden
from thresher.core.images import IMAGE_SUFFIXES, UnreadableImage, decode_image, fit_square
from thresher.core.loading.parts import Source
from thresher.core.loading.tables import is_table

from .collecting import PairScores
from .columns import PairColumns
from .reading import PairReader
from .scoring import file_key, pixel_key

ROWS, BLOCK = 4096, 256


@dataclass(frozen=True)
class EvaluationImages:
    """Images that a model is judged on.

    Attributes
    ----------
    names : tuple of str
    keys : dict of bytes to int
        Of their bytes and of their pixels, with the place of the image.
    vectors : ndarray of float32, shape (m, d), or None
        Unit length; in the order of `names`.
    """

    names: tuple[str, ...]
    keys: dict[bytes, int]
    vectors: np.ndarray | None


def read_evaluation(
    sources: Sequence[str | os.PathLike[str]], *, encoder: Encoder | None = None
) -> EvaluationImages:
    """Read images to be kept out of the pairs.

    Parameters
    ----------
    sources : sequence of path
        Folders of images, tar files, tables with an image column; or ``.npy`` files of vectors by
        the encoder of the pairs.
    encoder : Encoder, optional
        Of the pairs' images; nearly equal images are then found too.

    Raises
    ------
    InputError
        When a source holds no image.
    """
    names: list[str] = []
    keys: dict[bytes, int] = {}
    vectors: list[np.ndarray] = []
    for source in map(Path, sources):
        before = len(names)
        if source.suffix == ".npy":
            stored = _vectors(source)
            names += [f"{source.name}, row {row}" for row in range(len(stored))]
            vectors.append(stored)
        else:
            for block in _blocks(_images(source)):
                vectors += _remember(block, names, keys, encoder)
        if len(names) == before:
            raise InputError(f"{source} holds no image that can be read: nothing to keep out.")
    joined = np.concatenate(vectors) if vectors else None
    if joined is not None and len(joined) != len(names):
        raise InputError(
            "Images and vectors are given to keep out: give an encoder, or vectors of all of them."
        )
    return EvaluationImages(tuple(names), keys, joined)


def _vectors(path: Path) -> np.ndarray:
    try:
        stored = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as vectors ({error}).") from error
    if stored.ndim != 2:
        raise InputError(f"{path} must hold a matrix (images, columns), got {stored.shape}.")
    return unit_length(stored)


def _images(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for path in walk_files(source, skip=is_hidden):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                yield str(path.relative_to(source)), path.read_bytes()
        return
    if not source.is_file() or not is_table(source):
        raise InputError(
            f"{source} is no folder of images, tar file, table with images or .npy file of vectors."
        )
    reader = PairReader(PairColumns(), measured=True, captions=False)
    for pair in reader.read(source, Source(origin=str(source))):
        if pair.image:
            yield pair.name, pair.image


def _blocks(
    images: Iterator[tuple[str, bytes]],
) -> Iterator[list[tuple[str, bytes, np.ndarray]]]:
    block = []
    for name, data in images:
        try:
            block.append((name, data, decode_image(data)))
        except UnreadableImage:
            continue
        if len(block) == BLOCK:
            yield block
            block = []
    if block:
        yield block


def _remember(
    block: list[tuple[str, bytes, np.ndarray]],
    names: list[str],
    keys: dict[bytes, int],
    encoder: Encoder | None,
) -> list[np.ndarray]:
    for name, data, pixels in block:
        keys.setdefault(file_key(data), len(names))
        keys.setdefault(pixel_key(pixels), len(names))
        names.append(name)
    if encoder is None:
        return []
    squares = np.stack([fit_square(pixels, encoder.image_size) for _, _, pixels in block])
    return [unit_length(encoder.encode(squares))]


def find_pair_leaks(
    scores: PairScores, rows: np.ndarray, evaluation: EvaluationImages, *, threshold: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Return for each pair the evaluation image that it shows, and how similar they are.

    Every pair is compared with every evaluation image: m × d multiply-adds a pair.

    Parameters
    ----------
    rows : ndarray of int64, shape (n,)
        Pairs to look at, increasing.
    threshold : float
        Cosine from which images are the same, where both have vectors.

    Returns
    -------
    place, similarity : ndarray of int64 and float32, shape (n,)
        Place in ``evaluation.names``, −1 for a pair that shows none.
    """
    check_number("threshold", threshold, low=0, high=1, low_open=True)
    stored = scores.table["image_key"].take(pa.array(rows)).to_pylist()
    place = np.array([evaluation.keys.get(key, -1) for key in stored], np.int64)
    similarity = np.where(place >= 0, np.float32(1), np.float32(-1))
    known = evaluation.vectors
    if known is None or scores.image is None:
        return place, similarity
    if known.shape[1] != scores.image.width:
        raise InputError(
            f"The pairs' vectors have {counted(scores.image.width, 'column')}, those to keep out "
            f"{known.shape[1]}: both must come from one encoder."
        )
    for start in range(0, len(rows), ROWS):
        cosines = scores.image.take(rows[start : start + ROWS]) @ known.T
        best = cosines.argmax(axis=1)
        value = cosines[np.arange(len(best)), best]
        near = np.flatnonzero((value >= threshold) & (place[start : start + ROWS] < 0))
        place[start + near], similarity[start + near] = best[near], value[near]
    return place, similarity
