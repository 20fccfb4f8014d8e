"""Mixup and CutMix with soft labels, keyed by row.

Mixup: Zhang et al., ICLR 2018. CutMix: Yun et al., ICCV 2019. Which rows meet depends on the rows
of the batch, but not on their order; how much they mix depends on each row's own id.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_number
from thresher.core.moved import renamed
from thresher.core.randomness import RandomState
from thresher.core.signatures import checked

from .randomness.keyed import check_index, check_keys, check_seed, draw


class MixBatch:
    """Mixes the rows of a batch in pairs and returns soft labels.

    Parameters
    ----------
    mixup, cutmix
        Parameter alpha of Beta(alpha, alpha) for the share of the partner; 0 switches one off.
        With both, each row takes one of them evenly.
    num_classes
        Number of classes C of the soft labels.
    prob
        Share of the rows that are mixed.
    off_from
        First epoch without any mixing; None for never.
    random_state
        The seed, kept in ``seed``.

    Examples
    --------
    >>> import torch
    >>> from augment import MixBatch
    >>> mix = MixBatch(num_classes=2, mixup=0.2, random_state=0)
    >>> images, targets = torch.zeros(4, 3, 8, 8), torch.tensor([0, 1, 0, 1])
    >>> mixed, soft = mix(images, targets, ["a", "b", "c", "d"], 0)
    >>> soft.sum(dim=1).round(decimals=3).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    @checked
    def __init__(
        self,
        *,
        num_classes: int,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        prob: float = 1.0,
        off_from: int | None = None,
        random_state: RandomState = 0,
    ) -> None:
        self.num_classes = check_index("num_classes", num_classes)
        if self.num_classes < 1:
            raise InputError("`num_classes` must be at least 1, got 0.")
        self.mixup = check_number("mixup", mixup, low=0, high=100)
        self.cutmix = check_number("cutmix", cutmix, low=0, high=100)
        if not self.mixup and not self.cutmix:
            raise InputError("`mixup` and `cutmix` are both 0; set one of them, or do not mix.")
        self.prob = check_number("prob", prob, low=0, high=1)
        self.off_from = None if off_from is None else check_index("off_from", off_from)
        self.seed = check_seed(random_state)

    @renamed(keys="row_ids")
    def __call__(
        self, inputs: Tensor, targets: Tensor, row_ids: Any, epoch: int = 0
    ) -> tuple[Tensor, Tensor]:
        """Mix a batch of any size.

        Parameters
        ----------
        inputs
            (n, C, H, W) for CutMix, (n, …) for mixup; uint8 or floating.
        targets
            int64 class numbers (n,), or soft labels float32 (n, num_classes).
        row_ids
            One per row; see `Augmenter.batch`.

        Returns
        -------
        The mixed inputs, float32 unless only CutMix is on, and soft labels float32
        (n, num_classes).
        """
        soft = self._soft(inputs, targets)
        row_keys = check_keys(row_ids, n=len(inputs))
        epoch = check_index("epoch", epoch)
        if len(inputs) == 0 or (self.off_from is not None and epoch >= self.off_from):
            return self._cast(inputs), soft
        draws = draw(self.seed, row_keys, epoch=epoch).uniform(0, 6)
        partner = torch.from_numpy(_partners(draws[:, 0])).to(inputs.device)
        mixed = draws[:, 1] < self.prob
        use_cutmix = mixed & _uses_cutmix(draws[:, 2], self.mixup, self.cutmix)
        share = np.zeros(len(inputs))
        result = self._cast(inputs)
        if use_cutmix.any():
            result, share = self._paste(result, partner, draws, use_cutmix)
        use_mixup = mixed & ~use_cutmix
        if use_mixup.any():
            blend = np.where(use_mixup, _beta(self.mixup, draws[:, 3]), 0.0)
            share = share + blend
            result = _blend(result, inputs, partner, blend)
        weight = torch.from_numpy(share.astype(np.float32)).to(soft.device)[:, None]
        return result, soft * (1 - weight) + soft[partner.to(soft.device)] * weight

    def _cast(self, inputs: Tensor) -> Tensor:
        return inputs.float() if self.mixup and not inputs.is_floating_point() else inputs

    def _soft(self, inputs: Tensor, targets: Tensor) -> Tensor:
        if not isinstance(inputs, Tensor) or inputs.ndim < 2:
            found = getattr(inputs, "shape", type(inputs).__name__)
            raise InputError(f"Mixing needs inputs as a tensor (n, …), got {found}.")
        if not isinstance(targets, Tensor) or targets.ndim == 0 or len(targets) != len(inputs):
            found = "none" if targets is None else _length(targets)
            raise InputError(
                f"Mixing needs one label per row: {counted(len(inputs), 'row')}, {found} labels."
            )
        if self.cutmix and inputs.ndim != 4:
            raise InputError(f"CutMix needs inputs (n, C, H, W), got {tuple(inputs.shape)}.")
        if targets.is_floating_point():
            if tuple(targets.shape) != (len(inputs), self.num_classes):
                wanted = (len(inputs), self.num_classes)
                raise InputError(f"Soft labels must be {wanted}, got {tuple(targets.shape)}.")
            return targets.float()
        if targets.ndim != 1 or targets.is_complex() or targets.dtype == torch.bool:
            raise InputError(
                f"Labels must be class numbers (n,), got {targets.dtype} {tuple(targets.shape)}."
            )
        if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < self.num_classes:
            raise InputError(
                f"Class numbers must be 0 to {self.num_classes - 1} (`num_classes` is "
                f"{self.num_classes}), got {int(targets.min())} to {int(targets.max())}."
            )
        return torch.nn.functional.one_hot(targets.long(), self.num_classes).float()

    def _paste(
        self, inputs: Tensor, partner: Tensor, draws: np.ndarray, use: np.ndarray
    ) -> tuple[Tensor, np.ndarray]:
        height, width = inputs.shape[2:]
        wanted = np.where(use, _beta(self.cutmix, draws[:, 3]), 0.0)
        tops, bottoms = _span(wanted, draws[:, 4], height)
        lefts, rights = _span(wanted, draws[:, 5], width)
        inside = _between(tops, bottoms, height, inputs)[:, None, :, None]
        inside = inside & _between(lefts, rights, width, inputs)[:, None, None, :]
        share = (bottoms - tops) * (rights - lefts) / (height * width)
        return torch.where(inside, inputs[partner], inputs), share


