"""How many rows and labels a comparison of two models needs, before it begins."""

from __future__ import annotations

import math
from dataclasses import dataclass

from thresher.core.errors import InputError, check_number
from thresher.core.signatures import checked


@dataclass(frozen=True)
class RowsNeeded:
    """Rows and labels of a comparison of two accuracies.

    Attributes
    ----------
    group : int
        Labeled rows of each of two groups that see different rows.
    paired : int
        Rows that both models see.
    labels : int
        Labels of these: only rows on which the models disagree need one.
    """

    group: int
    paired: int
    labels: int


@checked
def rows_needed(
    difference: float,
    *,
    accuracy: float,
    disagreement: float,
    alpha: float = 0.05,
    power: float = 0.8,
) -> RowsNeeded:
    """Return what a test of fixed size needs to find a difference in accuracy.

    One may then look once, at the end. Sequences that may be looked at at any time need more
    rows at a small difference and fewer at a large one.

    Parameters
    ----------
    difference : float
        That must be found, such as 0.01 for a point.
    accuracy : float
        Of the old model.
    disagreement : float
        Share of rows on which the models give different answers, at least `difference`.
    alpha : float
        Chance of finding a difference where there is none (two-sided).
    power : float
        Chance of finding it where it is.

    Notes
    -----
    Groups by the normal approximation of two shares (Fleiss), pairs by that of McNemar's test
    (Connor, 1987).

    Examples
    --------
    >>> from lifecycle import rows_needed
    >>> rows_needed(0.01, accuracy=0.9, disagreement=0.1)
    RowsNeeded(group=13495, paired=7847, labels=785)
    """
    from scipy.special import ndtri

    check_number("difference", difference, low=0, high=1, low_open=True)
    check_number("accuracy", accuracy, low=0, high=1)
    check_number("alpha", alpha, low=1e-9, high=0.5)
    check_number("power", power, low=0.5, high=1 - 1e-9)
    check_number("disagreement", disagreement, low=difference, high=1)
    better = accuracy + difference
    if better > 1:
        raise InputError(
            f"A model of accuracy {accuracy:g} cannot gain {difference:g}. Ask for at most "
            f"{1 - accuracy:.4g}."
        )
    for_alpha, for_power = float(ndtri(1 - alpha / 2)), float(ndtri(power))
    mean = accuracy + difference / 2
    pooled = math.sqrt(2 * mean * (1 - mean))
    apart = math.sqrt(accuracy * (1 - accuracy) + better * (1 - better))
    group = ((for_alpha * pooled + for_power * apart) / difference) ** 2
    spread = math.sqrt(disagreement - difference**2)
    paired = ((for_alpha * math.sqrt(disagreement) + for_power * spread) / difference) ** 2
    rows = math.ceil(paired)
    return RowsNeeded(math.ceil(group), rows, math.ceil(rows * disagreement))
