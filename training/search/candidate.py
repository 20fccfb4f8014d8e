"""What a search tries, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

FLOAT_BITS = 32
STATES = ("finished", "too costly", "dropped", "not reached", "not possible")
# As version 0.1 wrote them.
_OLD_STATES = {"too dear": "too costly"}


@dataclass(frozen=True)
class Variant:
    """A network of `compact_model` and how it is made smaller.

    Attributes
    ----------
    model : str
    width : int
    pruned : float
        Share of the FLOPs taken away; 0 for the whole network.
    bits : int
        Of the weights; 32 is float, fewer come with 8-bit activations.
    """

    model: str
    width: int
    pruned: float = 0.0
    bits: int = FLOAT_BITS

    @property
    def network(self) -> str:
        """Name of the network alone, such as ``resnet8-16``."""
        return f"{self.model}-{self.width}"

    @property
    def name(self) -> str:
        """Such as ``resnet8-16-pruned50-int8``; also the name of its folder."""
        pruned = f"-pruned{100 * self.pruned:.0f}" if self.pruned else ""
        return f"{self.network}{pruned}-{'float' if self.bits == FLOAT_BITS else f'int{self.bits}'}"


@dataclass(frozen=True)
class Costs:
    """What an exported file costs here: bytes, FLOPs of a row, and a call's time.

    Attributes
    ----------
    size_bytes : int
    flops : float
        Of one row; a multiply-add is two.
    p50_ms, min_ms : float
        Median and fastest call on one batch.
    """

    size_bytes: int
    flops: float
    p50_ms: float
    min_ms: float


@dataclass(frozen=True)
class Candidate:
    """One variant and what is known of it.

    Attributes
    ----------
    variant : Variant
    state : str
        ``"finished"`` (trained in full, exported, measured in ONNX Runtime), ``"too costly"`` (not
        trained: too slow or too large), ``"dropped"`` (others were better after few epochs),
        ``"not reached"`` (the time was up), ``"not possible"`` or ``"failed"`` (an error ended its
        training, export or measurement; a later call tries again).
    note : str
        Why, where it is not finished.
    epochs : int
        Trained so far.
    costs : Costs or None
        Of a dropped candidate none are measured.
    accuracy : float or None
        On the validation rows: of the exported file, or of a dropped network when it was dropped.
    interval : tuple of float or None
        95 % Wilson interval of the accuracy.
    """

    variant: Variant
    state: str
    note: str = ""
    epochs: int = 0
    costs: Costs | None = None
    accuracy: float | None = None
    interval: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self) | {"name": self.variant.name}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Candidate:
        """Read what `to_json` gave."""
        kept = {key: entry for key, entry in value.items() if key != "name"}
        kept["state"] = _OLD_STATES.get(kept["state"], kept["state"])
        kept["variant"] = Variant(**value["variant"])
        kept["costs"] = None if value["costs"] is None else Costs(**value["costs"])
        kept["interval"] = None if value["interval"] is None else tuple(value["interval"])
        return cls(**kept)


def pareto_front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the finished candidates that no other beats, the fastest first.

    One beats another if it is no worse in accuracy, bytes and median time, and better in one.
    """
    known = [(_goods(candidate), candidate) for candidate in candidates if _is_measured(candidate)]
    front = [
        candidate
        for goods, candidate in known
        if not any(_beats(other, goods) for other, _ in known)
    ]
    return sorted(front, key=lambda candidate: -_goods(candidate)[2])


def _is_measured(candidate: Candidate) -> bool:
    return candidate.state == "finished"


def _goods(candidate: Candidate) -> tuple[float, float, float]:
    """Accuracy, bytes and time, each such that more is better."""
    assert candidate.costs is not None
    assert candidate.accuracy is not None
    return candidate.accuracy, -candidate.costs.size_bytes, -candidate.costs.p50_ms


def _beats(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return first != second and all(a >= b for a, b in zip(first, second, strict=True))
