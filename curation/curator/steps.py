"""The list of steps that a curator takes: names, and options of each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from thresher.core.errors import InputError, check_choice

from .keep_policies import check_keep, score_column

# In the order in which they run: copies would hide wrong labels and outliers, and a core set is
# chosen among what the other steps leave.
STEPS = (
    "exact_duplicate",
    "near_duplicate",
    "leakage",
    "contamination",
    "quality",
    "label",
    "outlier",
    "coreset",
)
OPTIONS: dict[str, tuple[str, ...]] = {
    "exact_duplicate": ("keep",),
    "near_duplicate": ("threshold", "keep"),
    "leakage": ("threshold",),
    "contamination": ("benchmark", "n", "threshold"),
    "quality": (),
    "label": ("method", "annotations", "dynamics"),
    "outlier": (),
    "coreset": ("n", "method", "tokens", "tokenizer"),
}

Step = str | tuple[str, Mapping[str, Any]]
Plan = dict[str, dict[str, Any]]


def read_steps(steps: Sequence[Step]) -> Plan:
    """Return the options of each step, in the order of `STEPS`.

    Parameters
    ----------
    steps : sequence of str or (str, mapping)
        Names, or names with options.

    Raises
    ------
    InputError
        On unknown or repeated names, unknown options, and a core set without its size.
    """
    found: Plan = {}
    for step in steps:
        name, options = (step, {}) if isinstance(step, str) else _pair(step)
        check_choice("steps", name, STEPS)
        if name in found:
            raise InputError(f"`steps` names {name!r} twice.")
        for option in options:
            check_choice(f"option of {name}", option, OPTIONS[name])
        found[name] = dict(options)
    if "coreset" in found and ("n" in found["coreset"]) == ("tokens" in found["coreset"]):
        raise InputError(
            "The step 'coreset' needs one size: "
            '("coreset", {"n": 1000}), or ("coreset", {"tokens": 1e6}) for texts.'
        )
    if "contamination" in found and not found["contamination"].get("benchmark"):
        raise InputError(
            "The step 'contamination' needs the texts of the benchmark: "
            '("contamination", {"benchmark": texts}).'
        )
    for options in found.values():
        check_keep(options.get("keep", "connected"))
    return {name: found[name] for name in STEPS if name in found}


def score_columns(plan: Plan | None) -> tuple[str, ...]:
    """Return the columns of the user's own by which copies are chosen; copies may differ there."""
    named = [score_column(options.get("keep", "")) for options in (plan or {}).values()]
    return tuple(dict.fromkeys(name for name in named if name is not None))


def _pair(step: Any) -> tuple[str, Mapping[str, Any]]:
    if isinstance(step, (tuple, list)) and len(step) == 2 and isinstance(step[1], Mapping):
        return step[0], step[1]
    raise InputError(
        f'A step is a name, or a name with options: ("near_duplicate", {{"threshold": 0.9}}); got '
        f"{step!r}."
    )
