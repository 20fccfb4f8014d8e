"""Test-time augmentation: the mean prediction over a few fixed views of each image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from thresher.core.errors import InputError, check_choice
from thresher.core.moved import renamed
from thresher.core.signatures import checked

from .augmenter import Augmenter
from .operations.nodes import Step
from .operations.policy import Policy
from .randomness.keyed import check_keys

VIEWS: Mapping[str, Policy] = {
    "identity": Policy("identity"),
    "hflip": Policy("hflip", (Step("hflip"),)),
    "vflip": Policy("vflip", (Step("vflip"),)),
    "zoom": Policy("zoom", (Step("random_resized_crop", {"smallest": 0.8, "ratio": 1.0}),)),
}


class TestTimeAugment:
    """Averages class probabilities over views.

    Parameters
    ----------
    views
        Names among ``identity``, ``hflip``, ``vflip``, ``zoom``, or policies. Whether a view keeps
        the labels is for `augment.audit` to say.

    Examples
    --------
    >>> import numpy as np
    >>> from augment import TestTimeAugment
    >>> views = TestTimeAugment(("identity", "hflip"))
    >>> images = np.random.default_rng(0).integers(0, 255, (3, 8, 8, 3)).astype(np.uint8)
    >>> views.predict(lambda batch: np.full((len(batch), 2), 0.5), images).tolist()
    [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
    """

    __test__ = False  # not a test class, whatever its name makes pytest think

    @checked
    def __init__(self, views: Sequence[str | Policy] = ("identity", "hflip")) -> None:
        if not len(views):
            raise InputError("`views` is empty; give at least 'identity'.")
        self.policies = tuple(
            view if isinstance(view, Policy) else VIEWS[check_choice("views", view, VIEWS)]
            for view in views
        )

    @renamed(keys="row_ids")
    def predict(
        self, predict: Callable[[Any], Any], images: Any, *, row_ids: Any = None
    ) -> np.ndarray:
        """Return mean probabilities, float32 (n, C).

        Parameters
        ----------
        predict
            Maps images to class probabilities (n, C). Give probabilities, not logits: their mean
            is the ensemble's prediction.
        images
            As in `Augmenter.batch`.
        row_ids
            One per row, for views with random parameters; positions by default.
        """
        rows = check_keys(np.arange(len(images)) if row_ids is None else row_ids, n=len(images))
        total: np.ndarray | None = None
        for policy in self.policies:
            found = np.asarray(predict(Augmenter(policy).batch(images, rows)), dtype=np.float32)
            if found.ndim != 2 or len(found) != len(images):
                raise InputError(f"`predict` must return (n, C), got {found.shape}.")
            total = found if total is None else total + found
        if total is None:
            raise InputError("There is no view to predict on.")
        return np.asarray(total / np.float32(len(self.policies)))
