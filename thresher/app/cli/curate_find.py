"""``thresher curate duplicates | leakage | labels | outliers | quality | coreset``.

Each function turns a command's own options into a `Search`; `finding_command` makes the command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.errors import InputError, check_number
from .file_form import takes_form
from .finding import Search
from .finding_source import read_annotations, read_benchmark

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
    typer.Option("--crops", help="Pictures: also cropped and mirrored copies; needs no encoder."),
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
) -> Search:
    """Find equal and nearly equal rows.

    Every row to drop has a kept twin that close.

    Example: thresher curate duplicates reviews.csv --clean unique.csv
    """
    if exact and (crops or turns):
        raise InputError("Give --exact, or --crops and --turns: equal content has no crops.")
    near = [] if exact else [("near_duplicate", {"keep": keep})]
    return Search(
        (("exact_duplicate", {"keep": keep}), *near),
        threshold=threshold,
        encoder=encoder,
        embeddings=embeddings,
        work=work,
        compare=compare_by(crops=crops, turns=turns),
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
) -> Search:
    """Find training rows that give test rows away.

    Dropping them leaves no close pair between the splits.

    Example: thresher curate leakage "train=a.csv,test=b.csv" --out leaks.csv

    Example: thresher curate leakage train.jsonl --benchmark bench.jsonl --clean clean.jsonl
    """
    compare = compare_by(crops=crops, turns=turns)
    if benchmark is None:
        if words is not None or benchmark_text is not None or benchmark_form:
            raise InputError("--words and --benchmark-… go with --benchmark DATA.")
        return Search(
            ("leakage",),
            threshold=threshold,
            encoder=encoder,
            embeddings=embeddings,
            work=work,
            compare=compare,
            needs=("splits",),
        )
    if compare != "auto" or encoder != "auto" or embeddings is not None or work is not None:
        raise InputError("--benchmark compares words: it takes no encoder, vectors, crops or work.")
    options: dict[str, Any] = {
        "benchmark": read_benchmark(benchmark, text=benchmark_text, form=benchmark_form)
    }
    options |= {} if words is None else {"n": words}
    options |= {} if threshold is None else {"threshold": threshold}
    return Search((("contamination", options),))


def compare_by(*, crops: bool, turns: bool) -> str:
    """Return how pictures are compared, as `curation.Curator` names it."""
    if turns:
        return "turns"
    return "crops" if crops else "auto"


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
) -> Search:
    """Find labels that look wrong, each with a better one.

    Says which share of all labels is probably wrong, and how many of the findings are.

    Example: thresher curate labels reviews.csv --label stars --pred-probs probs.npy
    """
    options: dict[str, Any] = {"method": method}
    if annotations is not None:
        options["annotations"] = read_annotations(annotations, annotations_form)
    elif annotations_form:
        raise InputError("--annotations-… go with --annotations FILE.")
    options |= {} if dynamics is None else {"dynamics": str(dynamics)}
    return Search(
        (("label", options),),
        label_action=action,
        encoder=encoder,
        embeddings=embeddings,
        work=work,
        pred_probs=pred_probs,
        needs=("label",),
    )


def outliers(*, encoder: Encoder = "auto", embeddings: Vectors = None, work: Work = None) -> Search:
    """Find rows far from all others of their class.

    They are there to be looked at: none is dropped.

    Example: thresher curate outliers photos/
    """
    return Search(("outlier",), encoder=encoder, embeddings=embeddings, work=work)


def quality() -> Search:
    """Find unreadable, blank, blurred, garbled or odd rows.

    Rows that hold nothing are dropped, odd ones are there to be looked at. Of the data as a whole
    it says which classes are rare, whether the rows are sorted, and what gives a label away.

    Example: thresher curate quality photos/ --out bad.csv
    """
    return Search(("quality",), drop_unusable=True, corpus=True)


def coreset(
    *,
    rows: Annotated[int | None, typer.Option(min=1, help="Keep this many training rows.")] = None,
    share: Annotated[
        float | None, typer.Option(help="Keep this share of the training rows.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="auto, random, balanced, k_center, facility_location, …")
    ] = "auto",
    encoder: Encoder = "auto",
    embeddings: Vectors = None,
    work: Work = None,
) -> Search:
    """Choose the rows to train on when not all can be.

    Where there are labels, class by class.

    Example: thresher curate coreset photos/ --share 0.3 --clean photos-30/
    """
    if (rows is None) == (share is None):
        raise InputError("Give the size of the core set: --rows N or --share 0.3.")
    if share is not None:
        check_number("--share", share, low=0, high=1, low_open=True)
    return Search(
        (("coreset", {"n": rows or 1, "method": method}),),
        share=share,
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
) -> Search:
    """Write one page with the findings of all checks.

    The page stands alone: no network, no script, and no more than 2 MB, however many rows.

    Example: thresher curate report reviews.csv --out report.html
    """
    return Search(
        None,
        threshold=threshold,
        label_action=action,
        encoder=encoder,
        embeddings=embeddings,
        work=work,
        pred_probs=pred_probs,
        drop_unusable=True,
        corpus=True,
        page=True,
    )
