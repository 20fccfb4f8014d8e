"""What a whole run cost: time, compute, energy and, at a given price, money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core.energy import NOT_MEASURABLE
from ..core.errors import InputError, check_choice

DEVICES = ("cpu", "cuda")
_HOUR, _WATT_HOUR = 3600, 3600


def total_costs(
    stages: Iterable[Mapping[str, Any]], *, prices: Mapping[str, float]
) -> dict[str, Any]:
    """Add up the stages of a run, each once, however often it was reused.

    Parameters
    ----------
    stages : iterable of mapping
        Costs as `StageCost` holds them.
    prices : mapping of str to float
        Price of an hour of the machine, by device.

    Returns
    -------
    dict
        ``wall_s``, ``cpu_s``, ``gpu_s``; ``flops``, ``rows_seen`` of all trainings; ``joules`` or
        None, and ``energy`` in words; ``money`` or None, and ``price_per_hour``.
    """
    costs = list(stages)
    joules = [cost.get("joules") for cost in costs]
    known = [value for value in joules if value is not None]
    energy = sum(known) if costs and len(known) == len(costs) else None
    used = {cost.get("device", "cpu") for cost in costs}
    priced = bool(costs) and used <= prices.keys()
    return {
        **{
            name: sum(cost.get(name, 0.0) for cost in costs)
            for name in ("wall_s", "cpu_s", "gpu_s")
        },
        **{
            name: sum(cost["extra"].get(name, 0) for cost in costs)
            for name in ("flops", "rows_seen")
        },
        "joules": energy,
        "energy": NOT_MEASURABLE if energy is None else f"{energy / _WATT_HOUR:.3g} Wh",
        "money": sum(money(cost, prices) for cost in costs) if priced else None,
        "price_per_hour": dict(sorted(prices.items())),
    }


def money(cost: Mapping[str, Any], prices: Mapping[str, float]) -> float:
    """Return what the machine of one stage cost for the time that the stage took."""
    price: float = cost["wall_s"] / _HOUR * prices[cost.get("device", "cpu")]
    return price


def parse_prices(values: Sequence[str] | None) -> dict[str, float]:
    """Read the values of ``--price-per-hour``: ``cpu=0.10``, ``cuda=2.50``."""
    found = {}
    for value in values or ():
        device, equals, text = value.partition("=")
        try:
            price = float(text)
        except ValueError:
            price = float("nan")
        if not equals or not price >= 0 or price == float("inf"):
            raise InputError(
                f"`--price-per-hour` takes DEVICE=PRICE, such as cpu=0.10; got {value!r}."
            )
        found[check_choice("--price-per-hour", device, DEVICES)] = price
    return found
