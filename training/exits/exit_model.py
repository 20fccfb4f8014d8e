"""A network with exits: heads on the way, trained together with the last one.

Teerapittayanon et al., "BranchyNet", ICPR 2016. The heads are a mean over the image and one
linear layer, so that they cost next to nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from thresher.core.errors import InputError, check_count

from ..exporting.description import example_rows
from ..loop.batches import Batch
from ..loop.loss import weighted_mean
from ..models.network import CompactModel
from ..rows.samples import UNLABELED, Samples
from ..torch_runtime.eval_mode import evaluating
from ..torch_runtime.flops import count_flops
from ..torch_runtime.memory_format import arranged
from ..torch_runtime.seeding import own_torch_rng
from .rule import ExitRule, choose_rule
from .staged import Stage, StagedPrediction, all_stages, predict_staged


class ExitHead(nn.Module):
    """Mean over all axes beyond the second, then one linear layer."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, num_classes)

    def forward(self, state: Tensor) -> Tensor:
        """Return logits, float32 (n, num_classes)."""
        logits: Tensor = self.linear(state.flatten(2).mean(dim=2) if state.ndim > 2 else state)
        return logits


class ExitModel(nn.Module):
    """A `CompactModel` cut into segments, with a head after each.

    In training mode it returns the logits of all exits, (n, exits, classes); in evaluation mode
    those of the last one, so that it can be judged, exported and quantized as any other model.

    Attributes
    ----------
    spec : ModelSpec
        Of the model that it came from.
    segments, heads : nn.ModuleList
    costs : tuple of float
        FLOPs of one row in each segment and its head.
    rule : ExitRule or None
        Set by `calibrate`.
    """

    def __init__(
        self, base: CompactModel, *, segments: Sequence[nn.Module], heads: Sequence[nn.Module]
    ) -> None:
        super().__init__()
        self.spec = base.spec
        self.segments, self.heads = nn.ModuleList(segments), nn.ModuleList(heads)
        self.costs = _costs(self)
        self.rule: ExitRule | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits: of all exits in training mode, of the last one otherwise."""
        state, found = inputs, []
        for segment, head in zip(self.segments, self.heads, strict=True):
            state = segment(state)
            if self.training:
                found.append(head(state))
        if self.training:
            return torch.stack(found, dim=1)
        logits: Tensor = self.heads[-1](state)
        return logits

    def calibrate(
        self,
        samples: Samples,
        *,
        max_drop: float | None = None,
        min_accuracy: float | None = None,
    ) -> ExitRule:
        """Choose when rows may leave, on held-out rows; see `choose_rule`."""
        labels = None if samples.targets is None else samples.targets.numpy()
        self.rule = choose_rule(
            self.exits(samples.inputs),
            labels,
            costs=self.costs,
            max_drop=max_drop,
            min_accuracy=min_accuracy,
        )
        return self.rule

    def exits(self, inputs: Tensor, *, batch_size: int = 256) -> list[np.ndarray]:
        """Return the logits of all rows at every exit, each float32 (n, classes)."""
        with evaluating(self), torch.inference_mode():
            return all_stages(self._stages(), inputs, batch_size=batch_size)

    def answer(self, inputs: Tensor, *, batch_size: int = 256) -> StagedPrediction:
        """Predict, letting rows leave early by the rule."""
        if self.rule is None:
            raise InputError("This model has no rule yet: call `calibrate` with held-out rows.")
        with evaluating(self), torch.inference_mode():
            return predict_staged(self._stages(), inputs, rule=self.rule, batch_size=batch_size)

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return the logits with early exit, float32 (n, classes)."""
        return self.answer(torch.from_numpy(inputs)).logits

    def _stages(self) -> list[Stage]:
        device = next(self.parameters()).device

        def stage(segment: nn.Module, head: nn.Module) -> Stage:
            def step(state: Tensor) -> tuple[np.ndarray, Tensor]:
                following = segment(arranged(state.to(device)))
                return head(following).float().cpu().numpy(), following

            return step

        return [stage(*pair) for pair in zip(self.segments, self.heads, strict=True)]


