"""A map-style dataset whose images come augmented: for torch's DataLoader, a batch at a time.

DataLoader asks a dataset that has ``__getitems__`` for the rows of a batch at once, so that they
are augmented in one call; row by row, planning would take longer than the work itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from thresher.core.errors import InputError, require
from thresher.core.moved import renamed

from ..augmenter import Augmenter
from ..randomness.keyed import check_index, check_keys
from .ragged_batch import augment_several


class Dataset(Protocol):
    """What torch calls a map-style dataset; `datasets.Dataset` is one."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def __getitem__(self, position: int) -> Any:
        """Return one row."""


class AugmentedDataset:
    """The rows of `dataset` with their images augmented; the same bits for any loader.

    Parameters
    ----------
    dataset
        Rows are images, or tuples, lists or dicts that hold one.
    augmenter
        An `Augmenter`. (An `AlbumentationsAugmenter` moves boxes and masks too, so it is called
        in the dataset itself.)
    image
        Where a row holds its image: a place in a tuple, a field of a dict, None if it is the image.
    row_ids
        One per row, as in `Augmenter.batch`; by default the positions, which do not outlast a
        change of the order.
    then
        Called on each augmented image, for instance to turn it into a float tensor.

    Examples
    --------
    >>> import numpy as np
    >>> from augment import AugmentedDataset, Augmenter, policies
    >>> images = np.zeros((8, 32, 32, 3), dtype=np.uint8)
    >>> rows = AugmentedDataset(list(zip(images, range(8))), Augmenter(policies.standard()))
    >>> rows.set_epoch(1)
    >>> rows[5][0].shape, rows[5][1]
    ((32, 32, 3), 5)
    """

    @renamed(keys="row_ids")
    def __init__(
        self,
        dataset: Dataset,
        augmenter: Augmenter,
        *,
        image: int | str | None = 0,
        row_ids: Any = None,
        then: Callable[[Any], Any] | None = None,
    ) -> None:
        torch: Any = require("torch", extra="train")
        if not isinstance(augmenter, Augmenter):
            raise InputError(
                f"`augmenter` must be an Augmenter, got {type(augmenter).__name__}. Call others "
                "in the dataset's own __getitem__, with the row's id."
            )
        n = len(dataset)
        self.dataset, self.augmenter, self.image, self.then = dataset, augmenter, image, then
        self.keys = check_keys(np.arange(n) if row_ids is None else row_ids, n=n)
        # Shared, since worker processes that outlive an epoch hold copies of this object.
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()

    @property
    def epoch(self) -> int:
        """The epoch whose draws rows get."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Go to another epoch, between two loops over a loader; its workers follow."""
        self._epoch.fill_(check_index("epoch", epoch))

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, position: int) -> Any:
        """Return one row, as `__getitems__` does."""
        return self.__getitems__([position])[0]

    def __getitems__(self, positions: Sequence[int]) -> list[Any]:
        """Return rows as the dataset gives them, their images augmented in one batch."""
        fetch = getattr(self.dataset, "__getitems__", None)
        rows = fetch(positions) if fetch else [self.dataset[position] for position in positions]
        images = [self._image(row, at) for row, at in zip(rows, positions, strict=True)]
        keys = self.keys[np.asarray(positions, dtype=np.int64)]
        changed = augment_several(images, keys, self.augmenter, epoch=self.epoch)
        if self.then is not None:
            changed = [self.then(image) for image in changed]
        return [self._with_image(row, image) for row, image in zip(rows, changed, strict=True)]

    def _image(self, row: Any, position: int) -> Any:
        if self.image is None:
            return row
        problem: Exception | None = None
        # An array has a place 0 as well, which is a line of the image.
        if isinstance(row, (Mapping, tuple, list)):
            try:
                return row[self.image]  # type: ignore[index]  # refused below
            except (KeyError, IndexError, TypeError) as error:
                problem = error
        raise InputError(
            f"Row {position} of the dataset, of type {type(row).__name__}, has no image at "
            f"{self.image!r}. `image` is a place in a tuple or list, a field of a dict, or None "
            "if rows are images."
        ) from problem

    def _with_image(self, row: Any, image: Any) -> Any:
        if self.image is None:
            return image
        if isinstance(row, Mapping):
            return {**row, self.image: image}
        changed = list(row)
        changed[self.image] = image  # type: ignore[index]  # a place, or `_image` had refused it
        return type(row)(*changed) if hasattr(row, "_fields") else type(row)(changed)
