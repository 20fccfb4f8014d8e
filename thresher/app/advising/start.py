"""Probe of what a run on images most likely starts from: the question of its trial, asked cheaply.

A run holds a linear head on the vectors of EfficientNet-Lite0 against a small network from pixels
(`thresher.app.steps.start`), and where that leaves doubts against a teacher from pixels. Here the
vectors come from the same network in 8-bit integers, which needs no PyTorch, and a linear head on
the built-in encoder's vectors stands for networks from pixels: on 1,000 rows of CIFAR-10 they end
with the same accuracy. With more rows the network gains more than both heads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core.columns import read_labels, take_rows
from ...core.counted import counted
from ...core.encoders import embed, get_encoder
from ...core.encoders.joined import SMALL, SMALL_SIDE
from ...core.encoders.lite0 import SMALLEST
from ...core.encoders.meaning_image import RUNTIME, SIDE, ImageMeaningEncoder
from ...core.encoders.shipped import LITE0, lacking
from ...core.files import atomic_path, read_json, write_json
from ...core.loaded import LoadedDataset
from ...core.numerics.gram import gram_head
from ...core.schema import Schema
from ..settings import DataSettings, Settings
from ..steps.starts import NAME, TITLE, may_start
from .epochs import COMMAND as EPOCHS_BY
from .epochs import NAME as EPOCHS
from .inputs import side_of
from .levers import Estimate, Lever, unprobed
from .sample import by_meaning, drawn_rows, labeled_rows
from .views import COMMAND as AUGMENT_BY
from .views import NAME as AUGMENT

if TYPE_CHECKING:
    import datasets

# What a run's recipes, and what is known of other sets, are called for: `transfer` and `weights`.
SHIPPED = "shipped"
ROWS = 240
# By each doubling of the rows a network from pixels gains more points than shipped vectors, and
# where they begin to; of CIFAR-10, with 1,000, 2,500 and 10,000 rows.
PER_DOUBLING, FROM_ROWS = 6.0, 1000
# Points of the lead that stay unknown: a head is no network.
UNKNOWN = 6.0
# The head's lead from which a run trains no network from pixels beside it.
ALONE = 20.0
FOUND, VECTORS = "start.json", "vectors.npy"


@dataclass(frozen=True)
class Start:
    """What a run most likely starts from.

    Attributes
    ----------
    shipped : bool
        Whether it ends with the shipped network and a head.
    alone : bool
        Whether no network from pixels is trained beside it.
    side : int
        Pixels that the shipped network sees.
    reason : str
    """

    shipped: bool
    alone: bool
    side: int
    reason: str

    def sentence(self) -> str:
        """Say what the advice is about."""
        if self.shipped:
            return (
                f"A run most likely starts from {TITLE} with shipped weights: {self.reason}. The "
                "advice is about such a run."
            )
        return f"A run most likely learns from pixels: {self.reason}. The advice is about that."


def may_be_shipped(settings: Settings, modality: str) -> bool:
    """Tell whether a run may start from shipped weights, which are there to be asked."""
    if not may_start(settings, modality) or lacking((LITE0,), runtime=RUNTIME):
        return False
    side = settings.data.image_size
    return settings.teacher.model == NAME or not (isinstance(side, int) and side < SMALLEST)


def no_parts(settings: Settings) -> list[Lever]:
    """Return the levers that a run from shipped weights has no part for.

    Where all of its weights are trained there are epochs, of which nothing is known here.
    """
    fitted = f"a run that starts from {TITLE} fits a linear head to vectors of the images"
    found = [(AUGMENT, AUGMENT_BY, "labels", "as they are: no augmentation")]
    if settings.teacher.mode != "fine_tune":
        found.append((EPOCHS, EPOCHS_BY, "cost", "until it is done: no epochs"))
    return [
        unprobed(name, command, (on,), f"{fitted} {why}", part=False)
        for name, command, on, why in found
    ]


def shipped_side(loaded: LoadedDataset, settings: DataSettings, *, device: str) -> int:
    """Return the side of the images that the shipped network sees in a run."""
    small = side_of(loaded, settings, device=device) <= SMALL
    return settings.image_size if isinstance(settings.image_size, int) else _usual(small)


def find_start(
    loaded: LoadedDataset, settings: Settings, *, without: Sequence[int], device: str, folder: Path
) -> None:
    """Ask on some rows and write what was found, and their vectors, into a folder."""
    # A handful says little, and that is told; size and latency are asked of few rows too.
    rows = take_rows(loaded.dataset, drawn_rows(loaded, without=without, most=ROWS, fewest=2))
    side = shipped_side(loaded, settings.data, device=device)
    vectors = shipped_vectors(rows, loaded.schema.inputs[0], side=side)
    with atomic_path(folder / VECTORS) as temporary, temporary.open("wb") as file:
        np.save(file, vectors)
    if settings.teacher.model == NAME:
        start = Start(True, True, side, "asked for")
    else:
        codes = np.unique(read_labels(rows, loaded.schema), return_inverse=True)[1]
        plain = embed(
            rows,
            column=loaded.schema.inputs[0],
            encoder=get_encoder("builtin:image", modality="image"),
        ).vectors
        start = judge(
            _right(vectors, codes),
            _right(plain, codes),
            side=side,
            rows=len(labeled_rows(loaded)),
        )
    write_json(folder / FOUND, asdict(start))


def judge(shipped: np.ndarray, plain: np.ndarray, *, side: int, rows: int) -> Start:
    """Say what a run on so many rows starts from, by the left-out rows that heads have right.

    Parameters
    ----------
    shipped, plain : ndarray of bool, shape (n,)
        By vectors of the shipped network, and of the built-in encoder.
    side : int
    rows : int
        Labeled training rows in all.
    """
    ahead = 100 * (shipped.astype(float) - plain)
    lost = PER_DOUBLING * max(0.0, math.log2(rows / FROM_ROWS))
    spread = math.hypot(float(ahead.std()) / math.sqrt(len(ahead)), UNKNOWN)
    lead = Estimate.around(float(ahead.mean()) - lost, spread)
    why = (
        f"linear heads classify {100 * shipped.mean():.1f} % of "
        f"{counted(len(ahead), 'left-out row')} right "
        f"by its vectors, and {100 * plain.mean():.1f} % by those of the built-in encoder"
    )
    if lost > 0:
        why += (
            f"; with {counted(rows, 'row')} a network from pixels makes up about {lost:.0f} "
            "points of it"
        )
    if lead.low < 0 < lead.high:
        why += ", which may turn out otherwise"
    return Start(lead.value > 0, lead.value > ALONE, side, why)


def shipped_vectors(rows: datasets.Dataset, column: str, *, side: int) -> np.ndarray:
    """Return what the shipped network finds in images, float32 (n, 1280) of unit length."""
    encoder = ImageMeaningEncoder(side=_usual(side < SIDE))
    return np.asarray(embed(rows, column=column, encoder=encoder).vectors)


def further_vectors(
    folder: Path, side: int
) -> Callable[[datasets.Dataset, Schema], tuple[np.ndarray, np.ndarray]]:
    """Return how to encode rows of which the first are known, as `find_start` left them."""

    def encode(rows: datasets.Dataset, schema: Schema) -> tuple[np.ndarray, np.ndarray]:
        vectors = np.load(folder / VECTORS)[: len(rows)]
        if len(vectors) < len(rows):
            others = take_rows(rows, np.arange(len(vectors), len(rows)))
            further = shipped_vectors(others, schema.inputs[0], side=side)
            vectors = np.concatenate([vectors, further])
        return by_meaning(vectors)

    return encode


def read_start(folder: Path) -> Start:
    """Read what `find_start` has found."""
    return Start(**read_json(folder / FOUND))


def _right(vectors: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Tell which rows a head has right that was fitted to all others."""
    head = gram_head(vectors, codes, num_classes=int(codes.max()) + 1)
    return np.asarray(head.left_out().argmax(axis=1) == codes)


def _usual(small: bool) -> int:
    return SMALL_SIDE if small else SIDE
