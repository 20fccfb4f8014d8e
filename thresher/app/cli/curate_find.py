"""``thresher curate duplicates | leakage | labels | outliers | quality | coreset | report``.

Each names its own options and the function of `thresher.app` that gets them; `finding_command`
makes the command.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import (
    curate_coreset,
    curate_duplicates,
    curate_labels,
    curate_leakage,
    curate_outliers,
    curate_quality,
    curate_report,
)
from .file_form import takes_form
from .finding import Asked

Threshold = Annotated[
    float | None, typer.Option(help="Similarity that counts as near, in (0, 1]; else chosen.")
]
Encoder = Annotated[
    str,
    typer.Option(
        help="joined:…, builtin:…, st:MODEL, hf:MODEL, timm:MODEL, …, or a saved encoder."
    ),
]
Vectors = Annotated[
    Path | None,
    typer.Option(
        "--embeddings", help="Vectors of your own: .npy or .npz, in the order of the rows."
    ),
]
KEEP = typer.Option(
    help="Which copy stays: connected, first, medoid, label_agreement, resolution, length, "
    "or column:NAME for the highest number in a column."
)
Crops = Annotated[
    bool,
    typer.Option("--crops", help="Images: also cropped and mirrored copies; needs no encoder."),
]
Turns = Annotated[bool, typer.Option("--turns", help="As --crops, and those turned by quarters.")]
Work = Annotated[
    Path | None,
    typer.Option(help="Folder that keeps vectors and pairs: the same command goes on from there."),
]
Action = Annotated[
    str, typer.Option(help="For wrong labels: drop, relabel, review, or auto (drop when sure).")
]
Probabilities = Annotated[
    Path | None,
    typer.Option(help="Out-of-sample probabilities, rows × sorted classes: .npy or .npz."),
]


Annotations = Annotated[
    Path | None,
    typer.Option(
        help="Answers of several annotators: a table with the columns row_id, annotator, label."
    ),
]
Dynamics = Annotated[
    Path | None,
    typer.Option(help="What each row did in training: the .npz file of a DynamicsRecorder."),
]


def duplicates(
    *,
    threshold: Threshold = None,
    exact: Annotated[bool, typer.Option("--exact", help="Equal content only.")] = False,
    keep: Annotated[str, KEEP] = "connected",
    crops: Crops = False,
    turns: Turns = False,
    encoder: Encoder = "auto",
    embeddings: Vectors = None,
    work: Work = None,
) -> Asked:
    """Find equal and nearly equal rows.

    Every row to drop has a kept twin that close.

    Example: thresher curate duplicates reviews.csv --clean unique.csv
    """
    return partial(
        curate_duplicates,
        threshold=threshold,
        exact=exact,
        keep=keep,
        crops=crops,
        turns=turns,
        encoder=encoder,
        embeddings=embeddings,
        work=work,
    )


@takes_form(of="benchmark", what="the benchmark")
def leakage(
    *,
    threshold: Threshold = None,
    crops: Crops = False,
    turns: Turns = False,
    encoder: Encoder = "auto",
    embeddings: Vectors = None,
    work: Work = None,
    benchmark: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Texts of a benchmark, in a file of their own: find training texts that hold "
            "them, whole or in part. --threshold is then a share of their word sequences.",
        ),
    ] = None,
    benchmark_text: Annotated[
        str | None, typer.Option(help="Text columns of the benchmark, separated by commas.")
    ] = None,
    words: Annotated[
        int | None, typer.Option(min=1, help="Words of a sequence, for --benchmark; usually 13.")
    ] = None,
    benchmark_form: dict[str, Any],
) -> Asked:
    """Find training rows that give test rows away.

    Dropping them leaves no close pair between the splits.

    Example: thresher curate leakage "train=a.csv,test=b.csv" --out leaks.csv

    Example: thresher curate leakage train.jsonl --benchmark bench.jsonl --clean clean.jsonl
    """
    return partial(
        curate_leakage,
        threshold=threshold,
        crops=crops,
        turns=turns,
        encoder=encoder,
        embeddings=embeddings,
        work=work,
        benchmark=benchmark,
        benchmark_text=benchmark_text,
        benchmark_form=benchmark_form,
        words=words,
    )


@takes_form(of="annotations", what="the annotations")
def labels(
    *,
    method: Annotated[
        str, typer.Option(help="auto, loo_ridge, knn, logistic or confident.")
    ] = "auto",
    action: Action = "auto",
    encoder: Encoder = "auto",
    embeddings: Vectors = None,
    work: Work = None,
    pred_probs: Probabilities = None,
    annotations: Annotations = None,
    dynamics: Dynamics = None,
    annotations_form: dict[str, Any],
) -> Asked:
    """Find labels that look wrong, each with a better one.

    Says which share of all labels is probably wrong, and how many of the findings are.

    Example: thresher curate labels reviews.csv --label stars --pred-probs probs.npy
    """
    return partial(
        curate_labels,
        method=method,
        action=action,
        encoder=encoder,
        embeddings=embeddings,
        work=work,
        pred_probs=pred_probs,
        annotations=annotations,
        annotations_form=annotations_form,
        dynamics=dynamics,
    )


def outliers(*, encoder: Encoder = "auto", embeddings: Vectors = None, work: Work = None) -> Asked:
    """Find rows far from all others of their class.

    They are there to be looked at: none is dropped.

    Example: thresher curate outliers photos/
    """
    return partial(
        curate_outliers,
        encoder=encoder,
        embeddings=embeddings,
        work=work,
    )


def quality(
    *,
    rules: Annotated[
        str,
        typer.Option(help="Of texts, look by published rules instead: gopher, c4, fineweb."),
    ] = "",
    action: Annotated[
        str, typer.Option(help="For texts that do not keep those rules: review or drop.")
    ] = "review",
) -> Asked:
    """Find unreadable, blank, blurred, garbled or odd rows.

    Rows that hold nothing are dropped, odd ones are there to be looked at. Of the data as a whole
    it says which classes are rare, whether the rows are sorted, and what gives a label away.

    Example: thresher curate quality photos/ --out bad.csv

    Example: thresher curate quality web.parquet --rules gopher,c4,fineweb --action drop --clean ok
    """
    return partial(curate_quality, rules=rules, action=action)


def coreset(
    *,
    rows: Annotated[int | None, typer.Option(min=1, help="Keep this many training rows.")] = None,
    share: Annotated[
        float | None, typer.Option(help="Keep this share of the training rows.")
    ] = None,
    tokens: Annotated[
        float | None, typer.Option(help="Keep training texts of so many tokens, such as 1e9.")
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(help="tokenizer.json, or a folder that holds one; else words are counted."),
    ] = None,
    method: Annotated[
        str,
        typer.Option(help="auto, random, longest, k_center, facility_location, novelsum, gip, …"),
    ] = "auto",
    encoder: Encoder = "auto",
    embeddings: Vectors = None,
    work: Work = None,
) -> Asked:
    """Choose the rows to train on when not all can be.

    Where there are labels, class by class.

    Example: thresher curate coreset photos/ --share 0.3 --clean photos-30/
    """
    return partial(
        curate_coreset,
        rows=rows,
        share=share,
        tokens=tokens,
        tokenizer=tokenizer,
        method=method,
        encoder=encoder,
        embeddings=embeddings,
        work=work,
    )


def report(
    *,
    threshold: Threshold = None,
    action: Action = "auto",
    encoder: Encoder = "auto",
    embeddings: Vectors = None,
    work: Work = None,
    pred_probs: Probabilities = None,
) -> Asked:
    """Write one page with the findings of all checks.

    The page stands alone: no network, no script, and no more than 2 MB, however many rows.

    Example: thresher curate report reviews.csv --out report.html
    """
    return partial(
        curate_report,
        threshold=threshold,
        action=action,
        encoder=encoder,
        embeddings=embeddings,
        work=work,
        pred_probs=pred_probs,
    )
