"""What a pretrained model with our head is made from: enough to build it again, as plain JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class PretrainedSpec:
    """The recipe of a pretrained model, without its weights.

    Attributes
    ----------
    name : str
        ``"timm:…"``, ``"transformers:…"`` or ``"sentence-transformers:…"``; a folder with its
        whole path.
    modality : str
        ``"image"`` or ``"text"``.
    num_classes : int
    input_shape : tuple of int
        Shape of one row: (3, size, size), or (tokens,).
    mode : str
        ``"frozen"``, ``"fine_tune"`` or ``"lora"``.
    rank : int
        Of the adapters; 0 in the other modes.
    base : str
        Hash of the weights that training began with.
    """

    name: str
    modality: str
    num_classes: int
    input_shape: tuple[int, ...]
    mode: str
    rank: int
    base: str

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self) | {"input_shape": list(self.input_shape)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> PretrainedSpec:
        """Read what `to_json` gave."""
        return cls(**(value | {"input_shape": tuple(value["input_shape"])}))
