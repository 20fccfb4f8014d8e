"""Marks in a row: spans of a text, boxes in an image.

The built-in model tells which classes a row holds, as in `MultiLabel`; for doubt about single
spans or boxes give your own model's scores (`Session.give_uncertainty` with `Instances`).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from thresher.core.errors import InputError

from .classification import check_class
from .multi_label import MultiLabel, read_json_list

if TYPE_CHECKING:
    from thresher.core.answer_table import AnswerTable

    from ..annotators.classes import Consensus


@dataclass(frozen=True)
class Marks(MultiLabel, ABC):
    """Labels are lists of marks; each is a mapping with a ``label`` and numbers that place it."""

    fields: ClassVar[tuple[str, ...]] = ()
    whole: ClassVar[bool] = False
    methods: ClassVar[tuple[str, ...]] = ("auto", "majority")
    measure: ClassVar[str] = "exact match of the classes present"

    def encode(self, label: Any) -> str:
        """Return JSON with one object for each mark, in a fixed order."""
        if isinstance(label, (str, dict)) or not isinstance(label, Sequence):
            raise InputError(f"the label must be a list of marks, got {label!r}.")
        marks = [self._checked(mark) for mark in label]
        order = sorted(
            marks, key=lambda mark: [*(mark[name] for name in self.fields), mark["label"]]
        )
        return json.dumps(order, ensure_ascii=False)

    def decode(self, text: str) -> Any:
        """Return a list of mappings."""
        return json.loads(text)

    def parse(self, text: str) -> Any:
        """Return the marks of a JSON list."""
        return read_json_list(text)

    def present(self, text: str) -> frozenset[str]:
        """Return the classes of the marks."""
        return frozenset(mark["label"] for mark in json.loads(text))

    def suggest(self, output: np.ndarray) -> tuple[str, float]:
        """Return the classes that are likelier there than not: where, the model does not know."""
        return super().suggest(output)

    def _checked(self, mark: Any) -> dict[str, Any]:
        wanted = {*self.fields, "label"}
        if not isinstance(mark, dict) or set(mark) != wanted:
            names = ", ".join((*self.fields, "label"))
            raise InputError(f"each mark must have {names} and nothing else, got {mark!r}.")
        numbers = {name: self._number(mark, name) for name in self.fields}
        self.check_place(numbers)
        return {**numbers, "label": check_class(mark["label"], self.classes)}

    def _number(self, mark: dict[str, Any], name: str) -> float:
        value = mark[name]
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12
        if not good or (self.whole and value != int(value)):
            kind = "a whole number" if self.whole else "a number"
            raise InputError(f"`{name}` of a mark must be {kind} from 0 on, got {value!r}.")
        return int(value) if self.whole else float(value)

    @abstractmethod
    def check_place(self, numbers: dict[str, float]) -> None:
        """Raise `InputError` when the numbers of a mark do not fit together."""

    @abstractmethod
    def overlap(self, first: dict[str, Any], second: dict[str, Any]) -> float:
        """Return the intersection over the union of two marks."""

    def consensus(
        self, opinions: AnswerTable, *, outputs: np.ndarray | None, method: str
    ) -> Consensus:
        """Keep the marks that most annotators of a row made; the model has no say."""
        from ..annotators.marks import mark_consensus

        del outputs, method
        return mark_consensus(opinions, self)


@dataclass(frozen=True)
class Spans(Marks):
    """Spans of a text: ``{"start": 0, "end": 5, "label": "name"}``, the end not included."""

    name: ClassVar[str] = "spans"
    fields: ClassVar[tuple[str, ...]] = ("start", "end")
    whole: ClassVar[bool] = True

    def check_place(self, numbers: dict[str, float]) -> None:
        """Raise `InputError` when a span is empty."""
        if numbers["start"] >= numbers["end"]:
            raise InputError(
                f"a span must end after it starts, got start {numbers['start']} and end "
                f"{numbers['end']}."
            )

    def overlap(self, first: dict[str, Any], second: dict[str, Any]) -> float:
        """Return the intersection over the union."""
        common = min(first["end"], second["end"]) - max(first["start"], second["start"])
        both = max(first["end"], second["end"]) - min(first["start"], second["start"])
        return float(max(0.0, common / both))


@dataclass(frozen=True)
class Boxes(Marks):
    """Boxes in an image: ``{"x": …, "y": …, "width": …, "height": …, "label": …}``, any unit."""

    name: ClassVar[str] = "boxes"
    fields: ClassVar[tuple[str, ...]] = ("x", "y", "width", "height")

    def check_place(self, numbers: dict[str, float]) -> None:
        """Raise `InputError` when a box is empty."""
        if numbers["width"] <= 0 or numbers["height"] <= 0:
            raise InputError(
                f"a box must be wider and higher than 0, got {numbers['width']:g} × "
                f"{numbers['height']:g}."
            )

    def overlap(self, first: dict[str, Any], second: dict[str, Any]) -> float:
        """Return the intersection over the union."""
        common = 1.0
        for corner, size in (("x", "width"), ("y", "height")):
            end = min(first[corner] + first[size], second[corner] + second[size])
            common *= max(0.0, end - max(first[corner], second[corner]))
        both = first["width"] * first["height"] + second["width"] * second["height"] - common
        return float(common / both)
