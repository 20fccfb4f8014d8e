"""Vectors of all rows, made once a set and seed; every way that uses them is charged for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.columns import take_rows
from thresher.core.encoders import Encoder, embed, get_encoder, load_encoder
from thresher.core.encoders.automatic import choose_encoder
from thresher.core.encoders.integer_network import write_network
from thresher.core.encoders.lite0 import read_blocks
from thresher.core.encoders.meaning_image import PIXEL_STEP, PIXEL_ZERO, SIDE
from thresher.core.encoders.shipped import LITE0, read
from thresher.core.encoders.torch_file import read_tensors
from thresher.core.files import atomic_path, read_json, write_json
from thresher.core.ledger import CostLedger

from .sets import Task


@dataclass(frozen=True, eq=False)
class Vectors:
    """Of training and test rows, float32 (n, d), with what making them took."""

    train: np.ndarray
    test: np.ndarray
    encoder: Encoder
    cpu_s: float


def shared_vectors(task: Task, folder: Path) -> Vectors:
    """Return the vectors that core sets, queries, peers and references read; kept in `folder`.

    The automatic encoder of the kind of rows, fitted on the training rows without labels; where
    networks read vectors, the encoder with shipped weights alone.
    """
    stored = folder / "vectors"
    if not stored.exists():
        name = "meaning:image" if task.vectors_only else choose_encoder(task.modality).value
        encoder = get_encoder(name, modality=task.modality, device="cpu", random_state=0)
        column, n = task.inputs_named, len(task)
        held = np.arange(n, len(task.table))
        with CostLedger().stage("embed") as cost:
            made = embed(take_rows(task.table, np.arange(n)), column=column, encoder=encoder)
            test = embed(take_rows(task.table, held), column=column, encoder=encoder)
        with atomic_path(stored) as temporary:
            encoder.save(temporary / "encoder")
            np.savez(temporary / "vectors.npz", train=made.vectors, test=test.vectors)
            write_json(temporary / "cost.json", cost.cpu_s)
    arrays = np.load(stored / "vectors.npz")
    encoder = load_encoder(stored / "encoder")
    found = Vectors(arrays["train"], arrays["test"], encoder, read_json(stored / "cost.json"))
    if task.vectors_only:
        task.vectors.update(train=found.train, test=found.test)
    return found


def one_row(task: Task, vectors: Vectors) -> Callable[[], Any]:
    """Return a call that takes one test row through the encoder."""
    row = take_rows(task.table, np.array([len(task)]))
    values = embed_values(task, row)
    return lambda: vectors.encoder.encode(values)


def embed_values(task: Task, rows: Any) -> Any:
    """Return rows as an encoder takes them: decoded images, numbers, or texts."""
    if task.modality == "image":
        return np.stack([np.asarray(image.convert("RGB")) for image in rows["image"]])
    if task.modality == "text":
        return list(rows["text"])
    return np.column_stack([np.asarray(rows[name], float) for name in task.columns])


@cache
def encoder_bytes(folder: Path) -> int:
    """Return the size of a stored encoder, with the network of shipped weights that images need."""
    files = [path for path in (folder / "vectors/encoder").rglob("*") if path.is_file()]
    blocks = read_blocks(read_tensors(read(LITE0)))
    return sum(path.stat().st_size for path in files) + len(
        write_network(blocks, side=SIDE, step=PIXEL_STEP, zero=PIXEL_ZERO)
    )
