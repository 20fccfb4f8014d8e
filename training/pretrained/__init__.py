"""Pretrained models of other libraries: frozen, fine-tuned, or with low-rank adapters."""

from .build import SOURCES, pretrained_model, rebuild
from .model import MODES, PretrainedModel
from .spec import PretrainedSpec

__all__ = ["MODES", "SOURCES", "PretrainedModel", "PretrainedSpec", "pretrained_model", "rebuild"]
