"""What can be told of the rows of a pool, each declared once: kind and meaning.

`query` and `make_context` take all of it, `Session` what is about the rows alone. Letters in
shapes: n rows, c classes, k models.
"""

from __future__ import annotations

from typing import Annotated, TypedDict

import numpy as np

from thresher.core.options import Option

from .instances import Instances


class RowOptions(TypedDict, total=False):
    """Which rows there are, which may be picked, what they cost and how much they matter."""

    row_ids: Annotated[
        np.ndarray | None,
        Option(
            None,
            'Names of the rows, shape (n,); by default those of `embeddings`, else ``"0"``, '
            '``"1"``, ….',
        ),
    ]
    candidates: Annotated[
        np.ndarray | None,
        Option(None, "Rows that may be picked at all, bool, shape (n,), or int positions."),
    ]
    costs: Annotated[
        np.ndarray | None,
        Option(None, "Cost of a label for each row, above 0, shape (n,), in any unit; usually 1."),
    ]
    weights: Annotated[
        np.ndarray | None,
        Option(None, "Importance of each row, at least 0, shape (n,); usually 1."),
    ]


class PoolOptions(RowOptions, total=False):
    """The rows, what is labeled, and what models say of them."""

    pred_probs: Annotated[
        np.ndarray | None,
        Option(None, "Class probabilities of the current model, shape (n, c)."),
    ]
    ensemble_probs: Annotated[
        np.ndarray | None,
        Option(
            None,
            "Probabilities of several models, shape (k, n, c), for BALD and query by committee.",
        ),
    ]
    dropout_probs: Annotated[
        np.ndarray | None,
        Option(None, "Probabilities of passes with dropout, shape (k, n, c), for DropQuery."),
    ]
    uncertainty: Annotated[
        np.ndarray | Instances | None,
        Option(
            None,
            "Your own uncertainty, at least 0, shape (n,), in place of the margin of "
            "`pred_probs`; with `Instances` that of spans, boxes or other parts of each row.",
        ),
    ]
    predictions: Annotated[
        np.ndarray | None,
        Option(
            None,
            "Numbers that several regression models predict, shape (k, n): their standard "
            "deviation is the uncertainty.",
        ),
    ]
    labeled: Annotated[
        np.ndarray | None,
        Option(None, "Rows with a label, bool, shape (n,), or int positions."),
    ]
    exclude: Annotated[
        np.ndarray | None,
        Option(
            None,
            "Rows with an annotator, bool, shape (n,), or int positions: counted as covered, "
            "never picked.",
        ),
    ]
    class_counts: Annotated[
        np.ndarray | None,
        Option(None, "Labels so far of each class, shape (c,), for `Balance`."),
    ]
