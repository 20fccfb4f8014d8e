"""A linear head on vectors, as strongly held as rows that it has not seen ask for.

Multinomial logistic regression with an L2 penalty, by L-BFGS on standardized vectors. The penalty
is chosen by the cross-entropy on left-out folds, for how strong it must be follows the number of
rows and of wrong labels. Cost: one fit for each fold and strength, of at most 4,000 rows, and
one of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from thresher.core.choice import Choice
from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.numerics.folds import spread_over_folds
from thresher.core.numerics.softmax import log_softmax

FOLDS, MOST_ROWS = 3, 4000
# Of the data against the penalty, as ``C`` in scikit-learn, for vectors of about unit length.
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
_STEPS = 200


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Weights from vectors as they are, not standardized, to logits.

    Attributes
    ----------
    weight : ndarray of float32, shape (classes, d)
    bias : ndarray of float32, shape (classes,)
    strength : Choice
        Of the data against the penalty, and why.
    judged : ndarray of int64, shape (m,)
        The rows that the folds were made of.
    held_out : ndarray of float32, shape (m, classes)
        Their logits by the head that has not seen them, of the chosen strength.
    flops : float
        Of all fits.
    """

    weight: np.ndarray
    bias: np.ndarray
    strength: Choice
    judged: np.ndarray
    held_out: np.ndarray
    flops: float

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """Return logits, float32 (n, classes)."""
        found: np.ndarray = vectors @ self.weight.T + self.bias
        return found


def fit_head(
    vectors: np.ndarray, codes: np.ndarray, *, num_classes: int, keys: np.ndarray
) -> LinearHead:
    """Fit a head to labeled vectors.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    codes : ndarray of int64, shape (n,)
        Classes from 0 on; one without rows keeps a low logit.
    num_classes : int
    keys : ndarray of uint64, shape (n,)
        By which rows are spread over the folds, whatever their order.

    Raises
    ------
    InputError
        Without rows.
    """
    if not len(vectors):
        raise InputError("A head needs labeled rows, got none.")
    fits = _Fits(num_classes)
    drawn = np.sort(np.argsort(keys, kind="stable")[:MOST_ROWS])
    fold_of = spread_over_folds(np.lexsort((keys[drawn], codes[drawn])), FOLDS)
    held_out = np.zeros((len(STRENGTHS), len(drawn), num_classes), np.float32)
    if len(drawn) >= 2 * FOLDS:
        for fold in range(FOLDS):
            others, held = drawn[fold_of != fold], fold_of == fold
            found = fits.path(vectors[others], codes[others], STRENGTHS)
            for at, (weight, bias) in enumerate(found):
                held_out[at, held] = vectors[drawn[held]] @ weight.T + bias
    losses = [_loss(logits, codes[drawn]) for logits in held_out]
    best = min(range(len(STRENGTHS)), key=lambda at: round(losses[at], 4))
    weight, bias = fits.path(vectors, codes, STRENGTHS[best : best + 1])[0]
    told = ", ".join(f"{loss:.3f} at {one:g}" for one, loss in zip(STRENGTHS, losses, strict=True))
    why = f"cross-entropy on left-out thirds of {counted(len(drawn), 'row')}: {told}"
    strength = Choice(f"{STRENGTHS[best]:g}", why)
    return LinearHead(weight, bias, strength, drawn, held_out[best], fits.flops)


@dataclass
class _Fits:
    """Fits of the same classes, and what they have cost."""

    num_classes: int
    flops: float = 0.0

    def path(
        self, vectors: np.ndarray, codes: np.ndarray, strengths: tuple[float, ...]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return weight and bias for each strength, each fit begun where the last has ended."""
        mean = vectors.mean(axis=0, dtype=np.float64)
        spread = vectors.std(axis=0, dtype=np.float64)
        spread[spread <= 1e-6 * np.maximum(np.abs(mean), 1)] = np.inf  # constant: no use
        scale = 1 / (spread * np.sqrt(vectors.shape[1]))
        rows = torch.from_numpy(((vectors - mean) * scale).astype(np.float32))
        targets = torch.from_numpy(codes)
        shape = (self.num_classes, vectors.shape[1])
        weight, bias = torch.zeros(shape), torch.zeros(self.num_classes)
        found = []
        for strength in strengths:
            calls = _minimize(weight, bias, rows, targets, penalty=0.5 / (strength * len(rows)))
            # Forward, and backward to the weights alone; a multiply-add is two.
            self.flops += calls * 4.0 * len(rows) * weight.numel()
            own = weight.double().numpy() * scale
            shift = bias.double().numpy() - own @ mean
            found.append((own.astype(np.float32), shift.astype(np.float32)))
        return found


def _minimize(
    weight: Tensor, bias: Tensor, rows: Tensor, targets: Tensor, *, penalty: float
) -> int:
    """Fit in place; return how often the loss was computed."""
    calls = 0
    weight.requires_grad_(True), bias.requires_grad_(True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_STEPS, tolerance_grad=1e-5, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        value = F.cross_entropy(rows @ weight.T + bias, targets) + penalty * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    weight.requires_grad_(False), bias.requires_grad_(False)
    return calls


def _loss(logits: np.ndarray, codes: np.ndarray) -> float:
    rows = np.arange(len(codes))
    return float(-log_softmax(logits.astype(np.float64))[rows, codes].mean())
