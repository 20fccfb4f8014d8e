"""How images look: what was measured of them, for what is odd to the eye need not be to vectors."""

from __future__ import annotations

import numpy as np

from ..quality import QualityIssues
from ..quality.image import PROPERTIES, image_properties
from .rows import Rows


def looks_of(
    rows: Rows, positions: np.ndarray, quality: QualityIssues | None
) -> dict[str, np.ndarray] | None:
    """Return brightness, edges, noise, colors, … of some rows, each (m,); None but for images.

    They are measured where the quality check has not done it.
    """
    if rows.modality != "image":
        return None
    measured = image_properties(rows.values()) if quality is None else quality.properties
    return {name: measured[name][positions] for name in PROPERTIES}
