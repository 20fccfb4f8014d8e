"""Numbers on a grid: sums of their products are exact, so that every processor gives the same bits.

A product of matrices adds in an order, and fuses or not, as the kernel of the processor at hand
does; each way rounds otherwise. Where all numbers are multiples of a power of two and no sum grows
too long for the significand, nothing is rounded, and the way does not matter: neither the
processor, nor the number of threads, nor which rows stand in the same block.

* Rows of unit length on multiples of 2⁻¹¹: their products are multiples of 2⁻²², and no partial sum
  exceeds 1.5 (Cauchy and Schwarz), so that 24 bits hold it: exact in float32. Squared distances up
  to 4 are exact, too.
* Numbers of a bits times numbers of b bits, m of them added: exact in float64 for
  a + b + log₂ m ≤ 53.
"""

from __future__ import annotations

import numpy as np

UNIT_BITS = 11


def on_grid(values: np.ndarray, bits: int) -> np.ndarray:
    """Return `values`, any shape and float type, rounded to multiples of ``2 ** -bits``."""
    result: np.ndarray = np.multiply(values, values.dtype.type(2.0**bits))
    np.rint(result, out=result)
    result *= values.dtype.type(2.0**-bits)
    return result


def exact_rows(vectors: np.ndarray) -> np.ndarray:
    """Return rows of at most unit length, shape (n, d), as float32 whose products are exact.

    An entry moves by at most 2.5e-4, a cosine in 128 dimensions by about 2e-4.
    """
    return on_grid(np.asarray(vectors, np.float32), UNIT_BITS)


def on_column_grids(matrix: np.ndarray, bits: int) -> np.ndarray:
    """Round each column, shape (D, d), float64, to multiples of ``2 ** -bits`` of its scale.

    The scale is the power of two above the largest entry. For what every processor computes a
    little otherwise, such as eigenvectors, whose bits above the last few agree.
    """
    _, exponents = np.frexp(np.abs(matrix).max(axis=0, initial=0.0))
    return np.asarray(np.ldexp(on_grid(np.ldexp(matrix, -exponents), bits), exponents))


def exact_unit(rows: np.ndarray) -> np.ndarray:
    """Scale rows, float64, shape (n, d), to length one in float32; rows of zeros stay.

    For numbers on a grid so coarse that their squares add up exactly.
    """
    lengths = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)
