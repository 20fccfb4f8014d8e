"""The two backends behind one protocol, and the rule that chooses between them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

from thresher.core.choice import Choice
from thresher.core.errors import InputError, check_choice, require

from .buffers import copy_images, take_memory
from .images import Form, from_array, from_planes, from_tensor, to_array, to_planes, to_tensor

BACKENDS = ("auto", "torch", "opencv")
# Tensors stay planes for these families above this size; below it, changing the layout of a whole
# batch costs less than a call for each plane.
PLANE_FAMILIES = frozenset({"none", "window", "blur", "sharpen", "erase"})
PLANES_ABOVE = 128 * 128


class Backend(Protocol):
    """Runs kernels on a working copy of a batch in the layout it likes best."""

    chunk_pixels: int | None

    def load(self, images: Any, form: Form) -> Any:
        """Return what `apply` works on; the caller's images are never changed."""

    def apply(self, work: Any, rows: np.ndarray, family: str, parameters: np.ndarray) -> Any:
        """Return the working copy with one kernel done to the images at `rows`."""

    def fork(self, work: Any) -> Any:
        """Return what may be changed without changing `work`."""

    def take(self, work: Any, rows: np.ndarray) -> Any:
        """Return a copy of the images at `rows`."""

    def put(self, work: Any, rows: np.ndarray, part: Any) -> Any:
        """Return the working copy with the images at `rows` replaced by `part`."""

    def mix(self, parts: list[Any], weights: np.ndarray) -> Any:
        """Return the mixture of aligned batches with `weights` (n, len(parts))."""

    def unload(self, work: Any, form: Form) -> Any:
        """Return the result in the form that came in, in memory of its own."""


class TorchBackend:
    """Batched kernels on tensors (n, C, H, W), on CPU or CUDA."""

    def __init__(self, *, on_cpu: bool) -> None:
        # The float planes of so many pixels stay in a processor's second-level cache.
        self.chunk_pixels: int | None = 2**17 if on_cpu else None
        self._given: Any = None

    def load(self, images: Any, form: Form) -> Any:
        """Return the batch as a uint8 tensor; kernels never write into it."""
        self._given = to_tensor(images, form)
        return self._given

    def apply(self, work: Any, rows: np.ndarray, family: str, parameters: np.ndarray) -> Any:
        """Return a tensor with one kernel done to the images at `rows`."""
        from .torch_kernels import KERNELS

        if len(rows) == len(work):
            order = np.argsort(rows, kind="stable")
            return KERNELS[family](work, parameters[order])
        return self.put(work, rows, KERNELS[family](self.take(work, rows), parameters))

    def fork(self, work: Any) -> Any:
        """Return `work`, which kernels never write into."""
        return work

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
        if work is self._given and form.kind == "tensor" and not form.floating:
            work = work.clone()
        return from_tensor(work, form)


@dataclass(frozen=True)
class Pixels:
    """uint8 (n, H, W, C), or (n, C, H, W) as planes, and whether writing into it is allowed."""

    values: np.ndarray
    owned: bool

    def __len__(self) -> int:
        return len(self.values)


class OpenCVBackend:
    """OpenCV on arrays (n, H, W, C) on CPU.

    With `planes`, tensors stay (n, C, H, W): only for families that treat every channel alike,
    which saves both changes of layout.
    """

    chunk_pixels: int | None = 2**22

    def __init__(self, *, planes: bool = False) -> None:
        self.planes = planes

    def load(self, images: Any, form: Form) -> Pixels:
        """Return the batch as an array, the caller's own where it fits."""
        if self.planes:
            return Pixels(to_planes(images, form), owned=form.floating)
        return Pixels(to_array(images, form), owned=form.floating or form.kind == "tensor")

    def apply(self, work: Pixels, rows: np.ndarray, family: str, parameters: np.ndarray) -> Pixels:
        """Do one kernel to the images at `rows`."""
        from .opencv_kernels import IN_PLACE

        source = target = work.values
        if work.owned and family not in IN_PLACE and 2 * len(rows) < len(source):
            source = take_memory(target.shape)
            copy_images(target, source, rows)
        elif not work.owned or family not in IN_PLACE:
            target = take_memory(source.shape)
            if len(rows) < len(source):
                target[...] = source
        self._run(family, source, target, rows=rows, parameters=parameters)
        return Pixels(target, owned=True)

    def _run(
        self,
        family: str,
        source: np.ndarray,
        target: np.ndarray,
        *,
        rows: np.ndarray,
        parameters: np.ndarray,
    ) -> None:
        from .opencv_kernels import KERNELS

        if self.planes and family != "erase":
            # Each plane is an image of one channel.
            n, channels, height, width = source.shape
            rows = (rows[:, None] * channels + np.arange(channels)).ravel()
            parameters = np.repeat(parameters, channels, axis=0)
            source = source.reshape(n * channels, height, width, 1)
            target = target.reshape(n * channels, height, width, 1)
        elif self.planes:
            source, target = source.transpose(0, 2, 3, 1), target.transpose(0, 2, 3, 1)
        KERNELS[family](source, target, rows, parameters)

    def fork(self, work: Pixels) -> Pixels:
        """Return the same pixels, to be copied before anything is written."""
        return Pixels(work.values, owned=False)

    def take(self, work: Pixels, rows: np.ndarray) -> Pixels:
        """Return a copy of the images at `rows`."""
        return Pixels(work.values[rows], owned=True)

    def put(self, work: Pixels, rows: np.ndarray, part: Pixels) -> Pixels:
        """Replace the images at `rows` by `part`."""
        values = work.values if work.owned else _copy(work.values)
        values[rows] = part.values
        return Pixels(values, owned=True)

    def mix(self, parts: list[Pixels], weights: np.ndarray) -> Pixels:
        """Return the mixture of aligned batches."""
        from .opencv_kernels import mix

        return Pixels(mix([part.values for part in parts], weights), owned=True)

    def unload(self, work: Pixels, form: Form) -> Any:
        """Return the result in the form that came in."""
        if self.planes or form.kind == "array":
            values = work.values if work.owned else _copy(work.values)
            return from_planes(values, form) if self.planes else from_array(values, form)
        return from_array(work.values, form)


def _copy(images: np.ndarray) -> np.ndarray:
    copied = take_memory(images.shape)
    copied[...] = images
    return copied


def make_backend(choice: Choice, form: Form, families: frozenset[str], *, pixels: int) -> Backend:
    """Return the chosen backend for images of `pixels` pixels that come in one form."""
    if choice.value == "torch":
        return TorchBackend(on_cpu=form.device == "cpu")
    large = pixels > PLANES_ABOVE
    return OpenCVBackend(planes=form.kind == "tensor" and large and families <= PLANE_FAMILIES)


def choose_backend(backend: str, *, device: str = "cpu") -> Choice:
    """Choose ``"torch"`` or ``"opencv"`` for images on a device.

    The rule never looks at the batch, so that a row gets the same bits alone and in any batch.
    """
    check_choice("backend", backend, BACKENDS)
    on_gpu = not device.startswith("cpu")
    if backend == "opencv" and on_gpu:
        raise InputError(f"`backend` 'opencv' works on the CPU; the images are on {device}.")
    if backend == "torch":
        require("torch", extra="train")
    if backend != "auto":
        return Choice(backend, "asked for")
    if on_gpu:
        return Choice("torch", f"images are on {device}")
    if find_spec("cv2") is None:
        return Choice("torch", "OpenCV is not installed")
    # benchmarks/augment_throughput.py, eight policies at 32, 96 and 224 pixels.
    return Choice("opencv", "measured faster on a processor for every policy and image size")
