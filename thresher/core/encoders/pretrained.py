"""What the loaders of pretrained models share: finding them, failing helpfully, identity."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..choice import Choice
from ..errors import InputError, ThresherError
from ..fingerprint import fingerprint
from .function import IMAGE_SIZE, FunctionEncoder
from .lengths import Cuts

if TYPE_CHECKING:
    import torch

BATCH = 64  # rows that a model sees at once


def find_folder(target: str) -> Path | None:
    """Return the folder that `target` is, or None when it is the name of a model.

    Raises
    ------
    InputError
        When it is written like a path and there is no such folder.
    """
    path = Path(target).expanduser()
    if path.is_dir():
        return path.resolve()
    if target.startswith((".", "/", "~")) or not target:
        raise InputError(f"There is no folder {target!r} to load a model from.")
    return None


@dataclass(frozen=True)
class Wanted:
    """What a pretrained model is loaded as, in the words of its user.

    Attributes
    ----------
    spec : str
        Prefix and target, such as ``"hf:bert-base-uncased"``.
    what : str
        ``"encoder"`` or ``"model"``.
    instead : str
        A sentence that names what works without a download.
    """

    spec: str
    what: str
    instead: str

    @classmethod
    def encoder(cls, spec: str, *, modality: str) -> Wanted:
        """Describe an encoder of rows of `modality`."""
        instead = f"use the built-in encoder='builtin:{modality}', which needs no download."
        return cls(spec, "encoder", instead)


@contextmanager
def loading(wanted: Wanted, *, repository: str) -> Iterator[None]:
    """Turn whatever a library raises while loading into an error that says what to do."""
    try:
        yield
    except ThresherError:
        raise
    except Exception as error:  # each library raises its own kinds, some of them its own classes
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        prefix, _, target = wanted.spec.partition(":")
        if find_folder(target) is not None:
            advice = "Check that the folder holds a whole model of that library."
        else:
            folder = repository.rpartition("/")[2]
            advice = (
                f"Where there is a network, run: hf download {repository} --local-dir {folder}\n"
                f"Then give the {wanted.what} as '{prefix}:./{folder}', which needs no network."
            )
        raise InputError(
            f"The {wanted.what} {wanted.spec!r} could not be loaded: {reason}\n{advice}\n"
            f"Or {wanted.instead}"
        ) from error


def wrap(
    function: Callable[[Any], Any],
    *,
    spec: str,
    modality: str,
    library: str,
    identity: tuple[Any, ...],
    device: Choice,
    image_size: int = IMAGE_SIZE,
    cuts: Cuts | None = None,
) -> FunctionEncoder:
    """Make an encoder of a loaded model.

    Parameters
    ----------
    library : str
        Distribution whose version counts for the fingerprint.
    identity : tuple
        Weights and preprocessing; the place where the model lies is not part of it.
    """
    try:
        release = version(library)
    except PackageNotFoundError:
        release = ""
    return FunctionEncoder(
        function,
        modality=modality,
        name=spec,
        image_size=image_size,
        fingerprint=fingerprint(library, release, modality, *identity),
        device=device,
        spec=spec,
        cuts=cuts,
    )


def hash_weights(model: torch.nn.Module) -> str:
    """Hash all parameters and buffers of a model; about a second for each GiB."""
    import torch

    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def in_batches(function: Callable[[Any], Any]) -> Callable[[Any], np.ndarray]:
    """Call a torch function on `BATCH` rows at a time, without gradients."""

    def run(values: Any) -> np.ndarray:
        import torch

        with torch.inference_mode():
            parts = [
                function(values[start : start + BATCH]).float().cpu().numpy()
                for start in range(0, len(values), BATCH)
            ]
        return np.concatenate(parts)

    return run


def to_pixels(
    images: np.ndarray,
    *,
    size: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: Choice,
) -> torch.Tensor:
    """Resize uint8 images (n, h, w, 3) and normalize them: float32 tensor (n, 3, size, size)."""
    import torch

    pixels = normal_pixels(images, size=size, mean=mean, std=std)
    return torch.from_numpy(pixels).to(device.value)


def normal_pixels(
    images: np.ndarray, *, size: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> np.ndarray:
    """Resize uint8 images (n, h, w, 3) and normalize them: float32 (n, 3, size, size)."""
    from .image import as_images

    squares = as_images(images, size=size).astype(np.float32) / 255
    normal = (squares - np.array(mean, np.float32)) / np.array(std, np.float32)
    return np.ascontiguousarray(normal.transpose(0, 3, 1, 2))


def check_modality(spec: str, modality: str | None, allowed: tuple[str, ...]) -> str:
    """Return the modality asked for, or the first that the library offers."""
    if modality is None:
        return allowed[0]
    if modality not in allowed:
        raise InputError(f"The encoder {spec!r} takes {' or '.join(allowed)}, not {modality}.")
    return modality
