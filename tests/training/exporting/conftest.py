"""What tests of exported files share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from training.exporting import ExportedModel
    from training.quantization import QuantizedModel
    from training.rows.samples import Samples


@pytest.fixture(scope="session")
def check_equal_but_for_ties() -> Callable[[ExportedModel, QuantizedModel, Samples], None]:
    """Return what checks that a file computes its simulation's logits, ties in few rows apart.

    The simulation adds up in float, in an order that is the processor's. Where a sum lies halfway
    between two steps of an activation, its last bit decides, and that row differs by one step.
    """
    from training.evaluation import predict_logits

    def check(file: ExportedModel, simulated: QuantizedModel, samples: Samples) -> None:
        found = file.predict(samples.inputs)
        expected = predict_logits(simulated, samples, batch_size=len(samples), device="cpu")
        gap = np.abs(found - expected).max(axis=1)
        assert np.mean(gap < 1e-6) >= 0.9
        assert gap.max() < 0.05 * expected.std()

    return check
