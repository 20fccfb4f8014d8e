"""How long training takes on the reference machine, and how many epochs that allows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from thresher.core.counted import counted

from ..models import CompactModel
from ..plans import Plan
from ..torch_runtime.flops import count_flops

REFERENCE_CORES = 2
TINY_IMAGE = 16
_GPU_SPEEDUP = 60.0  # against one core
_BACKWARD = 3.0
_STEP_OVERHEAD_S = 0.004
_IMAGE_STEPS = 3000


@dataclass(frozen=True)
class Epoch:
    """One pass over the training rows.

    Attributes
    ----------
    plan : Plan
    n_rows, steps : int
    place : str
        ``"cuda"``, or the name of another device, which counts as a CPU.
    """

    plan: Plan
    n_rows: int
    steps: int
    place: str

    def seconds(self, network: CompactModel, *, cores: int) -> float:
        """Return the expected wall time on so many cores of the reference machine."""
        rate = self.plan.gflops_per_core * 1e9 * (_GPU_SPEEDUP if self.place == "cuda" else cores)
        forward = count_flops(network, input_shape=network.spec.input_shape)
        return _BACKWARD * forward * self.n_rows / rate + self.steps * _STEP_OVERHEAD_S


def usual_epochs(
    plan: Plan, modality: str, steps: int, affordable: int, *, seconds: float, tiny: bool
) -> tuple[int, str]:
    """Return how many epochs to train for, and why.

    Parameters
    ----------
    plan : Plan
    modality : str
    steps : int
        Of one epoch.
    affordable : int
        Epochs that `seconds` allow on the reference machine.
    seconds : float
    tiny : bool
        Whether the images have at most `TINY_IMAGE` pixels a side.
    """
    low, high = plan.epochs[0], _most_epochs(plan, modality, steps, tiny=tiny)
    needed = math.ceil(plan.least_steps / steps)
    if needed > high:
        return needed, (
            f"{counted(plan.least_steps, 'step is', 'steps are')} the least that learns from few "
            "rows"
        )
    if affordable >= high:
        return high, "more epochs would help little"
    least = max(low, needed)
    if affordable <= least:
        return least, f"the least that learns, although {seconds:.0f} s allow {affordable}"
    return affordable, f"about {seconds:.0f} s on the reference machine of `recipe`"


def _most_epochs(plan: Plan, modality: str, steps: int, *, tiny: bool) -> int:
    """Let few images come more often: they need the steps, and augmentation renews them."""
    if tiny:
        return plan.epochs[1] // 2
    if modality != "image":
        return plan.epochs[1]
    return max(plan.epochs[1], min(2 * plan.epochs[1], _IMAGE_STEPS // steps))
