"""Any albumentations pipeline with keyed randomness: the same bits for the same row and epoch.

Albumentations 2.0.8 (MIT, the last of its line) draws from streams that its workers repeat and
that a seed makes its transforms share; here each call starts from the row's own stream instead,
which costs about 2 µs. Only its public interface (`set_random_state`) is used.

Importing albumentations asks the package index for a newer version; that is switched off here.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import numpy as np

from thresher.core.choice import Choice
from thresher.core.errors import InputError, MissingExtraError
from thresher.core.files import read_json, write_json
from thresher.core.moved import renamed
from thresher.core.randomness import RandomState

from .kernels.images import check_batch, from_array, is_tensor
from .kernels.layout import channels_last
from .operations.policy import check_schema
from .randomness.keyed import check_index, check_key, check_keys, check_seed
from .randomness.stream import KeyedStream

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

SCHEMA = 1
_SUCCESSOR = "albumentationsx"


def installed_albumentations() -> Choice:
    """Say which distribution owns the import name ``albumentations``, and its version.

    Raises
    ------
    MissingExtraError
        When there is none, or when it is AlbumentationsX: that one is under the AGPL and sends
        usage data, so it is never imported.
    """
    version = _version(_SUCCESSOR)
    if version is not None:
        raise MissingExtraError(
            f"The import name 'albumentations' belongs to AlbumentationsX {version} here (AGPL-3.0 "
            "or commercial; sends usage data). It is not used. Install the MIT release with: "
            "pip uninstall albumentationsx && pip install 'albumentations==2.0.8'"
        )
    version = _version("albumentations")
    if version is None:
        raise MissingExtraError(
            "albumentations is not installed. Install it with: pip install 'albumentations==2.0.8'"
        )
    return Choice(version, "MIT distribution 'albumentations'; its version check is switched off")


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


class AlbumentationsAugmenter:
    """Runs an albumentations pipeline from each row's own random stream.

    Parameters
    ----------
    pipeline
        An ``albumentations.Compose``. Its own seed has no effect any more.
    random_state
        The seed, kept in ``seed``.

    Examples
    --------
    >>> import albumentations as A
    >>> import numpy as np
    >>> from augment import AlbumentationsAugmenter
    >>> augmenter = AlbumentationsAugmenter(A.Compose([A.HorizontalFlip(p=0.5)]), random_state=0)
    >>> image = np.zeros((8, 8, 3), dtype=np.uint8)
    >>> augmenter(image, row_id="cat-1", epoch=3).shape
    (8, 8, 3)
    """

    def __init__(self, pipeline: Any, *, random_state: RandomState = 0) -> None:
        self.installed = installed_albumentations()
        if not hasattr(pipeline, "set_random_state") or not hasattr(pipeline, "transforms"):
            raise InputError(
                f"`pipeline` must be an albumentations.Compose, got {type(pipeline).__name__}."
            )
        self.pipeline = pipeline
        self.seed = check_seed(random_state)
        self._stream = KeyedStream(self.seed)

    @renamed(key="row_id")
    def __call__(self, data: Any, *, row_id: int | str, epoch: int = 0, view: int = 0) -> Any:
        """Augment one sample.

        Parameters
        ----------
        data
            An image (H, W, C) or (H, W), uint8 or floating in [0, 1]; or a mapping that also
            holds the pipeline's other targets: ``mask``, ``masks``, ``bboxes``, ``keypoints``,
            label fields.
        row_id, epoch, view
            As in `Augmenter.batch`.

        Returns
        -------
        An image, or a dict of all targets, whichever came in.
        """
        epoch, view = check_index("epoch", epoch), check_index("view", view)
        if isinstance(data, np.ndarray) or not isinstance(data, Mapping):
            _check_image(data)
            return self._run({"image": data}, check_key(row_id), epoch, view)["image"]
        _check_image(data.get("image"))
        return self._run(dict(data), check_key(row_id), epoch, view)

    @renamed(keys="row_ids")
    def batch(self, images: Any, row_ids: Any, epoch: int = 0, view: int = 0) -> Any:
        """Augment uint8 images, tensor (n, C, H, W) or array (n, H, W, C), one after the other.

        The result has the same form; the pipeline must give every image the same size.
        """
        form = check_batch(images)
        numbers = check_keys(row_ids, n=len(images)).tolist()
        epoch, view = check_index("epoch", epoch), check_index("view", view)
        pixels = _pixels(images)
        done = [
            self._run({"image": image}, number, epoch, view)["image"]
            for image, number in zip(pixels, numbers, strict=True)
        ]
        if not done:
            return images
        shapes = {image.shape for image in done}
        if len(shapes) > 1:
            raise InputError(
                f"The pipeline gave images of {len(shapes)} sizes, {sorted(shapes)[:3]}; a batch "
                "needs one. Add a Resize or a crop of a fixed size."
            )
        stacked = np.stack(done).reshape(len(done), *done[0].shape[:2], -1)
        if form.floating and is_tensor(images):
            import torch

            return torch.from_numpy(np.ascontiguousarray(stacked.transpose(0, 3, 1, 2)))
        return stacked if form.floating else from_array(stacked, form)

    def for_training(self) -> Any:
        """Return a function of (inputs, keys, epoch), as `training.fit` takes for `augment`."""
        return self.batch

    def _run(self, data: dict[str, Any], key: int, epoch: int, view: int) -> dict[str, Any]:
        pipeline, stream = self.pipeline, self._stream
        if pipeline.random_generator is not stream.generator:
            # The first call, or the pipeline has been seeded or shared in between.
            pipeline.set_random_state(stream.generator, stream.python)
        stream.rekey(key, epoch=epoch, view=view)
        try:
            result: dict[str, Any] = pipeline(**data)
        except Exception as error:
            shape = getattr(data.get("image"), "shape", None)
            raise InputError(
                f"The albumentations pipeline failed on row key {key}, image {shape}: "
                f"{type(error).__name__}: {error}"
            ) from error
        return result

    def to_dict(self) -> dict[str, Any]:
        """Return pipeline, library version and seed as JSON-like values."""
        import albumentations

        try:
            pipeline = albumentations.to_dict(self.pipeline)
        except Exception as error:
            raise InputError(f"The pipeline cannot be written down: {error}") from error
        return {
            "schema": SCHEMA,
            "albumentations": self.installed.value,
            "pipeline": pipeline,
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> AlbumentationsAugmenter:
        """Rebuild an augmenter; what albumentations would skip with a warning is an error."""
        fields = {"schema", "albumentations", "pipeline", "seed"}
        if not isinstance(values, Mapping) or set(values) != fields:
            raise InputError(f"An albumentations policy needs the fields {sorted(fields)}.")
        check_schema("albumentations policy", values["schema"], SCHEMA)
        installed = installed_albumentations().value
        if installed != values["albumentations"]:
            raise InputError(
                f"The policy was written with albumentations {values['albumentations']}, installed "
                f"is {installed}. Install the same version, or build the pipeline again."
            )
        import albumentations

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                pipeline = albumentations.from_dict(values["pipeline"])
        except Exception as error:
            raise InputError(
                f"The albumentations pipeline cannot be built: {type(error).__name__}: {error}"
            ) from error
        return cls(pipeline, random_state=check_index("seed", values["seed"]))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write pipeline and seed as JSON, atomically."""
        write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> AlbumentationsAugmenter:
        """Read an augmenter that `save` wrote."""
        return cls.from_dict(read_json(path))


def _check_image(image: Any) -> None:
    if not isinstance(image, np.ndarray) or image.ndim not in (2, 3):
        found = getattr(image, "shape", type(image).__name__)
        raise InputError(f"`image` must be an array (H, W, C) or (H, W), got {found}.")
    if image.dtype == np.uint8 and image.shape[-1] in (1, 3) and image.size:
        return
    check_batch(image[None, :, :, None] if image.ndim == 2 else image[None])


def _pixels(images: Any) -> np.ndarray:
    if not is_tensor(images):
        return np.asarray(images)
    pixels = images.detach().cpu().numpy()
    if pixels.dtype == np.uint8:
        return channels_last(pixels)
    return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
