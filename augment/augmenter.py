"""Augmenter: a policy, a seed and a backend; the same row, epoch and view give the same bits."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from thresher.core.choice import Choice
from thresher.core.errors import InputError, check_choice
from thresher.core.files import read_json, write_json
from thresher.core.moved import renamed
from thresher.core.randomness import RandomState

from .kernels.backends import BACKENDS, choose_backend, make_backend
from .kernels.execution import run
from .kernels.images import MAX_SIDE, check_batch
from .kernels.single_image import pack, unpack
from .operations.operation import Scene
from .operations.plan import Layer, Stage, plan
from .operations.policy import Policy, check_schema
from .randomness.keyed import check_index, check_keys, check_seed, draw

SCHEMA = 1


class Augmenter:
    """Changes images as `policy` says, from a random number of each row's own.

    Parameters
    ----------
    policy
        What may be done; see `augment.policies`.
    random_state
        The seed, kept in ``seed``: an int is used as it is, a generator or None draws one.
    backend
        ``"torch"``, ``"opencv"`` or ``"auto"``, which goes by the device.

    Examples
    --------
    >>> import numpy as np
    >>> from augment import Augmenter, policies
    >>> aug = Augmenter(policies.standard(), random_state=0)
    >>> images = np.zeros((2, 32, 32, 3), dtype=np.uint8)
    >>> aug.batch(images, row_ids=["cat.jpg", "dog.jpg"], epoch=3).shape
    (2, 32, 32, 3)
    """

    def __init__(
        self, policy: Policy, *, random_state: RandomState = 0, backend: str = "auto"
    ) -> None:
        if not isinstance(policy, Policy):
            raise InputError(
                f"`policy` must be a Policy, got {type(policy).__name__}. Make one with "
                "augment.policies, for instance policies.standard()."
            )
        self.policy = policy
        self.seed = check_seed(random_state)
        self.backend = check_choice("backend", backend, BACKENDS)
        self._families = frozenset(step.operation.family for step in policy.steps)

    def __repr__(self) -> str:
        return (
            f"Augmenter({self.policy.name!r}, random_state={self.seed}, backend={self.backend!r})"
        )

    @renamed(keys="row_ids")
    def batch(self, images: Any, row_ids: Any, epoch: int = 0, view: int = 0) -> Any:
        """Augment a batch; row i depends on its own id only.

        Parameters
        ----------
        images
            uint8 tensor (n, C, H, W) or array (n, H, W, C), C of 1 or 3; or float32/float64 in
            [0, 1], which is rounded to 8 bits. Never changed.
        row_ids
            One per row, strings or integers (n,); equal ones get equal draws. The uint64 keys of
            row ids (see `thresher.core.fingerprint.row_keys`) do as well.
        epoch, view
            Other numbers give other draws; views are for several versions of a row in one epoch.

        Returns
        -------
        The batch in the form and on the device it came in.
        """
        form = check_batch(images)
        row_keys = check_keys(row_ids, n=len(images))
        height, width = images.shape[2:] if form.kind == "tensor" else images.shape[1:3]
        scene = self._scene(int(height), int(width), check_index("epoch", epoch))
        draws = draw(self.seed, row_keys, epoch=scene.epoch, view=check_index("view", view))
        choice = self.choose_backend(form.device)
        backend = make_backend(choice, form, self._families, pixels=scene.height * scene.width)
        return run(self.policy, backend, images, form, draws=draws, scene=scene)

    @renamed(key="row_id")
    def __call__(self, image: Any, *, row_id: int | str, epoch: int = 0, view: int = 0) -> Any:
        """Augment one image: tensor (C, H, W), array (H, W, C) or (H, W), or a PIL image."""
        batch, form = pack(image)
        return unpack(self.batch(batch, [row_id], epoch, view), form)

    def for_training(self) -> Callable[[Any, np.ndarray, int], Any]:
        """Return a function of (inputs, keys, epoch), as `training.fit` takes for `augment`."""
        return self.batch

    @renamed(key="row_id")
    def explain(
        self, row_id: int | str, epoch: int = 0, *, size: tuple[int, int], view: int = 0
    ) -> list[dict[str, Any]]:
        """Say what is done to a row: operations in order with the parameters it got.

        `size` is the image's (height, width). An entry inside a mixture names its ``chain`` and
        that chain's ``weight``.
        """
        if not isinstance(size, (tuple, list)) or len(size) != 2:
            raise InputError(f"`size` must be (height, width), got {size!r:.80}.")
        height, width = (check_side(side) for side in size)
        scene = self._scene(height, width, check_index("epoch", epoch))
        draws = draw(
            self.seed, check_keys([row_id]), epoch=scene.epoch, view=check_index("view", view)
        )
        return [entry for stage in plan(self.policy, draws, scene) for entry in _entries(stage)]

    def choose_backend(self, device: str = "cpu") -> Choice:
        """Return the backend for images on a device, with the reason."""
        return choose_backend(self.backend, device=device)

    def to_dict(self) -> dict[str, Any]:
        """Return policy, seed and backend as JSON-like values with a schema version."""
        return {
            "schema": SCHEMA,
            "policy": self.policy.to_dict(),
            "fingerprint": self.policy.fingerprint,
            "seed": self.seed,
            "backend": self.backend,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Augmenter:
        """Rebuild an augmenter; anything unknown, missing or changed raises `InputError`."""
        fields = ("schema", "policy", "fingerprint", "seed", "backend")
        if not isinstance(values, Mapping) or set(values) != set(fields):
            found = ", ".join(map(str, values)) if isinstance(values, Mapping) else values
            raise InputError(f"An augmenter needs the fields {', '.join(fields)}; got {found}.")
        check_schema("augmenter", values["schema"], SCHEMA)
        policy = Policy.from_dict(values["policy"])
        if str(values["fingerprint"]) != policy.fingerprint:
            raise InputError(
                f"The policy's fingerprint is {policy.fingerprint}, the file says "
                f"{values['fingerprint']!r:.40}: it was edited. Build the policy in code and "
                "save it."
            )
        seed = check_index("seed", values["seed"])
        return cls(policy, random_state=seed, backend=values["backend"])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write policy and seed as JSON, atomically."""
        write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Augmenter:
        """Read an augmenter that `save` wrote."""
        return cls.from_dict(read_json(path))

    def _scene(self, height: int, width: int, epoch: int) -> Scene:
        return Scene(height, width, epoch, self.policy.schedule.strength(epoch))


def check_side(side: int) -> int:
    """Return the side of an image in pixels as an int, or raise an `InputError`."""
    if not 1 <= check_index("size", side) <= MAX_SIDE:
        raise InputError(f"The sides of an image must be 1 to {MAX_SIDE} pixels, got {side}.")
    return int(side)


def _entries(stage: Stage) -> list[dict[str, Any]]:
    if isinstance(stage, Layer):
        return [
            {"op": one.step.op, **{name: float(value[0]) for name, value in one.parameters.items()}}
            for one in stage.applications
            if len(one.rows)
        ]
    if not len(stage.rows):
        return []
    return [
        {"chain": number, "weight": float(stage.weights[0, number + 1]), **entry}
        for number, chain in enumerate(stage.chains)
        for layer in chain
        for entry in _entries(layer)
    ]
