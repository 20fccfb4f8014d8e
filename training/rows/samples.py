"""Samples: inputs, labels, weights and row ids that stay together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.missing import id_texts, read_numbers, read_values, whole_numbers
from thresher.core.shown import Shown
from thresher.core.signatures import check_fields
from thresher.core.text_arrays import text_array

UNLABELED = -1
_LISTED = 5


@dataclass(frozen=True, eq=False, repr=False)
class Samples(Shown):
    """Rows ready for training, kept decoded in memory.

    Attributes
    ----------
    inputs : Tensor
        Images uint8 (n, channels, height, width) or gray (n, height, width) with values 0–255,
        token ids int64 (n, length) with 0 for padding, or features float32 (n, d). Images may be
        float tensors of four axes, and a model of your own may take others.
    targets : Tensor or None
        Class codes, int64 (n,), −1 for an unlabeled row; None if no row has a label.
    row_ids : ndarray of str, shape (n,)
    weights : Tensor or None
        Weight of each row in the loss, float32 (n,), at least 0.

    Raises
    ------
    InputError
        When lengths differ, a target is not an integer, or a value is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from training import Samples, samples_from_arrays
    >>> rows = samples_from_arrays(np.eye(4, dtype=np.float32), row_ids=np.array(list("abcd")))
    >>> isinstance(rows, Samples), len(rows.take(np.array([0, 2])))
    (True, 2)
    """

    inputs: Tensor
    targets: Tensor | None
    row_ids: np.ndarray
    weights: Tensor | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        given: object = self.row_ids
        if not isinstance(given, np.ndarray):
            object.__setattr__(self, "row_ids", id_texts("row_ids", given))
        if self.inputs.ndim == 3 and self.inputs.dtype == torch.uint8:
            object.__setattr__(self, "inputs", self.inputs.unsqueeze(1))  # gray images
        if self.inputs.ndim < 2:
            raise InputError(
                f"`inputs` must have a row axis and more, got shape {tuple(self.inputs.shape)}."
            )
        self._check_lengths()
        self._check_targets()
        self._check_weights()
        if self.inputs.is_floating_point():
            finite = torch.isfinite(self.inputs.flatten(1)).all(1)
            self._refuse(~finite, "inputs that are not finite; fill in or drop missing values")

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def modality(self) -> str:
        """``"image"``, ``"text"`` or ``"features"``, told by the number of axes and the dtype."""
        if self.inputs.ndim == 4:
            return "image"
        return "features" if self.inputs.is_floating_point() else "text"

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row's input."""
        return tuple(self.inputs.shape[1:])

    def take(self, positions: np.ndarray | Tensor) -> Samples:
        """Return the rows at `positions`, int64 (m,), in that order; a row may come twice."""
        index = torch.as_tensor(positions, dtype=torch.int64)
        return Samples(
            self.inputs[index],
            None if self.targets is None else self.targets[index],
            self.row_ids[index.numpy()],
            None if self.weights is None else self.weights[index],
        )

    def without_targets(self) -> Samples:
        """Return the same rows as an unlabeled pool."""
        return Samples(self.inputs, None, self.row_ids, self.weights)

    def _check_lengths(self) -> None:
        n = len(self.inputs)
        parts = {"targets": self.targets, "row_ids": self.row_ids, "weights": self.weights}
        for name, part in parts.items():
            if part is not None and tuple(part.shape) != (n,):
                raise InputError(
                    f"`{name}` must have shape ({n},) like the inputs, got {tuple(part.shape)}."
                )

    def _check_targets(self) -> None:
        if self.targets is None:
            return
        if self.targets.dtype != torch.int64:
            raise InputError(f"`targets` must be int64 class codes, got {self.targets.dtype}.")
        self._refuse(self.targets < UNLABELED, "a label below −1")

    def _check_weights(self) -> None:
        if self.weights is None:
            return
        wrong = ~torch.isfinite(self.weights) | (self.weights < 0)
        self._refuse(wrong, "a weight that is negative or not finite")
        if len(self) and not bool(self.weights.sum() > 0):
            raise InputError("All `weights` are 0: no row would count.")

    def _refuse(self, wrong: Tensor, what: str) -> None:
        if bool(wrong.any()):
            rows = self.row_ids[wrong.cpu().numpy()]
            listed = ", ".join(map(str, rows[:_LISTED]))
            raise InputError(f"{len(rows)} row(s) have {what}. First: {listed}.")


