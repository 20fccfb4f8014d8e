"""``thresher label init`` and ``simulate``: start a session, or see what strategies would do."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.counted import counted
from ...core.errors import InputError
from ..console import shown_progress
from .label_output import curve_lines, say
from .options import INPUT_OPTIONS, Data, Json, help_of, read_as, with_options

Vectors = Annotated[
    Path | None,
    typer.Option(help="Vectors of your own, .npy or .npz in the order of the data, or a folder."),
]
Encoder = Annotated[str, typer.Option(help="Encoder where no vectors are given; built in: auto.")]


@with_options(INPUT_OPTIONS)
def init(
    data: Data,
    out: Annotated[Path, typer.Option(help="New folder of the session.")],
    *,
    classes: Annotated[str | None, typer.Option(help="Allowed labels, with commas.")] = None,
    task: Annotated[
        str, typer.Option(help="classification, multi_label, regression, spans or boxes.")
    ] = "classification",
    label: Annotated[
        str | None,
        typer.Option(help="Column with labels that are known already; they count as answers."),
    ] = None,
    row_id: Annotated[str | None, typer.Option(help="Column with ids of the rows.")] = None,
    embeddings: Vectors = None,
    encoder: Encoder = "auto",
    strategy: Annotated[str, typer.Option(help="How rows are chosen.")] = "auto",
    audit: Annotated[float, typer.Option(help="Share drawn at random to measure by.")] = 0.1,
    cost: Annotated[str | None, typer.Option(help="Column with the cost of a label.")] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Manifest of curation: rows it drops are never asked.")
    ] = None,
    seed: Annotated[int, typer.Option(help=help_of("seed"))] = 0,
    as_json: Json = False,
    **columns: Any,
) -> None:
    """Start a session: read the data, embed it, and write both beside an empty file of labels.

    Rows of the split "test" are left out.

    Example: thresher label init reviews.csv --text review --classes good,bad --out labeling
    """
    from .. import label_init

    with shown_progress():
        started = label_init(
            data,
            out=out,
            classes=None if classes is None else [name.strip() for name in classes.split(",")],
            task=task,
            label=label,
            manifest=manifest,
            row_id=row_id,
            embeddings=embeddings,
            encoder=encoder,
            strategy=strategy,
            audit=audit,
            cost=cost,
            random_state=seed,
            **read_as(**columns),
        )
    say(
        started.to_json(),
        [
            f"{counted(started.rows, 'row')}, encoder {started.encoder}, "
            f"{counted(started.known_labels, 'label')} "
            f"known already, {counted(started.set_aside, 'row')} cannot be used",
            f"Next, on a page: thresher serve-labels {shlex.quote(str(out))} --annotator YOU",
            f"or in a file: thresher label next {shlex.quote(str(out))} -n 20 --annotator YOU "
            "--out batch.csv",
        ],
        as_json=as_json,
    )


@with_options(INPUT_OPTIONS)
def simulate_strategies(
    data: Data,
    label: Annotated[str, typer.Option(help="Column with the labels, all known.")],
    *,
    embeddings: Vectors = None,
    encoder: Encoder = "auto",
    strategies: Annotated[str, typer.Option(help="Names, with commas.")] = "auto,random",
    budgets: Annotated[str, typer.Option(help="Numbers of labels.")] = "10,20,40,80,160",
    seeds: Annotated[int, typer.Option(help="Repetitions.")] = 3,
    out: Annotated[Path | None, typer.Option(help="Folder for curves.json and curves.svg.")] = None,
    as_json: Json = False,
    **columns: Any,
) -> None:
    """Show what strategies would have reached on data that is labeled already.

    Test rows are those of the split "test"; without one, a quarter is held out for each seed.

    Example: thresher label simulate reviews.csv --text review --label stars --out curves
    """
    from .. import label_simulate

    sizes = [_whole(item) for item in budgets.split(",")]
    with shown_progress():
        curves = label_simulate(
            data,
            label=label,
            strategies=[name.strip() for name in strategies.split(",")],
            budgets=sizes,
            seeds=seeds,
            out=out,
            embeddings=embeddings,
            encoder=encoder,
            **read_as(**columns),
        )
    say({"rows": curves.rows(), **curves.summary()}, curve_lines(curves, out), as_json=as_json)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InputError(f"`--budgets` takes whole numbers with commas, got {text!r}.") from error
