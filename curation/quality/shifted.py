"""Lines that each start some pixels off the last: pixels that were read with a wrong width."""

from __future__ import annotations

import numpy as np

# Where neighboring lines agree better than this, none is off.
AS_THEY_ARE = 0.85
# Fine slanting stripes agree best a pixel or two off.
LEAST_SHIFT = 3
FEWEST_PIXELS = 16
MOST_LINES = 64
# Correlation of neighboring lines, one of them moved, and share of the lines that agree on it.
AGREEMENT, MAJORITY = 0.7, 0.7


def line_shift(gray: np.ndarray, down: float) -> float:
    """Return by how many pixels each line is off the one above, uint8 (h, w); 0 where by none.

    `down` is the correlation of pixels with their lower neighbors: where it is high, nothing is
    looked for.
    """
    height, width = gray.shape
    if down > AS_THEY_ARE or min(height, width) < FEWEST_PIXELS:
        return 0.0
    first = np.linspace(0, height - 2, min(height - 1, MOST_LINES)).astype(int)
    lines = gray.astype(np.float64) - gray.mean(axis=1, keepdims=True)
    lines /= np.maximum(np.linalg.norm(lines, axis=1, keepdims=True), 1e-9)
    spectra = np.fft.rfft(lines, axis=1)
    agreement = np.fft.irfft(spectra[first + 1] * spectra[first].conj(), n=width, axis=1)
    best = agreement.argmax(axis=1)
    shift = int(np.bincount(best, minlength=width).argmax())
    signed = shift if shift <= width // 2 else shift - width
    if abs(signed) < LEAST_SHIFT or agreement[:, shift].mean() < AGREEMENT:
        return 0.0
    near = np.minimum((best - shift) % width, (shift - best) % width) <= 1
    return float(signed) if near.mean() >= MAJORITY else 0.0
