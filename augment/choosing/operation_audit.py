"""What an audit says of one operation at one strength."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

VERDICTS = ("keep", "weaken", "drop", "not known", "not assessable")


@dataclass(frozen=True)
class OperationAudit:
    """One operation at one strength.

    Attributes
    ----------
    op, settings, strength
        What was measured; the whole policy has the op ``"policy"``.
    verdict, reason
        ``"keep"``: trainings exclude a loss of more than the margin; never without trainings.
        ``"weaken"``: harm at this strength, none at half of it. ``"drop"``: harm, or an error.
        ``"not known"``: neither is shown. ``"not assessable"``: too few rows or too weak a teacher.
    effect, low, high
        Mean change of the teacher's margin on clean rows and its 95 % interval; below 0 is harm.
    accuracy_points
        Change of the teacher's accuracy in percentage points.
    confident_flips, flips_low, flips_high
        Share of confident rows that become confidently another class, with its interval.
    diffuse_drop
        Loss of recognized rows beyond those flips, as a share.
    distance, diversity
        In spacings of the data; see `augment.choosing.screen.Measurement`.
    recovered_points
        Change of accuracy when only augmented images are used, in percentage points.
    microseconds
        CPU time for one image.
    classes_harmed
        Classes whose own effect is below 0 at z < −3, with that mean effect.
    gain, gain_low, gain_high
        Points of accuracy that paired trainings with it gained, with a 95 % interval; None without.
    """

    op: str
    settings: dict[str, Any]
    strength: float
    verdict: str
    reason: str
    effect: float = 0.0
    low: float = -float("inf")
    high: float = float("inf")
    accuracy_points: float = 0.0
    confident_flips: float = 0.0
    flips_low: float = 0.0
    flips_high: float = 1.0
    diffuse_drop: float = 0.0
    distance: float = 0.0
    diversity: float = 0.0
    recovered_points: float = 0.0
    microseconds: float = 0.0
    classes_harmed: dict[str, float] | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None

    @property
    def harm(self) -> float:
        """Size of the harm, to rank operations by; below 0 for those that help the teacher."""
        return -self.effect


def settings_key(settings: Any) -> tuple[tuple[str, Any], ...]:
    """Return settings as a key of a mapping."""
    return tuple(sorted(settings.items()))
