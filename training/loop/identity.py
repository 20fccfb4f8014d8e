"""What makes two runs the same run: architecture, rows, settings, views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import nn

from thresher.core.fingerprint import fingerprint, row_keys
from thresher.core.text_arrays import packed_texts

from ..rows.samples import Samples
from .feed import Augment

_PROBED = 16


def run_identity(
    model: nn.Module,
    samples: Samples,
    settings: Mapping[str, object],
    *,
    augment: Augment | None,
    callables: Sequence[object],
) -> dict[str, str]:
    """Return what a checkpoint must agree with, as short texts by name."""
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    return {
        "architecture": fingerprint(shapes),
        "samples": samples_fingerprint(samples),
        "views": view_fingerprint(samples, augment, epochs=1),
        "callables": ", ".join(map(told, callables)),
        **{name: str(value) for name, value in settings.items()},
    }


def told(part: object) -> str:
    """Return the part's own ``identity``, or the name of its code."""
    name = getattr(part, "__qualname__", type(part).__qualname__)
    return str(getattr(part, "identity", name))


def samples_fingerprint(samples: Samples) -> str:
    """Identify inputs, labels, weights and row ids."""
    parts = [samples.inputs, samples.targets, samples.weights]
    arrays = [part.contiguous().numpy() for part in parts if part is not None]
    return fingerprint(*arrays, packed_texts(samples.row_ids))


def model_fingerprint(model: nn.Module) -> str:
    """Identify the weights of a model and the names of its parts."""
    state = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    return fingerprint(list(state), *(tensor.contiguous().numpy() for tensor in state.values()))


def view_fingerprint(samples: Samples, augment: Augment | None, *, epochs: int) -> str:
    """Identify an augmentation by what it makes of the first rows, as code has no fingerprint."""
    if augment is None:
        return "none"
    keys = row_keys(samples.row_ids[:_PROBED])
    views = [augment(samples.inputs[:_PROBED].clone(), keys, epoch) for epoch in range(epochs)]
    return fingerprint(*(np.ascontiguousarray(view.cpu().numpy()) for view in views))
