"""What a detector says of a pool of images, as `query` takes it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thresher.core.detection.predictions import Predictions
from thresher.core.errors import InputError, check_number
from thresher.core.missing import id_texts
from thresher.core.signatures import checked

from .instances import Instances
from .options import PoolOptions


@checked
def detection_options(
    predictions: Predictions,
    *,
    row_ids: np.ndarray | Sequence[str],
    classes: int,
    seconds_per_image: float = 5.0,
    seconds_per_box: float = 10.0,
    empty: float = 0.0,
) -> PoolOptions:
    """Return the doubt, cost and classes of images, for ``query(…, task="boxes", **options)``.

    An image's doubt is the sum over its boxes of how near their confidence is to one half; its cost
    are the seconds to look at it and to draw the boxes that are expected there. With
    ``class_counts`` the strategy ``"balance(u_herding)"`` also prefers rare classes, and embeddings
    spread the choice.

    Parameters
    ----------
    predictions : Predictions
    row_ids : array of str, shape (n,)
        Of the images, in the order that the predictions count them in.
    classes : int
    seconds_per_image, seconds_per_box : float
        Above 0.
    empty : float
        Doubt of an image in which nothing was predicted: a detector may have missed all.

    Returns
    -------
    PoolOptions
        ``row_ids``, ``uncertainty``, ``costs``, and ``pred_probs``: of each class the chance that
        an image holds it.

    Raises
    ------
    InputError
        For predictions of more images or classes than there are, and seconds of 0 or less.

    Examples
    --------
    >>> import numpy as np
    >>> from active_learning import detection_options, query
    >>> from thresher.core import Predictions
    >>> box = np.array([[0.0, 0, 9, 9]])
    >>> said = Predictions(image_of=np.array([0, 1, 1]), boxes=np.repeat(box, 3, axis=0),
    ...                    codes=np.array([0, 0, 1]), scores=np.array([0.98, 0.5, 0.6]))
    >>> doubt = detection_options(said, row_ids=["sure", "unsure"], classes=2)
    >>> query(n=1, strategy="uncertainty", task="boxes", **doubt).row_ids.tolist()
    ['unsure']
    """
    check_number("seconds_per_image", seconds_per_image, low=0, low_open=True)
    check_number("seconds_per_box", seconds_per_box, low=0, low_open=True)
    ids = id_texts("row_ids", row_ids)
    for name, least, given in (
        ("images", int(predictions.image_of.max(initial=-1)) + 1, len(ids)),
        ("classes", int(predictions.codes.max(initial=-1)) + 1, classes),
    ):
        if given < least:
            raise InputError(f"The predictions are of {least} {name} or more, got {given}.")
    scores, image_of = predictions.scores, predictions.image_of
    expected = np.bincount(image_of, weights=scores, minlength=len(ids))
    absent = np.zeros((len(ids), classes))
    np.add.at(absent, (image_of, predictions.codes), np.log1p(-np.minimum(scores, 1 - 1e-9)))
    return PoolOptions(
        row_ids=ids,
        uncertainty=Instances(
            scores=1 - np.abs(2 * scores - 1), row_ids=ids[image_of], aggregate="sum", empty=empty
        ),
        costs=seconds_per_image + seconds_per_box * expected,
        pred_probs=1 - np.exp(absent),
    )
