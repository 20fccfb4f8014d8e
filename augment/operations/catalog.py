"""The catalog of built-in operations, by name."""

from __future__ import annotations

import numpy as np

from thresher.core.errors import check_choice

from .geometry import GEOMETRY
from .operation import Operation, Parameters, Scene, Settings
from .photometry import PHOTOMETRY


def _sample_identity(draws: np.ndarray, settings: Settings, scene: Scene) -> Parameters:  # noqa: ARG001
    return {}


def _lower_identity(parameters: Parameters, settings: Settings, scene: Scene) -> np.ndarray:  # noqa: ARG001
    return np.empty((0, 0))


_IDENTITY = Operation("identity", "none", {}, _sample_identity, _lower_identity)
OPERATIONS = {operation.name: operation for operation in (_IDENTITY, *GEOMETRY, *PHOTOMETRY)}


def get_operation(name: str) -> Operation:
    """Return a built-in operation, or raise an `InputError` that lists them all."""
    return OPERATIONS[check_choice("op", name, OPERATIONS)]
