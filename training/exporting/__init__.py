"""Export to ONNX and what runs there."""

from .artefact import export
from .audit import FusedOperators, audit
from .runtime import ExportedModel, InputSpec, load_exported

__all__ = ["ExportedModel", "FusedOperators", "InputSpec", "audit", "export", "load_exported"]
