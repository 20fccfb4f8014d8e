"""The list of steps that a curator takes: names, and options of each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from thresher.core.errors import InputError, check_choice

# In the order in which they run: copies would hide wrong labels and outliers, and a core set is
# chosen among what the other steps leave.
STEPS = (
    "exact_duplicate",
    "near_duplicate",
    "leakage",
    "quality",
    "label",
    "outlier",
    "coreset",
)
OPTIONS: dict[str, tuple[str, ...]] = {
    "exact_duplicate": (),
    "near_duplicate": ("threshold", "keep"),
    "leakage": ("threshold",),
    "quality": (),
    "label": ("method", "annotations", "dynamics"),
    "outlier": (),
    "coreset": ("n", "method"),
}
KEEP = ("connected", "first", "medoid", "label_agreement")

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
    if "coreset" in found and "n" not in found["coreset"]:
        raise InputError('The step \'coreset\' needs a size: ("coreset", {"n": 1000}).')
    if "keep" in found.get("near_duplicate", {}):
        check_choice("keep", found["near_duplicate"]["keep"], KEEP)
    return {name: found[name] for name in STEPS if name in found}


def _pair(step: Any) -> tuple[str, Mapping[str, Any]]:
    if isinstance(step, (tuple, list)) and len(step) == 2 and isinstance(step[1], Mapping):
        return step[0], step[1]
    raise InputError(
        f'A step is a name, or a name with options: ("near_duplicate", {{"threshold": 0.9}}); got '
        f"{step!r}."
    )
