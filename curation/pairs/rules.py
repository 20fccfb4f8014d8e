"""Which pairs are out by what was measured of each alone, and in which words that is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from thresher.core.errors import InputError, check_choice, check_count, check_number

from .captions import KINDS
from .collecting import PairScores

USELESS_IMAGES = ("blank",)


@dataclass(frozen=True)
class PairRules:
    """What a pair must have; None asks for nothing.

    Attributes
    ----------
    caption_faults : tuple of str
        Kinds of captions (`captions.KINDS`) that are out.
    image_faults : tuple of str
        Kinds of damage (`curation.find_quality_issues`) that are out, of images that were decoded.
    least_words, most_words : int or None
    most_repeats : int or None
        Of a caption; pairs whose caption more pairs have are out.
    languages : tuple of str
        ISO 639-1; empty allows all.
    least_side : int or None
        Pixels of the shorter side.
    most_aspect : float or None
        Longer side over shorter side.
    least_similarity, least_contrast : float or None
    """

    caption_faults: tuple[str, ...] = KINDS
    image_faults: tuple[str, ...] = USELESS_IMAGES
    least_words: int | None = None
    most_words: int | None = None
    most_repeats: int | None = None
    languages: tuple[str, ...] = ()
    least_side: int | None = None
    most_aspect: float | None = None
    least_similarity: float | None = None
    least_contrast: float | None = None

    def __post_init__(self) -> None:
        for kind in self.caption_faults:
            check_choice("caption_faults", kind, KINDS)
        for name in ("least_words", "most_words", "most_repeats", "least_side"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        if self.most_aspect is not None:
            check_number("most_aspect", self.most_aspect, low=1)
        for name in ("least_similarity", "least_contrast"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), low=-2, high=2)

    def broken(self, scores: PairScores) -> Iterator[tuple[str, np.ndarray, list[str]]]:
        """Yield each rule, the rows that break it and the reason for each row.

        Raises
        ------
        InputError
            For a rule on what was not measured of any pair.
        """
        table = scores.table
        for name, kinds in (
            ("fault", None),
            ("caption_fault", self.caption_faults),
            ("image_fault", self.image_faults),
        ):
            column = table[name]
            mask = pc.is_valid(column)
            if kinds is not None:
                mask = pc.is_in(column, value_set=pa.array(kinds, pa.string()))
            rows = np.flatnonzero(mask.to_numpy())
            said = column.take(pa.array(rows)).to_pylist()
            prefix = {"fault": "", "caption_fault": "caption: ", "image_fault": "image: "}[name]
            yield name, rows, [f"{prefix}{reason}" for reason in said]
        yield from self._of_numbers(scores)
        if self.languages:
            asked = pc.is_in(table["language"], value_set=pa.array(self.languages, pa.string()))
            rows = np.flatnonzero(~asked.to_numpy())
            said = table["language"].take(pa.array(rows)).to_pylist()
            yield "language", rows, [f"caption reads like {name or 'no language'}" for name in said]

    def _of_numbers(self, scores: PairScores) -> Iterator[tuple[str, np.ndarray, list[str]]]:
        width, height = scores.numbers("width"), scores.numbers("height")
        with np.errstate(divide="ignore", invalid="ignore"):
            aspect = np.fmax(width / height, height / width)
        limits = (
            ("least_words", scores.numbers("caption_words"), "words", True),
            ("most_words", scores.numbers("caption_words"), "words", False),
            ("most_repeats", scores.numbers("caption_repeats"), "pairs with this caption", False),
            ("least_side", np.fmin(width, height), "pixels on the shorter side", True),
            ("most_aspect", aspect, "times as long as wide", False),
            ("least_similarity", scores.numbers("similarity"), "similarity", True),
            ("least_contrast", scores.numbers("contrast"), "contrast", True),
        )
        for name, values, unit, least in limits:
            limit = getattr(self, name)
            if limit is None:
                continue
            if len(values) and not np.isfinite(values).any():
                raise InputError(
                    f"`{name}` cannot be judged: it is known of no pair. Sizes need images or "
                    "their width and height; similarity and contrast an encoder or stored vectors."
                )
            rows = np.flatnonzero(values < limit if least else values > limit)
            word = "at least" if least else "at most"
            yield name, rows, [f"{_told(value, unit)}, {word} {limit:g}" for value in values[rows]]


def _told(value: float, unit: str) -> str:
    """Return a number with its unit, of which there may be one."""
    for things in ("words", "pairs", "pixels"):
        if value == 1 and unit.startswith(things):
            return f"1 {things[:-1]}{unit[len(things) :]}"
    return f"{value:.4g} {unit}"
