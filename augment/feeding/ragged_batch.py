"""A list of images of any sizes and kinds: those that are alike are augmented in one batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..augmenter import Augmenter
from ..kernels.buffers import take_memory
from ..kernels.single_image import pack, unpack


def augment_several(
    images: Sequence[Any], keys: np.ndarray, augmenter: Augmenter, *, epoch: int
) -> list[Any]:
    """Return the images augmented, each in the form that it came in.

    Parameters
    ----------
    images
        Arrays, tensors or PIL images, as `Augmenter.__call__` takes them.
    keys
        uint64 (n,).
    """
    packed = [pack(image) for image in images]
    alike: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place, (batch, form) in enumerate(packed):
        alike[_kind(batch, form)].append(place)
    found: list[Any] = [None] * len(packed)
    for places in alike.values():
        batch = _join([packed[place][0] for place in places])
        changed = augmenter.batch(batch, keys[places], epoch)
        for number, place in enumerate(places):
            found[place] = unpack(changed[number : number + 1], packed[place][1])
    return found


def _kind(batch: Any, form: str) -> tuple[Any, ...]:
    return form, type(batch), batch.dtype, tuple(batch.shape), getattr(batch, "device", None)


def _join(batches: list[Any]) -> Any:
    first = batches[0]
    if isinstance(first, np.ndarray):
        shape = (len(batches), *first.shape[1:])
        return np.concatenate(batches, out=take_memory(shape) if first.dtype == np.uint8 else None)
    import torch

    return torch.cat(batches)
