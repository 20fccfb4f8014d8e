"""Export to ONNX, ``torch.export`` or ExecuTorch, and what runs there."""

from thresher.core.exported.session import InputSpec

from .audit import FusedOperators, audit
from .executorch_file import ExecutorchModel
from .formats import FORMATS, export, load_exported
from .program import ExportedProgram
from .runtime import ExportedModel

__all__ = [
    "FORMATS",
    "ExecutorchModel",
    "ExportedModel",
    "ExportedProgram",
    "FusedOperators",
    "InputSpec",
    "audit",
    "export",
    "load_exported",
]
