"""Compact models for images, text and features."""

from .families import FAMILIES, build_model, compact_model
from .network import CompactModel
from .normalize import Normalize
from .spec import ModelSpec

__all__ = ["FAMILIES", "CompactModel", "ModelSpec", "Normalize", "build_model", "compact_model"]
