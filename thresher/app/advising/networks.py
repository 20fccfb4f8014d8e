"""Several small networks trained side by side in NumPy, a row of an array each.

The student of tables: two hidden layers of 32 units with batch normalization (Ioffe and Szegedy,
2015), AdamW (Loshchilov and Hutter, 2019) with a rate that rises and falls to 0. Trained together,
small networks cost little more than one, since it is calls that cost and not arithmetic; and no
library has to be loaded. Letters of arrays: r networks, n rows, d inputs, h units, c classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

WIDTH, RATE, DECAY, WARM = 32, 5e-3, 0.01, 0.1
MOMENTS, TINY = (0.9, 0.999), 1e-8
NORM = 1e-5


@dataclass(frozen=True)
class Length:
    """How long networks are trained: epochs, and rows of a step."""

    epochs: int
    batch: int

    @classmethod
    def of(cls, rows: int, *, most: int, steps: int, largest: int) -> Length:
        """Return what a run would take for so many rows, by the same rules as `recipe`."""
        batch = min(largest, max(16, rows // 20))
        each = math.ceil(rows / batch)
        return cls(max(most, math.ceil(steps / each)), batch)

    def halved(self) -> Length:
        """Return half of the epochs."""
        return Length(max(1, self.epochs // 2), self.batch)


def predictions(
    learnt: np.ndarray, codes: np.ndarray, judged: np.ndarray, *, classes: int, length: Length
) -> np.ndarray:
    """Train one network on each set of rows and return the classes it gives to others.

    Parameters
    ----------
    learnt : ndarray of float32, shape (r, n, d)
    codes : ndarray of int64, shape (r, n)
    judged : ndarray of float32, shape (r, m, d)
    classes : int
    length : Length

    Returns
    -------
    ndarray of int64, shape (r, m)
    """
    rng = np.random.default_rng(0)
    networks = Networks.drawn(len(learnt), learnt.shape[2], classes, rng)
    target = np.eye(classes, dtype=np.float32)[codes]
    count = learnt.shape[1]
    steps = max(1, count // length.batch)
    for epoch in range(length.epochs):
        order = np.argsort(rng.random(codes.shape), axis=1)
        for step in range(steps):
            at = order[:, step * length.batch : (step + 1) * length.batch, None]
            done = (epoch * steps + step) / (length.epochs * steps)
            networks.learn(
                np.take_along_axis(learnt, at, axis=1),
                np.take_along_axis(target, at, axis=1),
                rate=RATE * min(1.0, done / WARM + TINY) * (1 - done),
            )
    return np.asarray(networks.told(learnt, judged).argmax(axis=2))


class Networks:
    """Weights of networks with two hidden layers, and their moving moments."""

    def __init__(self, weights: list[np.ndarray]) -> None:
        self.weights = weights
        self.first = [np.zeros_like(w) for w in weights]
        self.second = [np.zeros_like(w) for w in weights]
        self.steps = 0

    @classmethod
    def drawn(cls, r: int, d: int, c: int, rng: np.random.Generator) -> Networks:
        """Return untrained networks."""

        def matrix(inputs: int, outputs: int) -> np.ndarray:
            drawn = rng.uniform(-1, 1, (r, inputs, outputs)) / np.sqrt(inputs)
            return np.asarray(drawn, dtype=np.float32)

        ones, zeros = np.ones((r, 1, WIDTH), np.float32), np.zeros((r, 1, WIDTH), np.float32)
        layers = [matrix(d, WIDTH), ones, zeros, matrix(WIDTH, WIDTH), ones.copy(), zeros.copy()]
        return cls([*layers, matrix(WIDTH, c), np.zeros((r, 1, c), np.float32)])

    def learn(self, x: np.ndarray, y: np.ndarray, *, rate: float) -> None:
        """Take one step of AdamW on the cross-entropy of a batch."""
        w1, gain1, shift1, w2, gain2, shift2, w3, bias = self.weights
        one, spread1 = _normal(x @ w1)
        rect1 = np.maximum(one * gain1 + shift1, 0)
        two, spread2 = _normal(rect1 @ w2)
        rect2 = np.maximum(two * gain2 + shift2, 0)
        logits = rect2 @ w3 + bias
        shares = np.exp(logits - logits.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        back = (shares - y) / x.shape[1]
        last = rect2.mT @ back, back.sum(axis=1, keepdims=True)
        back = (back @ w3.mT) * (rect2 > 0)
        norm2, back = _normal_back(back, two, spread2, gain2)
        middle = rect1.mT @ back
        back = (back @ w2.mT) * (rect1 > 0)
        norm1, back = _normal_back(back, one, spread1, gain1)
        self._step([x.mT @ back, *norm1, middle, *norm2, *last], rate)

    def _step(self, gradients: list[np.ndarray], rate: float) -> None:
        self.steps += 1
        slow, slower = (1 - moment**self.steps for moment in MOMENTS)
        for at, gradient in enumerate(gradients):
            weight, first, second = self.weights[at], self.first[at], self.second[at]
            first += (1 - MOMENTS[0]) * (gradient - first)
            second += (1 - MOMENTS[1]) * (gradient**2 - second)
            if weight.shape[1] > 1:
                weight *= 1 - rate * DECAY
            weight -= rate / slow * first / (np.sqrt(second / slower) + TINY)

    def told(self, learnt: np.ndarray, judged: np.ndarray) -> np.ndarray:
        """Return logits (r, m, c), normalized by the statistics of the training rows."""
        w1, gain1, shift1, w2, gain2, shift2, w3, bias = self.weights
        for weight, gain, shift in ((w1, gain1, shift1), (w2, gain2, shift2)):
            inner, outer = learnt @ weight, judged @ weight
            mean = inner.mean(axis=1, keepdims=True)
            scale = gain / np.sqrt(inner.var(axis=1, keepdims=True) + NORM)
            learnt, judged = (np.maximum((z - mean) * scale + shift, 0) for z in (inner, outer))
        return np.asarray(judged @ w3 + bias)


def _normal(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return units with mean 0 and variance 1 over the batch, and what they were divided by."""
    apart = z - z.mean(axis=1, keepdims=True)
    spread = np.sqrt((apart**2).mean(axis=1, keepdims=True) + NORM)
    return apart / spread, spread


def _normal_back(
    back: np.ndarray, normal: np.ndarray, spread: np.ndarray, gain: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Return gradients of gain and shift, and of what was normalized."""
    by_gain = (back * normal).sum(axis=1, keepdims=True)
    by_shift = back.sum(axis=1, keepdims=True)
    back = back * gain
    inner = back - back.mean(axis=1, keepdims=True)
    inner -= normal * (back * normal).mean(axis=1, keepdims=True)
    return (by_gain, by_shift), inner / spread
