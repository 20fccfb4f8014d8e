"""A pretrained network with a head of our own, trained in one of three ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from thresher.core.choice import Choice
from thresher.core.counted import counted
from thresher.core.errors import InputError

from ..evaluation import predict_logits
from ..models import Normalize
from ..rows.samples import Samples, samples_from_arrays
from ..torch_runtime.eval_mode import evaluating
from .bodies import ImageBody, TextBody
from .row_table import RowTable
from .spec import PretrainedSpec

MODES = ("frozen", "fine_tune", "lora")
_BATCH = 64
_MEASURED_ROWS = 2048


class PretrainedModel(nn.Module):
    """A classifier: ``head(normalize(body(inputs)))``.

    Its ``state_dict`` leaves out what training cannot change, so that checkpoints and saved runs
    hold the head and the adapters alone; the weights below are read again from where they came, and
    a hash tells whether they are still the same.

    Parameters
    ----------
    spec : PretrainedSpec
    body : ImageBody or TextBody
    dimensions : int
        Length of the body's vectors.

    Attributes
    ----------
    head : nn.Linear
        To logits, float32 (n, num_classes).
    preprocessing : dict
        How a raw row becomes an input, for the exported model's metadata.
    """

    base: Tensor

    def __init__(
        self, spec: PretrainedSpec, body: ImageBody | TextBody, *, dimensions: int
    ) -> None:
        super().__init__()
        self.spec = spec
        self.body = body
        frozen = spec.mode == "frozen"
        self.normalize: nn.Module = Normalize(dimensions, trailing=0) if frozen else nn.Identity()
        self.head = nn.Linear(dimensions, spec.num_classes)
        if frozen:
            body.requires_grad_(False)
        self.register_buffer("base", _as_bytes(spec.base))
        self.base_names = frozenset(_untrained(self) if spec.mode != "fine_tune" else ())
        self._known: list[RowTable] = []
        self.register_state_dict_post_hook(_leave_base_out)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_check_base)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_post_hook(_miss_no_base)  # type: ignore[no-untyped-call]

    @property
    def preprocessing(self) -> dict[str, Any]:
        """How a raw row becomes an input, as JSON values."""
        return self.body.preprocessing

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits, float32 (n, num_classes)."""
        logits: Tensor = self.head(self.normalize(self._vectors(inputs)))
        return logits

    def train(self, mode: bool = True) -> PretrainedModel:
        """Switch to training; a body that is not trained whole keeps its statistics."""
        super().train(mode)
        if self.spec.mode == "frozen":
            self.body.eval()
        elif self.spec.mode == "lora":
            for layer in self.body.modules():
                if isinstance(layer, _BatchNorm):
                    layer.eval()
        return self

    def samples(
        self,
        values: Any,
        *,
        row_ids: np.ndarray,
        targets: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> Samples:
        """Turn raw rows into `Samples` of this model.

        Parameters
        ----------
        values : sequence of str, or ndarray of uint8, shape (n, height, width, 3)
        row_ids, targets, weights
            As in `samples_from_arrays`.
        """
        inputs = self.body.prepare(values)
        return samples_from_arrays(inputs, row_ids=row_ids, targets=targets, weights=weights)

    def predict_values(
        self, values: Any, *, batch_size: int = _BATCH, device: str = "auto"
    ) -> np.ndarray:
        """Return the logits of raw rows, float32 (n, num_classes)."""
        rows = self.samples(values, row_ids=np.arange(len(values)).astype(str))
        return predict_logits(self, rows, batch_size=batch_size, device=device)

    def check(self, samples: Samples) -> None:
        """Raise unless the model takes these rows."""
        self.body.check(samples.inputs)

    def prepare(
        self, samples: Samples, *, others: Sequence[Samples], augmented: bool, device: str
    ) -> Choice | None:
        """Get a frozen body ready for training: compute each row's vector once, and keep it.

        Parameters
        ----------
        samples : Samples
            The training rows; the head's normalization is measured on them.
        others : sequence of Samples
            Other rows that will be asked for, such as validation rows.
        augmented : bool
            Whether rows change in every epoch, so that keeping their vectors is of no use.
        device : str

        Returns
        -------
        Choice or None
            What was done and why; None in the other modes.
        """
        if self.spec.mode != "frozen":
            return None
        measured = samples
        if augmented and len(samples) > _MEASURED_ROWS:
            measured = samples.take(np.arange(_MEASURED_ROWS))
        vectors = [self._compute(part.inputs, device) for part in (measured, *others)]
        normalize = self.normalize
        if isinstance(normalize, Normalize) and not bool(normalize.measured):
            normalize.measure(vectors[0])
        inputs = torch.cat([measured.inputs, *(part.inputs for part in others)])
        if not augmented:
            self._known = [RowTable(inputs, torch.cat(vectors))]
            return Choice(
                "cached vectors",
                f"the body is frozen; {counted(len(inputs), 'row')} went through",
            )
        return Choice("computed vectors", "augmentation changes the rows in every epoch")

    def _vectors(self, inputs: Tensor) -> Tensor:
        if self.spec.mode == "frozen" and self._known and not torch.compiler.is_compiling():
            known_vectors, known = self._known[0].to(inputs.device)(inputs)
            if bool(known.all()):
                cached: Tensor = known_vectors
                return cached
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.spec.mode != "frozen"):
            found: Tensor = self.body(inputs)
        return found

    def _compute(self, inputs: Tensor, device: str) -> Tensor:
        with evaluating(self, device=device), torch.no_grad():
            parts = torch.split(inputs, _BATCH)
            return torch.cat([self.body(part.to(device)).float().cpu() for part in parts])


def _untrained(model: PretrainedModel) -> list[str]:
    """Return the names of the body's tensors that training leaves as they are."""
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    return [f"body.{name}" for name in model.body.state_dict() if f"body.{name}" not in trained]


def _as_bytes(digest: str) -> Tensor:
    return torch.tensor(list(bytes.fromhex(digest)), dtype=torch.uint8)


def _leave_base_out(
    model: nn.Module, state: dict[str, Any], prefix: str, _metadata: dict[str, Any]
) -> None:
    assert isinstance(model, PretrainedModel)
    for name in model.base_names:
        state.pop(prefix + name, None)


def _check_base(model: nn.Module, state: dict[str, Any], prefix: str, *_rest: object) -> None:
    assert isinstance(model, PretrainedModel)
    found = state.get(f"{prefix}base")
    if model.base_names and found is not None and not torch.equal(found.cpu(), model.base.cpu()):
        raise InputError(
            f"{model.spec.name} now has other weights than those that the saved head or adapters "
            "were trained on. Get the old ones back, or train again."
        )


def _miss_no_base(model: nn.Module, incompatible: Any) -> None:
    assert isinstance(model, PretrainedModel)
    kept = [
        name
        for name in incompatible.missing_keys
        if not any(name.endswith(base) for base in model.base_names)
    ]
    incompatible.missing_keys[:] = kept
