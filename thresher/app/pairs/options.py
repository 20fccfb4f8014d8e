"""The options of `curate_pairs`, each declared once for Python and the command line."""

from __future__ import annotations

import os
from typing import Annotated, TypedDict

from ...core.options import Option

PathLike = str | os.PathLike[str]


class PairOptions(TypedDict, total=False):
    """Which columns are read, what is measured, and which pairs stay."""

    caption: Annotated[str | None, Option(None, "Caption column; told by its name.")]
    image: Annotated[str | None, Option(None, "Image column; told by its name.")]
    row_id: Annotated[str | None, Option(None, "Column of ids; told by its name.")]
    similarity: Annotated[str | None, Option(None, "Column of stored similarities.")]
    encoder: Annotated[
        str | None,
        Option(None, "Encoder of images and texts in one space: openclip:…, hf:… or onnx:…."),
    ]
    vectors: Annotated[
        PathLike | None, Option(None, "Folder of stored vectors, instead of an encoder.")
    ]
    arrays: Annotated[
        str, Option("", "What the arrays' names begin with in .npz files, such as l14.")
    ]
    decode: Annotated[
        bool, Option(False, "Decode images without an encoder too, to find damaged ones.")
    ]
    rank_by: Annotated[
        str | None,
        Option(
            None,
            "contrast or similarity; with labels their head by default.",
            choices=("contrast", "similarity"),
        ),
    ]
    top: Annotated[
        float | None,
        Option(None, "Share of all pairs that stays at most.", low=0, high=1, low_open=True),
    ]
    same: Annotated[
        str | None,
        Option(None, "What makes two pairs copies: image, caption, image,caption, both or none."),
    ]
    threshold: Annotated[
        float | None,
        Option(
            None,
            "Cosine of copies by their vectors; exact copies without it.",
            low=0,
            high=1,
            low_open=True,
        ),
    ]
    leak_threshold: Annotated[
        float,
        Option(
            0.95,
            "Cosine from which an image is one that is kept out.",
            low=0,
            high=1,
            low_open=True,
        ),
    ]
    any_caption: Annotated[bool, Option(False, "Let captions in that say nothing.")]
    least_words: Annotated[int | None, Option(None, "Words of a caption at least.")]
    most_words: Annotated[int | None, Option(None, "Words of a caption at most.")]
    most_repeats: Annotated[int | None, Option(None, "Pairs with the same caption at most.")]
    languages: Annotated[str | None, Option(None, "Languages of captions, such as en,de.")]
    least_side: Annotated[int | None, Option(None, "Pixels of the shorter side at least.")]
    most_aspect: Annotated[float | None, Option(None, "Longer side over shorter at most.", low=1)]
    least_similarity: Annotated[float | None, Option(None, "Similarity at least.")]
    least_contrast: Annotated[float | None, Option(None, "Contrast at least.")]
    draws: Annotated[int | None, Option(None, "Draw so many pairs, repetitions counted.")]
    penalty: Annotated[float, Option(0.15, "What a draw takes off a pair's score.", low=0)]
    most_draws: Annotated[int | None, Option(None, "No pair is drawn more often.")]
