"""Probe of augmentation: a linear head on images beside their mirrored and shifted views."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.columns import read_labels, take_rows
from ...core.counted import counted
from ...core.encoders import get_encoder
from ...core.images import read_images
from ...core.loaded import LoadedDataset
from ...core.numerics.gram import gram_head
from .levers import Estimate, Lever
from .sample import drawn_rows, splits_of
from .transfer import augmented, widened

SIDE, SHIFT, MOST, JUDGED = 32, 3, 400, 10
NAME, COMMAND = "augment the training images", "thresher run, which chooses how"


def augmentation(loaded: LoadedDataset, *, without: Sequence[int], most: int) -> Lever:
    """Say what augmented training images would win.

    A run takes the mirrored picture only where labels allow it, so that the better of shifted views
    with and without it counts.
    """
    rows = take_rows(loaded.dataset, drawn_rows(loaded, without=without, most=min(most, MOST)))
    codes = np.unique(read_labels(rows, loaded.schema), return_inverse=True)[1]
    images = read_images(rows, loaded.schema.inputs[0], size=SIDE)
    encoder = get_encoder("builtin:image", modality="image").fit(images)
    plain = encoder.encode(images)
    shifted = encoder.encode(_shifted(images))
    mirrored = encoder.encode(_shifted(images[:, :, ::-1]))
    gains = {
        name: _gain(np.concatenate([plain, *views]), codes)
        for name, views in (("shifted", [shifted]), ("mirrored", [shifted, mirrored]))
    }
    name, (found, error) = max(gains.items(), key=lambda item: item[1][0].value)
    return Lever(
        name=NAME,
        command=COMMAND,
        acts_on=("labels",),
        times=Estimate(1.0, 1.0, 1.0),
        points=widened(augmented(found, error), "augmentation"),
        cost=0.1,
        evidence=f"a linear head on {counted(len(codes), 'image')} changes by {found.value:+.1f} "
        f"points with {name} views of them beside them, and beside it counts what networks won on "
        "other sets",
    )


def _gain(vectors: np.ndarray, codes: np.ndarray) -> tuple[Estimate, float]:
    """Return the points that a head wins with all views of the rows it learns, on plain ones.

    And the share that it gets wrong without them.
    """
    n = len(codes)
    views = np.arange(len(vectors)).reshape(-1, n)
    told = np.tile(codes, len(views))
    head = gram_head(vectors, told, num_classes=int(codes.max()) + 1)
    splits = splits_of(n)[:JUDGED]
    plain = np.concatenate([head.right(train, test) for train, test in splits])
    viewed = np.concatenate([head.right(views[:, train].ravel(), test) for train, test in splits])
    gains = viewed.astype(float) - plain
    found = Estimate.around(100 * float(gains.mean()), 100 * float(gains.std()) / np.sqrt(n))
    return found, 1 - float(plain.mean())


def _shifted(images: np.ndarray) -> np.ndarray:
    """Return images moved by up to `SHIFT` pixels each way, edges repeated."""
    rng = np.random.default_rng(0)
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="edge")
    moves = rng.integers(2 * SHIFT + 1, size=(len(images), 2))
    return np.stack(
        [image[y : y + SIDE, x : x + SIDE] for image, (y, x) in zip(padded, moves, strict=True)]
    )
