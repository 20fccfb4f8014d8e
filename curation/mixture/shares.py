"""How many tokens each source gives."""

from __future__ import annotations

from collections.abc import Mapping

from thresher.core.errors import InputError, check_number, did_you_mean


def shared_tokens(
    available: Mapping[str, int],
    weights: Mapping[str, float],
    *,
    tokens: float,
    most_passes: float,
) -> dict[str, float]:
    """Share a budget by weights; what a source cannot give goes to the others, by their weights.

    Parameters
    ----------
    available : mapping of str to int
        Tokens of each source.
    weights : mapping of str to float
        More than 0, of the same sources.
    tokens : float
        The budget.
    most_passes : float
        How often a source is gone through at most.

    Returns
    -------
    dict of str to float
        Tokens of each source; they add up to the budget, or to less where all sources are used up.
    """
    given: dict[str, float] = {}
    left = dict(weights)
    while left:
        rest = tokens - sum(given.values())
        total = sum(left.values())
        asked = {name: rest * weight / total for name, weight in left.items()}
        full = [name for name in left if asked[name] >= available[name] * most_passes]
        if not full:
            return given | asked
        for name in full:
            given[name] = available[name] * most_passes
            del left[name]
    return given


def check_weights(weights: Mapping[str, float], sources: Mapping[str, object]) -> None:
    """Raise an `InputError` where weights and sources do not fit together."""
    for name, weight in weights.items():
        check_number(f"weight of {name}", weight, low=0, low_open=True)
        if name not in sources:
            raise InputError(
                f"There is a weight for {name!r}, which is no source. Sources: "
                f"{', '.join(sources)}.{did_you_mean(name, list(sources))}"
            )
    lacking = [name for name in sources if name not in weights]
    if lacking:
        raise InputError(f"There is no weight for the source {lacking[0]!r}.")