def _length(targets: object) -> str:
    if isinstance(targets, Tensor) and targets.ndim:
        return str(len(targets))
    return f"no tensor of ({type(targets).__name__}) "


def _partners(order: np.ndarray) -> np.ndarray:
    """Pair each row with the next one in a random order, so that no row meets itself."""
    ranked = np.argsort(order, kind="stable")
    partner = np.empty(len(order), dtype=np.int64)
    partner[ranked] = np.roll(ranked, -1)
    return partner


def _uses_cutmix(draws: np.ndarray, mixup: float, cutmix: float) -> np.ndarray:
    if mixup and cutmix:
        return draws < 0.5
    return np.full(len(draws), bool(cutmix))


def _beta(alpha: float, draws: np.ndarray) -> np.ndarray:
    if alpha == 1:
        return draws
    from scipy.special import betaincinv

    return np.asarray(betaincinv(alpha, alpha, draws))


def _span(share: np.ndarray, place: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    length = np.sqrt(share) * side
    start = np.clip(np.round(place * side - length / 2), 0, side)
    end = np.clip(np.round(place * side + length / 2), 0, side)
    return np.where(share > 0, start, 0), np.where(share > 0, end, 0)


def _between(low: np.ndarray, high: np.ndarray, side: int, like: Tensor) -> Tensor:
    place = np.arange(side)[None, :]
    return torch.from_numpy((place >= low[:, None]) & (place < high[:, None])).to(like.device)


def _blend(result: Tensor, inputs: Tensor, partner: Tensor, share: np.ndarray) -> Tensor:
    weight = torch.from_numpy(share.astype(np.float32)).to(inputs.device)
    weight = weight.view(-1, *[1] * (inputs.ndim - 1))
    mixed = result * (1 - weight) + inputs[partner].to(result.dtype) * weight
    return torch.where(weight > 0, mixed, result)
