"""Strategies: each chooses rows from a `Context`. `STRATEGIES` maps names to them."""

from __future__ import annotations

from .auto import Auto as Auto
from .centers import KCenter as KCenter
from .clusters import DropQuery as DropQuery
from .clusters import KMeans as KMeans
from .clusters import TypiClust as TypiClust
from .compose import Balance as Balance
from .compose import Mix as Mix
from .compose import Prefilter as Prefilter
from .compose import Until as Until
from .herding import MaxHerding as MaxHerding
from .herding import ProbCover as ProbCover
from .herding import UHerding as UHerding
from .neighborhood import CAL as CAL
from .neighborhood import DensityWeighted as DensityWeighted
from .proposals import Refine as Refine
from .registry import STRATEGIES as STRATEGIES
from .registry import get_strategy as get_strategy
from .seeding import BADGE as BADGE
from .seeding import KMeansPlusPlus as KMeansPlusPlus
from .strategy import Strategy as Strategy
from .uncertain import BALD as BALD
from .uncertain import Entropy as Entropy
from .uncertain import LeastConfidence as LeastConfidence
from .uncertain import Margin as Margin
from .uncertain import Power as Power
from .uncertain import PowerBALD as PowerBALD
from .uncertain import QueryByCommittee as QueryByCommittee
from .uncertain import Random as Random
from .uncertain import Uncertainty as Uncertainty
