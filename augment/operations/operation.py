"""What an operation is: its settings, how its parameters are drawn, and what a kernel then does.

An operation draws *parameters* that a person can read (degrees, pixels, factors) and lowers them
to one of a few kernel *families*, each a plain float64 array with one row per image. Operations of
one family run in one kernel call, whatever mixture of them a batch needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from thresher.core.errors import InputError, check_choice, check_number, did_you_mean

Value: TypeAlias = float | int | bool | str
Settings: TypeAlias = Mapping[str, Value]
Parameters: TypeAlias = dict[str, np.ndarray]

# The setting that bounds an operation's magnitude, in order of preference.
_REACH = ("high", "pad", "size", "largest", "brightness", "ratio")
# Draws that an operation may use at most, beside its gate.
DRAWS = 7


@dataclass(frozen=True)
class Scene:
    """What parameters may depend on beside the draws: image size, epoch and strength."""

    height: int
    width: int
    epoch: int = 0
    strength: float = 1.0


@dataclass(frozen=True)
class Setting:
    """One argument of an operation: its default and what is allowed."""

    default: Value
    low: float = 0.0
    high: float = float("inf")
    allowed: tuple[str, ...] = ()

    def check(self, name: str, value: object) -> Value:
        """Return `value` in the default's type, or raise an `InputError`."""
        if self.allowed:
            return check_choice(name, value, self.allowed)  # type: ignore[arg-type]
        if isinstance(self.default, bool):
            if not isinstance(value, (bool, np.bool_)):
                raise InputError(f"`{name}` must be true or false, got {value!r}.")
            return bool(value)
        if isinstance(value, (bool, np.bool_)) or not isinstance(
            value, (int, float, np.integer, np.floating)
        ):
            raise InputError(f"`{name}` must be a number, got {value!r}.")
        number = check_number(name, float(value), low=self.low, high=self.high)
        if not isinstance(self.default, int):
            return number
        if number != int(number):
            raise InputError(f"`{name}` must be a whole number, got {value!r}.")
        return int(number)


Sample: TypeAlias = Callable[[np.ndarray, Settings, Scene], Parameters]
Lower: TypeAlias = Callable[[Parameters, Settings, Scene], np.ndarray]


@dataclass(frozen=True)
class Operation:
    """An operation by its name in the field.

    ``sample`` maps uniform draws (n, `draws`) to named parameters, each (n,). ``lower`` maps these
    to the float64 rows (n, P) that the kernels of ``family`` take. ``lasting`` operations are given
    draws that are equal in every epoch.
    """

    name: str
    family: str
    settings: Mapping[str, Setting]
    sample: Sample
    lower: Lower
    draws: int = 0
    lasting: bool = False

    @property
    def reach(self) -> str | None:
        """The setting that a strength multiplies, or None for an operation without a magnitude."""
        return next((name for name in _REACH if name in self.settings), None)

    def complete(self, given: Settings) -> dict[str, Value]:
        """Check the given settings and fill in the defaults; unknown ones are refused."""
        if not isinstance(given, Mapping):
            raise InputError(f"The settings of '{self.name}' must be a mapping, got {given!r:.80}.")
        for name in given:
            if name not in self.settings:
                listed = ", ".join(self.settings) or "none"
                raise InputError(
                    f"The operation '{self.name}' has no setting {name!r}. Settings: {listed}."
                    f"{did_you_mean(str(name), self.settings)}"
                )
        complete = {
            name: setting.check(f"{self.name}.{name}", given.get(name, setting.default))
            for name, setting in self.settings.items()
        }
        low, high = complete.get("low"), complete.get("high")
        if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
            raise InputError(f"`{self.name}.low` is {low:g}, above `{self.name}.high` {high:g}.")
        return complete


def magnitude_settings(high: float, limit: float, *, low: float = 0.0) -> dict[str, Setting]:
    """Return the settings of an operation with one magnitude, 0 being no change.

    The magnitude is drawn from `low` to `high`, evenly or from `levels` equal steps, and gets a
    random sign with `signed`.
    """
    return {
        "low": Setting(float(low), high=limit),
        "high": Setting(float(high), high=limit),
        "levels": Setting(0, high=1000),
        "signed": Setting(True),
    }


def magnitude(draws: np.ndarray, settings: Settings, scene: Scene) -> np.ndarray:
    """Draw a magnitude, shape (n,): draw 0 sets the size, draw 1 the sign."""
    low, high = float(settings["low"]), float(settings["high"])
    levels, place = int(settings["levels"]), draws[:, 0]
    if levels > 1:
        place = np.floor(place * levels) / (levels - 1)
    size = (low + (high - low) * place) * scene.strength
    return np.where(draws[:, 1] < 0.5, -size, size) if settings["signed"] else size


def column(settings: Settings, name: str, n: int) -> np.ndarray:
    """Return a numeric setting as a column of n equal float64."""
    return np.full(n, float(settings[name]))
