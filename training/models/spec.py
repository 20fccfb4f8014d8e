"""What a compact model is made from: enough to build it again, as plain JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

USUAL_DTYPES = {"image": "uint8", "text": "int64", "features": "float32"}


@dataclass(frozen=True)
class ModelSpec:
    """The recipe of an architecture, without weights.

    Attributes
    ----------
    name : str
        The family, as given to `compact_model`.
    modality : str
        ``"image"``, ``"text"`` or ``"features"``.
    num_classes : int
    input_shape : tuple of int
        Shape of one row: (channels, height, width), (tokens,), or (d,).
    width : int
        Channels of the first stage, embedding size, or hidden units.
    stem_stride : int
        By how much the stem of an image model shrinks its input; 1 elsewhere.
    vocabulary : int
        Rows of the token table of a text model; 0 elsewhere.
    dropout : float
        Share of the last hidden values that training switches off.
    dtype : str or None
        Numbers of the rows that it was trained on, such as ``"float32"``, where they are not the
        usual ones of its modality; set by `fit` and `quantize`, so that exported files take them.

    Examples
    --------
    >>> from training import ModelSpec, compact_model
    >>> spec = compact_model("mlp", num_classes=10, input_shape=(64,), width=16).spec
    >>> ModelSpec.from_json(spec.to_json()) == spec
    True
    """

    name: str
    modality: str
    num_classes: int
    input_shape: tuple[int, ...]
    width: int
    stem_stride: int = 1
    vocabulary: int = 0
    dropout: float = 0.0
    dtype: str | None = None

    @property
    def input_dtype(self) -> str:
        """Name of the numbers that a row consists of."""
        return self.dtype or USUAL_DTYPES[self.modality]

    def of_dtype(self, dtype: str) -> ModelSpec:
        """Return the same recipe for rows of other numbers."""
        usual = dtype == USUAL_DTYPES[self.modality]
        return replace(self, dtype=None if usual else dtype)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types; what is as usual stays out."""
        told = asdict(self) | {"input_shape": list(self.input_shape)}
        return {name: value for name, value in told.items() if value is not None}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ModelSpec:
        """Read what `to_json` gave."""
        return cls(**(value | {"input_shape": tuple(value["input_shape"])}))
