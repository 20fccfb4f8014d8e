"""A private random state for torch, so that neither side sees the other's draws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from thresher.core.errors import check_count
from thresher.core.randomness import RandomState, check_random_state

_LARGEST_SEED = 2**62


def as_seed(random_state: RandomState) -> int:
    """Return an int to seed from; a generator is asked for one, None gives fresh entropy."""
    generator = check_random_state(random_state)
    if isinstance(random_state, (int, np.integer)):
        return check_count("random_state", int(random_state), low=0)
    return int(generator.integers(_LARGEST_SEED))


@contextmanager
def own_torch_rng(seed: int, *, device: str = "cpu") -> Iterator[None]:
    """Seed torch within the block, and give its state back unchanged afterwards.

    Layers such as dropout draw from torch's own generator and take no other.
    """
    cuda = torch.cuda.get_rng_state() if device == "cuda" else None
    cpu = torch.get_rng_state()
    try:
        torch.default_generator.manual_seed(seed)
        if cuda is not None:
            torch.cuda.manual_seed(seed)
        yield
    finally:
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda)
