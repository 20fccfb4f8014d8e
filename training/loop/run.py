"""What a training run gives back, in memory and as a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from thresher.core.choice import Choice
from thresher.core.errors import InputError
from thresher.core.files import atomic_path, read_json, write_json

from ..models import ModelSpec, build_model
from ..pretrained import PretrainedSpec, rebuild

WEIGHTS = "weights.pt"
RECORD = "run.json"


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """A trained model and how it came about.

    Attributes
    ----------
    model : nn.Module
        With the final (averaged, or best) weights, in evaluation mode.
    history : list of dict
        One entry an epoch: ``epoch`` (from 1), ``step``, ``lr``, ``loss``, ``seconds``, and where
        known ``accuracy``, ``validation_loss``, ``validation_accuracy``.
    metrics : dict of str to float
        The last entry's numbers of the weights in `model`.
    flops : float
        Floating-point operations of all forward and backward passes (a multiply-add is two).
    rows_seen : int
        Rows trained on, repeats counted.
    seconds : float
        Wall time in the loop, over all sessions of a resumed run.
    choices : dict of str to Choice
        What was chosen automatically, and why.
    seed : int
        Gives the same run again.

    Examples
    --------
    >>> import numpy as np
    >>> from training import TrainingRun, compact_model, fit, samples_from_arrays
    >>> x, y = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32), np.arange(64) % 2
    >>> rows = samples_from_arrays(x, row_ids=np.arange(64).astype(str), targets=y)
    >>> model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    >>> fit(model, rows, epochs=1, batch_size=16).save("run")
    >>> TrainingRun.load("run").rows_seen
    64
    """

    model: nn.Module
    history: list[dict[str, Any]]
    metrics: dict[str, float]
    flops: float
    rows_seen: int
    seconds: float
    seed: int
    choices: dict[str, Choice] = field(default_factory=dict)

    def save(self, folder: str | Path) -> None:
        """Write ``weights.pt`` (a torch state dict) and ``run.json`` into `folder`, atomically."""
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            torch.save(self.model.state_dict(), temporary / WEIGHTS)
            write_json(temporary / RECORD, self._record())

    @classmethod
    def load(cls, folder: str | Path, *, model: nn.Module | None = None) -> TrainingRun:
        """Read what `save` wrote.

        A compact or pretrained model is built again from its spec; any other must be given as
        `model`.
        """
        record = read_json(Path(folder) / RECORD)
        if model is None:
            if record["spec"] is None:
                raise InputError(
                    f"{folder} holds the weights of a model that is not one of Thresher's; give "
                    "an untrained one as `model`."
                )
            model = _rebuilt(record["spec"])
        model.load_state_dict(torch.load(Path(folder) / WEIGHTS, weights_only=True))
        choices = {name: Choice(**choice) for name, choice in record["choices"].items()}
        kept = {name: record[name] for name in _NUMBERS}
        return cls(model=model.eval(), choices=choices, **kept)

    def _record(self) -> dict[str, Any]:
        spec = getattr(self.model, "spec", None)
        return {
            **{name: getattr(self, name) for name in _NUMBERS},
            "spec": spec.to_json() if isinstance(spec, ModelSpec | PretrainedSpec) else None,
            "choices": {name: vars(choice) for name, choice in self.choices.items()},
        }


def _rebuilt(spec: dict[str, Any]) -> nn.Module:
    """Return the compact or pretrained model of a stored spec, with weights yet to be read."""
    if "base" in spec:
        return rebuild(PretrainedSpec.from_json(spec))
    return build_model(ModelSpec.from_json(spec))


_NUMBERS = ("history", "metrics", "flops", "rows_seen", "seconds", "seed")