def samples_from_arrays(
    inputs: np.ndarray | Sequence[np.ndarray],
    *,
    row_ids: np.ndarray,
    targets: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> Samples:
    """Turn arrays into `Samples`.

    Parameters
    ----------
    inputs : ndarray, or sequence of ndarray
        Images uint8 (n, height, width, channels) as decoders give them, or gray ones (n, height,
        width); token ids int64 (n, length); or features (n, d); or the rows one by one. Memory of
        an array of images is shared, not copied.
    row_ids : ndarray of str, shape (n,)
    targets : array or column of int, shape (n,), optional
        −1 for an unlabeled row.
    weights : ndarray of float, shape (n,), optional

    Raises
    ------
    InputError
        When rows differ in shape, such as images of several sizes or color modes, and when
        targets are missing, names or fractions.

    Examples
    --------
    >>> import numpy as np
    >>> from training import samples_from_arrays
    >>> images = np.zeros((2, 8, 8, 3), dtype=np.uint8)
    >>> rows = samples_from_arrays(images, row_ids=np.array(["a", "b"]), targets=np.array([0, 1]))
    >>> rows.modality, tuple(rows.input_shape)
    ('image', (3, 8, 8))
    """
    inputs = _one_array(inputs, row_ids)
    if inputs.ndim == 3 and inputs.dtype == np.uint8:
        inputs = inputs[..., np.newaxis]
    if inputs.ndim == 2 and inputs.dtype in (np.uint8, np.bool_):
        raise InputError(
            f"Rows of {inputs.dtype} with one axis may be features or token ids: give "
            "`inputs.astype('float32')` for features such as pixels in a line, "
            "`inputs.astype('int64')` for token ids."
        )
    if inputs.ndim == 4:
        if inputs.dtype != np.uint8:
            raise InputError(f"Images must be uint8 with values 0–255, got {inputs.dtype}.")
        tensor = torch.from_numpy(np.ascontiguousarray(inputs)).permute(0, 3, 1, 2)
    else:
        kind = np.int64 if np.issubdtype(inputs.dtype, np.integer) else np.float32
        # Arrow's columns cannot be written to, and PyTorch warns of those.
        tensor = torch.from_numpy(np.require(inputs, kind, ["C", "W"]))
    return Samples(
        tensor,
        None if targets is None else torch.from_numpy(_codes(targets)),
        text_array(row_ids),
        None if weights is None else torch.from_numpy(_weights(weights)),
    )


def _codes(targets: Any) -> np.ndarray:
    """Return class codes, int64; refuse missing ones, names and fractions."""
    values, missing = read_values(targets, name="targets")
    if missing.any():
        raise InputError(
            f"`targets` are missing in {int(missing.sum())} of {counted(missing.size, 'row')}, the "
            "first at position "
            f"{int(np.flatnonzero(missing)[0])}. Give {UNLABELED} for a row without a label, or "
            "leave it out."
        )
    if values.dtype.kind == "f":
        instead = "Targets are class codes; turn numbers into classes first."
        return whole_numbers("targets", values, missing, instead=instead)
    if values.dtype.kind not in "iub" and values.size:
        raise InputError(
            f"`targets` must be integer class codes, got {values.ravel().tolist()[0]!r:.80}. "
            "Number the classes first: `names, codes = numpy.unique(labels, return_inverse=True)`."
        )
    return values.astype(np.int64)


def _weights(weights: Any) -> np.ndarray:
    numbers = read_numbers("weights", weights)
    return numbers.astype(np.float32)


def _one_array(inputs: np.ndarray | Sequence[np.ndarray], row_ids: np.ndarray) -> np.ndarray:
    """Stack rows that are given one by one; an array is returned as it is."""
    if isinstance(inputs, np.ndarray) and inputs.dtype != object:
        return inputs
    rows = [np.asarray(row) for row in inputs]
    shapes = [row.shape for row in rows]
    for row_id, shape in zip(row_ids, shapes, strict=False):
        if shape != shapes[0]:
            raise InputError(
                f"All rows must have one shape; row {row_ids[0]} has {shapes[0]} and row {row_id} "
                f"{shape}. `thresher.core.images.read_images` brings images to one size and to "
                "RGB."
            )
    return np.stack(rows) if rows else np.zeros((0, 0), dtype=np.float32)
