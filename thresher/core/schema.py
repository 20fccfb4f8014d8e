"""What the columns of a dataset mean: which is the input, which the label, which the split."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

MODALITIES = ("image", "text", "features")
TASKS = ("classification", "multi_label", "regression")
SPLITS = ("train", "validation", "test")
ROW_ID = "row_id"
SPLIT = "split"


@dataclass(frozen=True)
class Schema:
    """The roles of a dataset's columns.

    Attributes
    ----------
    modality : str
        ``"image"``, ``"text"`` or ``"features"``.
    inputs : tuple of str
        The image column, the text column, or the numeric feature columns.
    label : str or None
        The label column: strings as given, or class names of a ``ClassLabel``.
    classes : tuple of str
        All classes, sorted; a label's code is its position here. None of numbers.
    task : str
        ``"classification"``: one class a row; ``"multi_label"``: any number of classes, in lists;
        ``"regression"``: a number.
    """

    modality: str
    inputs: tuple[str, ...]
    label: str | None
    classes: tuple[str, ...]
    task: str = TASKS[0]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Schema:
        """Read what `to_json` gave."""
        inputs, classes = tuple(value["inputs"]), tuple(value["classes"])
        task = value.get("task", TASKS[0])
        return cls(value["modality"], inputs, value["label"], classes, task)
