"""One shard of pairs scored: a task that reads it once and writes what was measured as Parquet."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.counted import counted
from thresher.core.embeddings import unit_length
from thresher.core.encoders.protocol import Encoder
from thresher.core.errors import InputError
from thresher.core.image_headers import read_header
from thresher.core.images import UnreadableImage, decode_image, fit_square, opened_image
from thresher.core.issues import Issues
from thresher.core.loading.parts import Source

from ..quality.pixels import STATISTICS, measure_image
from ..sharded.embedding import counted_cuts, loaded
from .captions import caption_fault, caption_key, caption_language
from .reading import Pair, PairReader
from .vectors import PairVectors

BLOCK = 256
KEY_BYTES = 16
KEY = pa.binary(KEY_BYTES)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("fault", pa.string()),
        ("similarity", pa.float32()),
        ("caption_fault", pa.string()),
        ("caption_characters", pa.int32()),
        ("caption_words", pa.int32()),
        ("language", pa.string()),
        ("width", pa.float32()),
        ("height", pa.float32()),
        ("caption_key", KEY),
        ("image_key", KEY),
    ]
)


@dataclass(frozen=True)
class Shard:
    """A file of pairs, and the stored vectors of its rows, if there are any."""

    path: Path
    vectors: PairVectors | None = None


@dataclass(frozen=True)
class ScoreShard:
    """Task over shards.

    Writes ``scores.parquet`` (`SCHEMA`), ``set_aside.parquet`` (issues), with an encoder
    ``image.npy`` and ``text.npy`` (float16, unit length; those of an ``.npz`` file as they are),
    and where images are decoded ``looks.npy`` (float32, (n, statistics of `quality.pixels`)).

    Attributes
    ----------
    reader : PairReader
    image_encoder, text_encoder : Encoder or str, optional
        Of one space; encoders, or folders to load them from.
    decode : bool
        Whether images are decoded, to find damaged and blank ones.
    """

    reader: PairReader
    image_encoder: Encoder | str | None = None
    text_encoder: Encoder | str | None = None
    decode: bool = False

    def __call__(self, shard: Shard, folder: Path) -> None:
        """Fill the folder."""
        source = Source(origin=str(shard.path))
        stored = None if shard.vectors is None else shard.vectors.load()
        image = None if self.image_encoder is None else loaded(self.image_encoder)
        text = None if self.text_encoder is None else loaded(self.text_encoder)
        kept: dict[str, list[np.ndarray]] = {"image": [], "text": [], "looks": []}
        start = 0
        counting = nullcontext() if text is None else counted_cuts(text, folder)
        with pq.ParquetWriter(folder / "scores.parquet", SCHEMA) as writer, counting:
            for pairs in _blocks(self.reader.read(shard.path, source)):
                block = _Block(pairs)
                if self.decode or image is not None:
                    kept["looks"].append(block.look(image))
                if image is not None and text is not None:
                    found = block.encode(image, text)
                    kept["image"].append(found[0])
                    kept["text"].append(found[1])
                elif stored is not None:
                    block.compare(*(part[start : start + len(pairs)] for part in stored))
                writer.write_table(block.table())
                start += len(pairs)
        if stored is not None and len(stored[0]) != start:
            raise InputError(
                f"{shard.path} has {counted(start, 'pair')}, but "
                f"{shard.vectors and shard.vectors.paths[0]} has "
                f"{counted(len(stored[0]), 'vector')}: every pair needs its own, in the same order."
            )
        if stored is not None and shard.vectors is not None and shard.vectors.packed:
            kept |= {"image": [stored[0]], "text": [stored[1]]}
        for name, parts in kept.items():
            if parts:
                np.save(folder / f"{name}.npy", np.concatenate(parts))
        Issues.from_rows(source.bad).save(folder / "set_aside.parquet")


def _blocks(pairs: Iterator[Pair]) -> Iterator[list[Pair]]:
    while block := list(islice(pairs, BLOCK)):
        yield block


@dataclass
class _Block:
    """Some pairs, and what was measured of them."""

    pairs: list[Pair]
    faults: list[str | None] = field(init=False)
    squares: np.ndarray | None = None
    pixels: dict[int, bytes] = field(default_factory=dict)
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    similarity: np.ndarray | None = None

    def __post_init__(self) -> None:
        self.faults = [pair.fault for pair in self.pairs]
        for row, pair in enumerate(self.pairs):
            if pair.image:
                try:
                    self.sizes[row] = image_size(pair.image)
                except UnreadableImage as error:
                    self.faults[row] = self.faults[row] or f"unreadable image: {error.reason}"

    def look(self, encoder: Encoder | None) -> np.ndarray:
        """Decode the images; return the statistics of each, NaN without pixels."""
        looks = np.full((len(self.pairs), len(STATISTICS)), np.nan, np.float32)
        side = 0 if encoder is None else encoder.image_size
        if encoder is not None:
            self.squares = np.zeros((len(self.pairs), side, side, 3), np.uint8)
        for row, pair in enumerate(self.pairs):
            if not pair.image:
                continue
            try:
                image = decode_image(pair.image)
            except UnreadableImage as error:
                self.faults[row] = self.faults[row] or f"unreadable image: {error.reason}"
                continue
            looks[row] = measure_image(image)
            self.pixels[row] = pixel_key(image)
            if self.squares is not None:
                self.squares[row] = fit_square(image, side)
        return looks

    def encode(self, image: Encoder, text: Encoder) -> tuple[np.ndarray, np.ndarray]:
        """Return the vectors of images and captions, float16, and keep their cosines."""
        assert self.squares is not None  # look() was called with the encoder
        texts = [pair.caption or "" for pair in self.pairs]
        found = unit_length(image.encode(self.squares)), unit_length(text.encode(texts))
        if found[0].shape != found[1].shape:
            raise InputError(
                f"{image.name} gives vectors of length {found[0].shape[1]}, {text.name} of "
                f"{found[1].shape[1]}: pairs need two encoders of one space, such as openclip:…."
            )
        self.similarity = np.einsum("nd,nd->n", *found)
        return found[0].astype(np.float16), found[1].astype(np.float16)

    def compare(self, image: np.ndarray, text: np.ndarray) -> None:
        """Keep the cosines of stored vectors."""
        names = np.array([pair.name for pair in self.pairs])
        if len(image) == len(names):  # the lengths are judged when all pairs have been read
            both = unit_length(image, row_ids=names), unit_length(text, row_ids=names)
            self.similarity = np.einsum("nd,nd->n", *both)

    def table(self) -> pa.Table:
        """Return what was measured, with the columns of `SCHEMA`."""
        captions = [pair.caption for pair in self.pairs]
        given = np.array([pair.similarity for pair in self.pairs], np.float32)
        similarity = given if self.similarity is None else self.similarity.astype(np.float32)
        sizes = [self.sizes.get(row) for row in range(len(self.pairs))]
        columns = {
            "id": [pair.name for pair in self.pairs],
            "fault": self.faults,
            "similarity": pa.array(similarity, pa.float32(), from_pandas=True),
            "caption_fault": [
                "empty" if text is None else caption_fault(text, names=pair.names)
                for text, pair in zip(captions, self.pairs, strict=True)
            ],
            "caption_characters": [len(text or "") for text in captions],
            "caption_words": [len((text or "").split()) for text in captions],
            "language": [caption_language(text or "") for text in captions],
            "width": [s[0] if s else p.width for s, p in zip(sizes, self.pairs, strict=True)],
            "height": [s[1] if s else p.height for s, p in zip(sizes, self.pairs, strict=True)],
            "caption_key": [caption_key(text or "") for text in captions],
            "image_key": [self._image_key(row) for row in range(len(self.pairs))],
        }
        arrays = [
            values
            if isinstance(values, pa.Array)
            else pa.array(values, SCHEMA.field(name).type, from_pandas=True)
            for name, values in columns.items()
        ]
        return pa.Table.from_arrays(arrays, schema=SCHEMA)

    def _image_key(self, row: int) -> bytes | None:
        pair = self.pairs[row]
        if row in self.pixels:
            return self.pixels[row]
        if pair.image:
            return file_key(pair.image)
        return None if pair.hash is None else _stored_key(pair.hash)


def file_key(data: bytes) -> bytes:
    """Return 16 bytes that are equal where two files are: the first half of their SHA-256."""
    return hashlib.sha256(data).digest()[:KEY_BYTES]


def _stored_key(stored: str) -> bytes:
    """Return the key of a hash that somebody stored: `file_key` where it is a SHA-256."""
    if _SHA256.fullmatch(stored):
        return bytes.fromhex(stored)[:KEY_BYTES]
    return file_key(stored.encode())


def pixel_key(image: np.ndarray) -> bytes:
    """Return 16 bytes that are equal where two images have the same shape and pixels."""
    digest = hashlib.sha256(str(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()[:KEY_BYTES]


def image_size(data: bytes) -> tuple[int, int]:
    """Return width and height of an image file without decoding it.

    Raises
    ------
    UnreadableImage
        When it is no image.
    """
    header = read_header(data)
    if header is not None:
        return header.width, header.height
    with opened_image(data) as image:
        return int(image.width), int(image.height)
