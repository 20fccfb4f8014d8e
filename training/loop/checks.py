"""Whether model and samples fit together, told before the first step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from thresher.core.counted import counted
from thresher.core.errors import InputError, ThresherError
from thresher.core.progress import message

from ..models import CompactModel, ModelSpec, Normalize
from ..pretrained import PretrainedModel
from ..rows.samples import UNLABELED, Samples
from ..torch_runtime.eval_mode import device_of, evaluating
from ..torch_runtime.memory_format import arranged

_LISTED = 5
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class DivergedError(ThresherError):
    """The loss became infinite or not a number."""


def check_samples(
    model: nn.Module, samples: Samples, *, validation: Samples | None, needs_targets: bool
) -> int:
    """Check rows, shapes and labels, and return the number of logits."""
    if not len(samples):
        raise InputError("There are no rows to train on.")
    if len(samples) < 2 and any(isinstance(layer, _NORMS) for layer in model.modules()):
        raise InputError("Batch norm cannot train on one row; give at least two.")
    for name, part in (("samples", samples), ("validation", validation)):
        if part is not None:
            _check_rows(model, part, name)
    _tell_empty(samples)
    classes = count_classes(model, samples.inputs)
    if needs_targets and samples.targets is None:
        raise InputError("`samples` has no targets; label them, or `distill` without labels.")
    if needs_targets and samples.targets is not None:
        _check_labels(samples.targets)
    check_targets(samples.targets, classes, name="samples")
    if validation is not None:
        if validation.targets is None or not len(validation):
            raise InputError("`validation` needs rows with targets.")
        check_targets(validation.targets, classes, name="validation")
        _tell_missing(samples.targets, validation.targets)
    return classes


def _check_rows(model: nn.Module, part: Samples, name: str) -> None:
    if isinstance(model, PretrainedModel):
        model.check(part)
    elif isinstance(model, CompactModel) and part.input_shape != model.spec.input_shape:
        raise InputError(
            f"The model takes rows of shape {model.spec.input_shape}, `{name}` has "
            f"{part.input_shape}. Make the model with `input_shape={part.input_shape}`."
        )


def _check_labels(targets: Tensor) -> None:
    present = np.unique(targets.numpy())
    if present[0] == UNLABELED:
        has = counted(int((targets == UNLABELED).sum()), "row has", "rows have")
        raise InputError(
            f"{has} no label. Leave such rows out with `take`, or `distill`, which learns from "
            "them too."
        )
    if len(present) < 2:
        raise InputError(f"All rows have class {present[0]}; there is nothing to learn.")


def check_targets(targets: Tensor | None, classes: int, *, name: str) -> None:
    """Raise if a label has no logit."""
    if targets is not None and len(targets) and int(targets.max()) >= classes:
        raise InputError(
            f"`{name}` has label {int(targets.max())}, but the model has "
            f"{counted(classes, 'class', 'classes')} (labels 0 to {classes - 1})."
        )


@torch.no_grad()
def count_classes(model: nn.Module, inputs: Tensor) -> int:
    """Return how many logits the model gives a row; its state is unchanged."""
    if isinstance(model, CompactModel | PretrainedModel):
        return model.head.out_features
    with evaluating(model):
        logits = model(arranged(inputs[:1].to(device_of(model))))
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        raise InputError("The model must return logits of shape (rows, classes).")
    return int(logits.shape[1])


def know_inputs(model: nn.Module, inputs: Tensor) -> None:
    """Tell a model what its rows are like: their numbers, and their mean and spread."""
    note_dtype(model, inputs)
    measure_normalization(model, inputs)


def measure_normalization(model: nn.Module, inputs: Tensor) -> None:
    """Give the model's `Normalize` the statistics of the training inputs, unless it has some."""
    if isinstance(model, PretrainedModel):
        return  # it normalizes vectors, and measures them itself
    for layer in model.modules():
        if isinstance(layer, Normalize) and not bool(layer.measured):
            layer.measure(inputs)


def note_dtype(model: nn.Module, inputs: Tensor) -> None:
    """Let a compact model know what numbers its rows are, so that its exported file takes them."""
    spec = getattr(model, "spec", None)
    if isinstance(spec, ModelSpec):
        told: Any = spec.of_dtype(str(inputs.dtype).removeprefix("torch."))
        model.spec = told


def _tell_missing(trained: Tensor | None, judged: Tensor) -> None:
    if trained is None:
        return
    missing = np.setdiff1d(judged.numpy(), trained.numpy()).tolist()
    if missing:
        message(f"no training row has class {', '.join(map(str, missing))}; it cannot be learned")


def _tell_empty(samples: Samples) -> None:
    """Name texts without a token: the model can only answer with what is usual."""
    if samples.modality != "text":
        return
    empty = samples.row_ids[(samples.inputs == 0).all(1).numpy()]
    if len(empty):
        message(
            f"{len(empty)} of {counted(len(samples), 'text has', 'texts have')} no word; a model "
            f"can learn nothing from them. First: {', '.join(map(str, empty[:_LISTED]))}"
        )


def check_parts(model: nn.Module, *, n_rows: int, batch_size: int, accumulate: int) -> None:
    """Raise if batch norm would see a single vector at once, of which it learns nothing."""
    steps = -(-n_rows // batch_size)
    smallest = n_rows // steps // accumulate
    trained = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d) and m.weight is not None]
    if smallest < 2 and any(m.weight.requires_grad for m in trained):
        raise InputError(
            f"Batch norm needs at least two rows at once; {counted(n_rows, 'row')} with "
            f"`batch_size={batch_size}` and `accumulate={accumulate}` make parts of {smallest}. "
            "Use a larger `batch_size` or a smaller `accumulate`."
        )
