"""A policy for each class, for operations that harm some classes and help the others.

One policy for all can cost single classes up to 20 points (Kirichenko et al., "Understanding the
detrimental class-level effects of data augmentation", NeurIPS 2023). A six may not be turned into
a nine, while a zero may be turned as one likes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from thresher.core.classes import class_key, class_lookup, class_text, texts_of
from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.files import read_json, write_json
from thresher.core.missing import read_values
from thresher.core.moved import renamed
from thresher.core.randomness import RandomState
from thresher.core.signatures import checked

from .augmenter import Augmenter
from .choosing.auditing import AuditReport
from .operations.nodes import Step
from .operations.policy import Policy, check_schema
from .randomness.keyed import check_index, check_keys, check_seed

SCHEMA = 1


class ClassAugmenter:
    """Augments each row by its class's policy; a row's bits are those of that policy alone.

    Parameters
    ----------
    by_class
        Policies by class name. Classes that are not named get `default`.
    default
        The policy of every other class.
    random_state, backend
        As in `Augmenter`; one seed for all.

    Examples
    --------
    >>> import numpy as np
    >>> from augment import ClassAugmenter, policies
    >>> turning = policies.trivial_augment(flip=True)
    >>> by_class = {"six": turning.without("rotate")}
    >>> augmenter = ClassAugmenter(by_class, default=turning, random_state=0)
    >>> images = np.zeros((2, 8, 8, 3), dtype=np.uint8)
    >>> augmenter.batch(images, ["r1", "r2"], ["six", "cat"], epoch=0).shape
    (2, 8, 8, 3)
    """

    @checked
    def __init__(
        self,
        by_class: Mapping[str, Policy],
        *,
        default: Policy,
        random_state: RandomState = 0,
        backend: str = "auto",
    ) -> None:
        self.seed = check_seed(random_state)
        self.default = Augmenter(default, random_state=self.seed, backend=backend)
        self.by_class = {
            class_text(name): Augmenter(policy, random_state=self.seed, backend=backend)
            for name, policy in by_class.items()
        }
        self._place = class_lookup(list(self.by_class))

    def augmenter_of(self, label: str) -> Augmenter:
        """Return what augments the rows of one class."""
        return [*self.by_class.values(), self.default][self._group(class_text(label))]

    @renamed(keys="row_ids")
    def batch(
        self, images: Any, row_ids: Any, labels: Any, *, epoch: int = 0, view: int = 0
    ) -> Any:
        """Augment a batch as `Augmenter.batch` does, each row by its class's policy.

        `labels` are class names (n,); rows without one get the default policy.
        """
        row_keys = check_keys(row_ids, n=len(images))
        names = _names(labels, len(images))
        groups = np.array([self._group(name) for name in names.tolist()], dtype=np.intp)
        return self._batch(images, row_keys, groups, epoch, view)

    def for_training(self, row_ids: Any, labels: Any) -> Callable[[Any, np.ndarray, int], Any]:
        """Return a function of (inputs, keys, epoch), as `training.fit` takes for `augment`.

        Parameters
        ----------
        row_ids
            Those of all rows that training may ask for, (n,).
        labels
            Their class names, (n,).
        """
        keys = check_keys(row_ids)
        names = _names(labels, len(keys))
        groups = np.array([self._group(name) for name in names.tolist()], dtype=np.intp)
        order = np.argsort(keys, kind="stable")
        known, group_of = keys[order], groups[order]

        def augment(inputs: Any, asked: np.ndarray, epoch: int) -> Any:
            place = np.minimum(np.searchsorted(known, asked), max(0, len(known) - 1))
            missing = len(known) == 0 or bool((known[place] != asked).any())
            if missing and len(asked):
                raise InputError("A row has no label here; give `for_training` every training row.")
            return self._batch(inputs, asked, group_of[place], epoch, 0)

        return augment

    def to_dict(self) -> dict[str, Any]:
        """Return policies, seed and backend as JSON-like values with a schema version."""
        return {
            "schema": SCHEMA,
            "default": self.default.to_dict(),
            "classes": {name: one.to_dict() for name, one in self.by_class.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ClassAugmenter:
        """Rebuild an augmenter; anything unknown, missing or changed raises `InputError`."""
        fields = {"schema", "default", "classes"}
        if not isinstance(values, Mapping) or set(values) != fields:
            raise InputError(f"Policies by class need the fields {', '.join(sorted(fields))}.")
        check_schema("file of policies by class", values["schema"], SCHEMA)
        default = Augmenter.from_dict(values["default"])
        if not isinstance(values["classes"], Mapping):
            raise InputError("`classes` must be an object: a policy for each class name.")
        found = {name: Augmenter.from_dict(one) for name, one in values["classes"].items()}
        for name, one in found.items():
            if (one.seed, one.backend) != (default.seed, default.backend):
                raise InputError(f"The policy of class {name!r} has another seed or backend.")
        by_class = {name: one.policy for name, one in found.items()}
        return cls(
            by_class, default=default.policy, random_state=default.seed, backend=default.backend
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write policies and seed as JSON, atomically."""
        write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ClassAugmenter:
        """Read an augmenter that `save` wrote."""
        return cls.from_dict(read_json(path))

    def _group(self, name: str) -> int:
        return self._place.get(name, self._place.get(class_key(name), -1))

    def _batch(
        self, images: Any, keys: np.ndarray, groups: np.ndarray, epoch: int, view: int
    ) -> Any:
        epoch, view = check_index("epoch", epoch), check_index("view", view)
        present = np.unique(groups).tolist()
        augmenters = [self.default, *self.by_class.values()]
        if len(present) <= 1:
            one = augmenters[present[0] + 1] if present else self.default
            return one.batch(images, keys, epoch, view)
        result = images.clone() if hasattr(images, "clone") else np.array(images)
        for group in present:
            rows = np.flatnonzero(groups == group)
            result[rows] = augmenters[group + 1].batch(images[rows], keys[rows], epoch, view)
        return result


@checked
def spare_classes(report: AuditReport) -> dict[str, Policy]:
    """Return policies for the classes that `augment.audit` saw harmed: without what harms each.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from augment import audit, policies, spare_classes
    >>> digits = load_digits()
    >>> images = np.stack([digits.images[:100] * 15] * 3, axis=-1).astype(np.uint8)
    >>> policy = policies.standard(pad=1, flip=True)
    >>> report = audit(images, digits.target[:100], policy=policy)
    >>> all("for" in policy.name for policy in spare_classes(report).values())
    True
    """
    harmful: dict[str, list[Step]] = {}
    for entry in report.at(1.0):
        for name in entry.classes_harmed or {}:
            harmful.setdefault(name, []).append(Step(entry.op, entry.settings))
    return {name: _without(report.policy, steps, name) for name, steps in harmful.items()}


def _without(policy: Policy, steps: list[Step], name: str) -> Policy:
    def decide(step: Step) -> Step | None:
        return None if Step(step.op, step.settings) in steps else step

    return policy.replace_steps(decide).renamed(f"{policy.name} for {name}")


def _names(labels: Any, n: int) -> np.ndarray:
    if labels is None:
        raise InputError("`labels` are needed: each class has a policy of its own.")
    values, missing = read_values(labels, name="labels")
    if values.shape != (n,):
        raise InputError(f"There are {counted(n, 'row')} and labels of the shape {values.shape}.")
    return texts_of(values, missing, name="labels")
