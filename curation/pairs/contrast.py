"""How much closer a caption is to its image than to others, and the image to other captions.

The similarity of CLIP is high for any pair of some kinds and low for any of others. The contrastive
loss of a pair under which CLIP was trained judges it beside others instead; as a filter it is above
the similarity (Y. Wang et al., "CLIPLoss and Norm-Based Data Selection Methods for Multimodal
Contrastive Learning", NeurIPS 2024). Here the others are a fixed sample of the whole set, so that
the score does not depend on how the pairs are cut into files. Costs 2 × `OTHERS` × d
multiply-adds a pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..sharded.arrays import ShardedArray, blocks
from ..sharded.work import Work

OTHERS = 512
# Of CLIP at the end of its training.
TEMPERATURE = 0.01
ROWS = 4096


@dataclass(frozen=True)
class SampleOthers:
    """Task for one shard: ``image.npy`` and ``text.npy``, vectors of sampled pairs."""

    image: ShardedArray
    text: ShardedArray
    random_state: int

    def __call__(self, _: None, folder: Path) -> None:
        """Fill the folder."""
        rng = np.random.default_rng(self.random_state)
        count = min(OTHERS, len(self.image))
        rows = np.sort(rng.choice(len(self.image), count, replace=False))
        np.save(folder / "image.npy", self.image.take(rows))
        np.save(folder / "text.npy", self.text.take(rows))


@dataclass(frozen=True)
class Contrast:
    """Task over ranges of rows: ``contrast.npy``, float32 (m,)."""

    image: ShardedArray
    text: ShardedArray
    others: Path

    def __call__(self, rows: tuple[int, int], folder: Path) -> None:
        """Fill the folder."""
        others = np.load(self.others / "image.npy"), np.load(self.others / "text.npy")
        parts = [
            contrast(self.image.read(at, stop), self.text.read(at, stop), *others)
            for at in range(rows[0], rows[1], ROWS)
            for stop in [min(at + ROWS, rows[1])]
        ]
        np.save(folder / "contrast.npy", np.concatenate(parts))


def contrast(
    image: np.ndarray, text: np.ndarray, other_images: np.ndarray, other_texts: np.ndarray
) -> np.ndarray:
    """Return cosine − mean of two soft maxima of cosines with others, float32 (n,).

    Parameters
    ----------
    image, text : ndarray of float32, shape (n, d)
        Unit length.
    other_images, other_texts : ndarray of float32, shape (m, d)
        Unit length. The soft maximum is the temperature times the log of the mean of
        exp(cosine / temperature).
    """
    own = np.einsum("nd,nd->n", image, text)
    by_image = _soft_maximum(image @ other_texts.T)
    by_text = _soft_maximum(text @ other_images.T)
    result: np.ndarray = (own - (by_image + by_text) / 2).astype(np.float32)
    return result


def _soft_maximum(cosines: np.ndarray) -> np.ndarray:
    largest = cosines.max(axis=1)
    shares = np.exp((cosines - largest[:, None]) / TEMPERATURE).mean(axis=1)
    result: np.ndarray = largest + TEMPERATURE * np.log(shares)
    return result


def measure_contrast(
    image: ShardedArray, text: ShardedArray, work: Work, *, key: list[str], random_state: int
) -> np.ndarray:
    """Return the contrast of all pairs, float32 (n,)."""
    seeded = [*key, random_state]
    (others,) = work.do("others", SampleOthers(image, text, random_state), key=seeded)
    task = Contrast(image, text, others)
    parts = work.do("contrast", task, key=seeded, shards=blocks(len(image)))
    empty = np.empty(0, np.float32)
    return np.concatenate([empty, *(np.load(part / "contrast.npy") for part in parts)])