@dataclass(frozen=True)
class ExitLoss:
    """Cross-entropy of all exits; for `fit`'s ``loss``.

    Attributes
    ----------
    early_weight : float
        Of each early exit; the last one has 1. Larger ones cost the last exit accuracy.
    label_smoothing : float

    Examples
    --------
    >>> from training import ExitLoss
    >>> loss = ExitLoss(early_weight=0.3)
    >>> loss.early_weight
    0.3
    """

    early_weight: float = 0.3
    label_smoothing: float = 0.0

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the weighted mean loss of the batch, float32 scalar."""
        if batch.targets is None:
            raise InputError("Exits are trained with labels, and these samples have none.")
        logits = model(batch.inputs).float()
        exits = logits.shape[1]
        targets = batch.targets.unsqueeze(1).expand(-1, exits, *batch.targets.shape[1:])
        losses = F.cross_entropy(
            logits.flatten(0, 1),
            targets.flatten(0, 1),
            reduction="none",
            ignore_index=UNLABELED,
            label_smoothing=self.label_smoothing,
        ).view(-1, exits)
        weights = losses.new_full((exits,), self.early_weight)
        weights[-1] = 1
        return weighted_mean(losses @ weights, batch.weights)


def with_exits(model: CompactModel, *, exits: int = 2, random_state: int = 0) -> ExitModel:
    """Copy a compact model and give it early exits, about evenly over its operations.

    Parameters
    ----------
    model : CompactModel
        Its ``features`` must be an ``nn.Sequential``; trained or not. Left as it is.
    exits : int
        Early ones, beside the last.
    random_state : int
        Draws the weights of the new heads.

    Raises
    ------
    InputError
        When the model has no more places than asked for.

    Examples
    --------
    >>> from training import compact_model, with_exits
    >>> plain = compact_model("resnet8", num_classes=10, input_shape=(3, 32, 32), width=8)
    >>> type(with_exits(plain, exits=2)).__name__
    'ExitModel'
    """
    check_count("exits", exits, low=1)
    if not isinstance(model, CompactModel) or not isinstance(model.features, nn.Sequential):
        raise InputError("`with_exits` takes a model of `compact_model` whose features are a list.")
    base = copy.deepcopy(model)
    assert isinstance(base.features, nn.Sequential)
    layers = list(base.features)
    places = _places(base, layers, exits)
    edges = [0, *places, len(layers)]
    segments = [
        nn.Sequential(*([base.normalize] if not start else []), *layers[start:stop])
        for start, stop in pairwise(edges)
    ]
    with own_torch_rng(random_state):
        heads: list[nn.Module] = [
            ExitHead(width, base.spec.num_classes) for width in _widths(base, segments[:-1])
        ]
    return ExitModel(base, segments=segments, heads=[*heads, base.head])


def _places(base: CompactModel, layers: list[nn.Module], exits: int) -> list[int]:
    """Return after how many layers the exits lie: nearest to even parts of the operations."""
    rows = example_rows(base, None)
    ends = [
        count_flops(nn.Sequential(base.normalize, *layers[:stop]), rows)
        for stop in range(1, len(layers))
    ]
    total = count_flops(base, rows)
    open_places = [stop for stop, end in enumerate(ends, start=1) if 0 < end < total]
    if len(open_places) < exits:
        raise InputError(
            f"'{base.spec.name}' has room for {len(open_places)} early exit(s), not {exits}."
        )
    chosen: list[int] = []
    for place in range(1, exits + 1):
        wanted = total * place / (exits + 1)
        left = [stop for stop in open_places if stop > max(chosen, default=0)]
        left = left[: len(left) - (exits - place)]
        chosen.append(min(left, key=lambda stop: abs(ends[stop - 1] - wanted)))
    return chosen


@torch.no_grad()
def _widths(base: CompactModel, segments: list[nn.Sequential]) -> list[int]:
    state, widths = example_rows(base, None), []
    for segment in segments:
        with evaluating(segment):
            state = segment(state)
        widths.append(int(state.shape[1]))
    return widths


@torch.no_grad()
def _costs(model: ExitModel) -> tuple[float, ...]:
    state, costs = example_rows(model, None), []
    for segment, head in zip(model.segments, model.heads, strict=True):
        flops = count_flops(segment, state)
        with evaluating(segment):
            state = segment(state)
        costs.append(flops + count_flops(head, state))
    return tuple(costs)
