"""How good a model is on labeled rows, with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from thresher.core.choice import choose_device
from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count
from thresher.core.interval import wilson_interval
from thresher.core.progress import track
from thresher.core.shown import Shown
from thresher.core.signatures import checked

from .rows.samples import Samples
from .torch_runtime.allocator import kept_memory
from .torch_runtime.eval_mode import evaluating
from .torch_runtime.memory_format import arranged

# Of large images fewer rows are computed at once, for what a network makes of their pixels takes
# many times the memory.
_LARGE, _MOST_VALUES = 3 * 96 * 96, 64 * 3 * 160 * 160


@runtime_checkable
class Predictor(Protocol):
    """Anything that maps a batch of inputs to logits, such as an exported model."""

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """From inputs (n, …) to logits, float (n, classes)."""


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Shown):
    """Result of `evaluate`.

    Attributes
    ----------
    accuracy : float
        Share of rows whose most probable class is their label.
    interval : tuple of float
        95 % Wilson score interval of the accuracy.
    loss : float
        Mean cross-entropy, natural logarithm.
    per_class : dict of int to float
        Accuracy among the rows of each class that occurs.
    pred_probs : ndarray of float32, shape (n, classes)
    correct : ndarray of bool, shape (n,)
        Which rows are right.
    row_ids : ndarray of str, shape (n,)
    """

    accuracy: float
    interval: tuple[float, float]
    loss: float
    per_class: dict[int, float]
    pred_probs: np.ndarray
    correct: np.ndarray
    row_ids: np.ndarray


@checked
def evaluate(
    model: nn.Module | Predictor,
    samples: Samples,
    *,
    batch_size: int = 500,
    device: str = "auto",
) -> Evaluation:
    """Measure a model on labeled rows.

    Parameters
    ----------
    model : nn.Module or Predictor
        A module (its training mode and device are restored) or anything with ``predict``.
    samples : Samples
        At least one row, with targets.
    batch_size : int
    device : str
        For modules: ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    InputError
        Without targets or rows, or with a label that the model has no logit for.

    Examples
    --------
    >>> import numpy as np
    >>> from training import compact_model, evaluate, samples_from_arrays
    >>> x, y = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32), np.arange(64) % 2
    >>> rows = samples_from_arrays(x, row_ids=np.arange(64).astype(str), targets=y)
    >>> found = evaluate(compact_model("mlp", num_classes=2, input_shape=(4,), width=8), rows)
    >>> found.interval[0] <= found.accuracy <= found.interval[1]
    True
    """
    if samples.targets is None:
        raise InputError("`evaluate` needs labeled rows; these samples have no targets.")
    targets = samples.targets.numpy()
    unlabeled = int((targets < 0).sum())
    if unlabeled:
        has = counted(unlabeled, "row has", "rows have")
        raise InputError(f"{has} no label; leave such rows out of the evaluation.")
    logits = predict_logits(model, samples, batch_size=batch_size, device=device)
    if targets.max() >= logits.shape[1]:
        raise InputError(
            f"The model has {counted(logits.shape[1], 'class', 'classes')}, but a row has label "
            f"{targets.max()}."
        )
    log_probs = torch.from_numpy(logits).double().log_softmax(1).numpy()
    correct = logits.argmax(1) == targets
    return Evaluation(
        accuracy=float(correct.mean()),
        interval=wilson_interval(int(correct.sum()), len(correct)),
        loss=float(-log_probs[np.arange(len(targets)), targets].mean()),
        per_class={int(c): float(correct[targets == c].mean()) for c in np.unique(targets)},
        pred_probs=np.exp(log_probs).astype(np.float32),
        correct=correct,
        row_ids=samples.row_ids,
    )


def predict_logits(
    model: nn.Module | Predictor,
    samples: Samples,
    *,
    batch_size: int = 500,
    device: str = "auto",
) -> np.ndarray:
    """Return the logits of all rows in evaluation mode, float32 (n, classes)."""
    if not len(samples):
        raise InputError("There are no rows to predict.")
    check_count("batch_size", batch_size, low=1)
    batch_size = rows_at_once(samples.inputs, batch_size)
    if isinstance(model, nn.Module):
        return module_logits(model, samples.inputs, batch_size=batch_size, device=device)
    if not hasattr(model, "predict"):
        raise InputError(
            f"`model` must be a torch module or have `predict`, got {type(model).__name__}."
        )
    parts = [
        np.asarray(model.predict(np.ascontiguousarray(part.numpy())), dtype=np.float32)
        for part in track(torch.split(samples.inputs, batch_size), description="predict")
    ]
    return np.concatenate(parts)


def rows_at_once(inputs: Tensor, batch_size: int) -> int:
    """Return how many rows to compute at once: fewer than `batch_size` of large images."""
    values = inputs[:1].numel()
    return batch_size if values <= _LARGE else max(1, min(batch_size, _MOST_VALUES // values))


@kept_memory()
def module_logits(
    model: nn.Module, inputs: Tensor, *, batch_size: int = 500, device: str = "auto"
) -> np.ndarray:
    """Return the logits of all rows in evaluation mode, float32 (n, classes)."""
    target = choose_device(device).value
    parts = []
    with evaluating(model, device=target), torch.inference_mode():
        for part in track(torch.split(inputs, batch_size), description="predict"):
            parts.append(model(arranged(part.to(target))).float().cpu())
    return torch.cat(parts).numpy()
