"""Strategies by name."""

from __future__ import annotations

import re

from thresher.core.errors import InputError, check_choice
from thresher.core.signatures import checked

from .auto import Auto
from .centers import KCenter
from .clusters import DropQuery, KMeans, TypiClust
from .compose import Balance
from .herding import MaxHerding, ProbCover, UHerding
from .neighborhood import CAL, DensityWeighted
from .proposals import Refine
from .seeding import BADGE, KMeansPlusPlus
from .strategy import Strategy
from .uncertain import (
    BALD,
    Entropy,
    LeastConfidence,
    Margin,
    Power,
    PowerBALD,
    QueryByCommittee,
    Random,
    Uncertainty,
)

_ALL: tuple[Strategy, ...] = (
    Auto(),
    Random(),
    LeastConfidence(),
    Margin(),
    Entropy(),
    Uncertainty(),
    BALD(),
    QueryByCommittee(),
    Power(),
    Power(score="entropy", power=1.0, name="power_entropy"),
    PowerBALD(),
    BADGE(),
    KCenter(),
    KMeans(),
    KMeansPlusPlus(),
    TypiClust(),
    ProbCover(),
    MaxHerding(),
    UHerding(),
    DropQuery(),
    CAL(),
    DensityWeighted(),
    Refine(),
)
STRATEGIES: dict[str, Strategy] = {strategy.name: strategy for strategy in _ALL}


@checked
def get_strategy(strategy: str | Strategy) -> Strategy:
    """Return the strategy of that name with its default options; a strategy is returned as it is.

    ``"balance(NAME)"`` is `Balance` around the strategy called NAME.

    Raises
    ------
    InputError
        For an unknown name; all names are listed.

    Examples
    --------
    >>> from active_learning import get_strategy
    >>> get_strategy("margin").name
    'margin'
    """
    if not isinstance(strategy, str):
        if not (hasattr(strategy, "select") and hasattr(strategy, "needs")):
            raise InputError(
                f"`strategy` must be a name or an object with `select`, got {strategy!r:.80}."
            )
        return strategy
    balanced = re.fullmatch(r"balance\((.+)\)", strategy)
    if balanced:
        return Balance(get_strategy(balanced[1]))
    return STRATEGIES[check_choice("strategy", strategy, STRATEGIES)]
