"""``thresher curate shards``: many files, out of core, by several workers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.counted import counted
from ..terminal import write_line
from .options import Json, help_of

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="FILES...",
        help="Parquet files; or .npy files of vectors; or folders of embeddings. In this order. "
        "Files may be at addresses such as 's3://bucket/part-*.parquet'.",
    ),
]


def shards(
    sources: Sources,
    *,
    work: Annotated[
        Path, typer.Option(help="Folder that keeps what is done; the same one goes on.")
    ],
    threshold: Annotated[float, typer.Option(help="Cosine of near duplicates.")] = 0.9,
    column: Annotated[str | None, typer.Option(help="Column to compare, of Parquet files.")] = None,
    encoder: Annotated[str, typer.Option(help="Encoder of Parquet files.")] = "auto",
    label: Annotated[str | None, typer.Option(help="Label column, of Parquet files.")] = None,
    split: Annotated[str | None, typer.Option(help="Split column, of Parquet files.")] = None,
    pred_probs: Annotated[
        list[Path] | None,
        typer.Option(help="A .npy file of probabilities, to judge labels by; repeatable."),
    ] = None,
    order: Annotated[
        str,
        typer.Option(
            help="degree keeps, of close rows, the one with more neighbors; arrival the first."
        ),
    ] = "degree",
    against: Annotated[
        Path | None,
        typer.Option(
            help="Work folder of a finished curation with --order arrival: add these files to it, "
            "without searching its rows again."
        ),
    ] = None,
    executor: Annotated[str, typer.Option(help="serial, processes, ray or slurm.")] = "serial",
    workers: Annotated[int | None, typer.Option(min=1, help="Default: one a processor.")] = None,
    memory: Annotated[
        float | None,
        typer.Option(help="GB that all processes may use together. Default: what is free."),
    ] = None,
    recall: Annotated[float, typer.Option(help="Share of pairs to aim at.")] = 0.995,
    clean: Annotated[
        str | None,
        typer.Option(help="Write each Parquet file anew, as decided, to this folder or address."),
    ] = None,
    seed: Annotated[int, typer.Option(help=help_of("seed"))] = 0,
    as_json: Json = False,
) -> None:
    """Curate more rows than fit in memory, over many files.

    Finds near duplicates, and wrong labels where --pred-probs is given. The manifest is written to
    WORK/manifest and is the same whatever the executor, the workers and the cut into files. A run
    that was interrupted goes on when it is called again.

    Example: thresher curate shards reviews-*.parquet --column text --work work --executor processes
    """
    from .. import curate_shards
    from ..console import shown_progress

    with shown_progress():
        done = curate_shards(
            sources,
            work=work,
            threshold=threshold,
            column=column,
            encoder=encoder,
            label=label,
            split=split,
            pred_probs=pred_probs or (),
            executor=executor,
            workers=workers,
            recall=recall,
            order=order,
            against=against,
            memory=memory,
            clean=clean,
            random_state=seed,
        )
    found = done.to_json()
    write_line(json.dumps(found, sort_keys=True) if as_json else _shown(found))


def _shown(found: dict[str, Any]) -> str:
    recall = found["recall"]
    measured = (
        "all pairs"
        if recall is None
        else f"recall {recall[0]:.4f} ({recall[1]:.4f}–{recall[2]:.4f})"
    )
    lines = [
        f"{counted(found['rows'], 'row')}: {found['keep']:,} keep, {found['drop']:,} drop, "
        f"{found['relabel']:,} relabel, {found['review']:,} review",
        f"{counted(found['pairs'], 'close pair')}; {measured}; {found['search']}",
        f"decisions: {found['manifest']}",
    ]
    lines += [f"clean: {path}" for path in found["clean"]]
    return "\n".join(lines)
