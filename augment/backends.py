"""The two backends behind one protocol, and the measured rule that chooses between them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

from thresher.core.choice import Choice
from thresher.core.errors import InputError, check_choice

from .images import Form, from_array, from_tensor, to_array, to_tensor

BACKENDS = ("auto", "torch", "opencv")
# What tensors do faster than OpenCV on small images, and up to which size
# (benchmarks/augment_throughput.py: crop, flip and cut-out at 32×32, 106,000 against 99,000 images
# a CPU-second; every other policy, and every policy at 64×64 and above, is faster with OpenCV).
TORCH_FAMILIES = frozenset({"none", "window", "erase"})
TORCH_PIXELS = 40 * 40


class Backend(Protocol):
    """Runs kernels on a working copy of a batch in the layout it likes best."""

    def load(self, images: Any, form: Form) -> Any:
        """Return a working copy that `apply` may change."""

    def apply(self, work: Any, rows: np.ndarray, family: str, parameters: np.ndarray) -> Any:
        """Return the working copy with one kernel done to the images at `rows`."""

    def take(self, work: Any, rows: np.ndarray) -> Any:
        """Return a copy of the images at `rows`."""

    def put(self, work: Any, rows: np.ndarray, part: Any) -> Any:
        """Return the working copy with the images at `rows` replaced by `part`."""

    def mix(self, parts: list[Any], weights: np.ndarray) -> Any:
        """Return the mixture of aligned batches with `weights` (n, len(parts))."""

    def unload(self, work: Any, form: Form) -> Any:
        """Return the result in the form that came in."""


class TorchBackend:
    """Batched kernels on tensors (n, C, H, W), on CPU or CUDA."""

    def load(self, images: Any, form: Form) -> Any:
        """Return the batch as a uint8 tensor; kernels never write into it."""
        return to_tensor(images, form)

    def apply(self, work: Any, rows: np.ndarray, family: str, parameters: np.ndarray) -> Any:
        """Return a tensor with one kernel done to the images at `rows`."""
        from .torch_kernels import KERNELS

        if len(rows) == len(work):
            order = np.argsort(rows, kind="stable")
            return KERNELS[family](work, parameters[order])
        return self.put(work, rows, KERNELS[family](self.take(work, rows), parameters))

    def take(self, work: Any, rows: np.ndarray) -> Any:
        """Return the images at `rows`."""
        import torch

        return work.index_select(0, torch.from_numpy(rows).to(work.device))

    def put(self, work: Any, rows: np.ndarray, part: Any) -> Any:
        """Return a tensor with the images at `rows` replaced by `part`."""
        import torch

        return work.index_copy(0, torch.from_numpy(rows).to(work.device), part)

    def mix(self, parts: list[Any], weights: np.ndarray) -> Any:
        """Return the mixture of aligned batches."""
        from .torch_kernels import mix

        return mix(parts, weights)

    def unload(self, work: Any, form: Form) -> Any:
        """Return the result in the form that came in."""
        return from_tensor(work, form)


class OpenCVBackend:
    """OpenCV on one image after the other, arrays (n, H, W, C) on CPU."""

    def load(self, images: Any, form: Form) -> Any:
        """Return the batch as a uint8 array of its own."""
        return to_array(images, form)

    def apply(self, work: Any, rows: np.ndarray, family: str, parameters: np.ndarray) -> Any:
        """Do one kernel to the images at `rows`, in place."""
        from .opencv_kernels import KERNELS

        KERNELS[family](work, rows, parameters)
        return work

    def take(self, work: Any, rows: np.ndarray) -> Any:
        """Return a copy of the images at `rows`."""
        return work[rows]

    def put(self, work: Any, rows: np.ndarray, part: Any) -> Any:
        """Replace the images at `rows` by `part`, in place."""
        work[rows] = part
        return work

    def mix(self, parts: list[Any], weights: np.ndarray) -> Any:
        """Return the mixture of aligned batches."""
        from .opencv_kernels import mix

        return mix(parts, weights)

    def unload(self, work: Any, form: Form) -> Any:
        """Return the result in the form that came in."""
        return from_array(work, form)


def choose_backend(
    backend: str, *, families: frozenset[str], height: int, width: int, device: str = "cpu"
) -> Choice:
    """Choose ``"torch"`` or ``"opencv"`` for a policy's kernel families and one image size.

    The rule never looks at the batch, so that a row gets the same bits alone and in any batch.
    """
    check_choice("backend", backend, BACKENDS)
    on_gpu = not device.startswith("cpu")
    if backend == "opencv" and on_gpu:
        raise InputError(f"`backend` 'opencv' works on the CPU; the images are on {device}.")
    if backend != "auto":
        return Choice(backend, "asked for")
    if on_gpu:
        return Choice("torch", f"images are on {device}")
    if find_spec("cv2") is None:
        return Choice("torch", "OpenCV is not installed")
    if height * width <= TORCH_PIXELS and families <= TORCH_FAMILIES:
        return Choice("torch", f"crops and flips of {height}×{width} pixels measured faster there")
    return Choice("opencv", f"measured faster for this policy at {height}×{width} pixels")
