"""Which networks, pruned shares and bits are tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from thresher.core.errors import InputError, check_choice, check_count, check_number

from ..models import FAMILIES
from .candidate import FLOAT_BITS, Variant

_FACTORS = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Space:
    """All variants of a search.

    Attributes
    ----------
    networks : tuple of Variant
        Whole and in float, the narrowest first.
    pruned : tuple of float
        Shares of the FLOPs to take away, beside none.
    bits : tuple of int
        Of the weights, the most first; 32 is float.
    """

    networks: tuple[Variant, ...]
    pruned: tuple[float, ...]
    bits: tuple[int, ...]

    @property
    def most_pruned(self) -> float:
        """The largest share that is taken away."""
        return max(self.pruned, default=0.0)

    def variants(self, network: Variant) -> list[Variant]:
        """Return what is made of one network, whole and float first."""
        return [
            Variant(network.model, network.width, pruned, bits)
            for pruned in (0.0, *self.pruned)
            for bits in self.bits
        ]


def search_space(
    modality: str,
    *,
    families: Sequence[str] | str | None,
    widths: Sequence[int] | int | None,
    bits: Sequence[int] | int,
    prune: Sequence[float] | float,
) -> Space:
    """Check what was asked for and list the networks; one value stands for a list of it.

    By default all families of the modality at half, once and twice their usual width.
    """
    known = [name for name, family in FAMILIES.items() if family.modality == modality]
    named = known if families is None else _several(families)
    sizes = None if widths is None else _several(widths)
    counts, shares = _several(bits), _several(prune)
    if not counts or not named or (sizes is not None and not sizes):
        raise InputError("`families`, `widths` and `bits` must each name at least one, or be None.")
    for name in named:
        check_choice("families", name, known)
    for count in counts:
        if count != FLOAT_BITS:
            check_count("bits", count, low=2, high=8)
    for share in shares:
        check_number("prune", share, low=0, high=0.95)
    for width in sizes or ():
        check_count("widths", width, low=1)
    networks = tuple(
        Variant(name, width)
        for name in named
        for width in sorted(sizes or {max(1, int(FAMILIES[name].width * f)) for f in _FACTORS})
    )
    pruned = sorted({share for share in shares if share})  # none is tried in any case
    return Space(networks, tuple(pruned), tuple(sorted(set(counts), reverse=True)))


def _several(values: Any) -> list[Any]:
    """Return the values as a list; a single number or text as a list of it."""
    alone = isinstance(values, (str, Real))
    return [values] if alone else list(values)
