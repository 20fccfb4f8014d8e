"""What is asked of the model, and which candidate answers it best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from thresher.core.counted import counted
from thresher.core.errors import check_number

from .candidate import Candidate, Costs


@dataclass(frozen=True)
class Target:
    """Limits; None where there is none.

    Attributes
    ----------
    max_ms : float or None
        Median time of one batch in ONNX Runtime on this machine.
    max_bytes : int or None
        Of the file.
    min_accuracy : float or None
        On the validation rows.
    """

    max_ms: float | None = None
    max_bytes: int | None = None
    min_accuracy: float | None = None

    def __post_init__(self) -> None:
        for name in ("max_ms", "max_bytes"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), low=0, low_open=True)
        if self.min_accuracy is not None:
            check_number("min_accuracy", self.min_accuracy, low=0, high=1)

    @property
    def limits_costs(self) -> bool:
        """Whether time or bytes are limited."""
        return self.max_ms is not None or self.max_bytes is not None

    def hopeless(self, costs: Costs, *, shrunk: float = 0.0) -> str:
        """Say why a file cannot meet the limits, or return an empty text.

        Its fastest call counts, since the median of an untrained copy may have been disturbed.
        `shrunk` is the share of time and bytes that pruning could still take away.
        """
        left = 1 - shrunk
        if self.max_bytes is not None and left * costs.size_bytes > self.max_bytes:
            return counted(costs.size_bytes, "byte")
        if self.max_ms is not None and left * costs.min_ms > self.max_ms:
            return f"{costs.min_ms:.3g} ms at best"
        return ""

    def missed(self, candidate: Candidate) -> list[str]:
        """Name the limits that a finished candidate misses."""
        costs, accuracy = candidate.costs, candidate.accuracy
        assert costs is not None
        assert accuracy is not None
        found = []
        if self.max_ms is not None and costs.p50_ms > self.max_ms:
            found.append(f"{costs.p50_ms:.3g} ms is more than {self.max_ms:g}")
        if self.max_bytes is not None and costs.size_bytes > self.max_bytes:
            found.append(
                f"{counted(costs.size_bytes, 'byte is', 'bytes are')} more than {self.max_bytes:,}"
            )
        if self.min_accuracy is not None and accuracy < self.min_accuracy:
            found.append(f"accuracy {accuracy:.4f} is less than {self.min_accuracy:g}")
        return found


def choose(
    candidates: Sequence[Candidate], target: Target, *, rows: int
) -> tuple[Candidate | None, str]:
    """Return the candidate to take and the reason; None if none meets the target.

    With `Target.min_accuracy` it is the fastest that meets all limits. Without, the most accurate
    of those that meet them, or a faster one within one standard error of it (the rule of Breiman
    et al., "Classification and Regression Trees", 1984, section 3.4.3).

    Parameters
    ----------
    candidates : sequence of Candidate
    target : Target
    rows : int
        Validation rows, for the standard error.
    """
    finished = [candidate for candidate in candidates if candidate.state == "finished"]
    if not finished:
        return None, "No candidate could meet the limits on time and size, so none was trained."
    meeting = [candidate for candidate in finished if not target.missed(candidate)]
    if not meeting:
        nearest = min(finished, key=lambda one: (len(target.missed(one)), -_accuracy(one)))
        return None, (
            f"None of {counted(len(finished), 'finished candidate')} meets the target. Nearest: "
            f"{nearest.variant.name} ({'; '.join(target.missed(nearest))})."
        )
    if target.min_accuracy is not None:
        chosen = min(meeting, key=_price)
        return chosen, f"the fastest of {len(meeting)} that meet all limits"
    best = max(meeting, key=lambda one: (_accuracy(one), -_price(one)[0]))
    error = math.sqrt(max(_accuracy(best) * (1 - _accuracy(best)), 1e-12) / rows)
    equal = [one for one in meeting if _accuracy(one) >= _accuracy(best) - error]
    chosen = min(equal, key=_price)
    if chosen is best:
        return chosen, f"the most accurate of {len(meeting)} that meet all limits"
    return chosen, (
        f"the fastest within one standard error ({100 * error:.2f} points) of the most accurate, "
        f"{best.variant.name}, of {len(meeting)} that meet all limits"
    )


def _accuracy(candidate: Candidate) -> float:
    assert candidate.accuracy is not None
    return candidate.accuracy


def _price(candidate: Candidate) -> tuple[float, int]:
    assert candidate.costs is not None
    return candidate.costs.p50_ms, candidate.costs.size_bytes
