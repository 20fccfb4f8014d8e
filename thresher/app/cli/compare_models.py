"""``thresher compare``: the next model beside the one in use."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...core.counted import counted, percent
from ..terminal import write_line
from .models import Model
from .options import INPUT_OPTIONS, Json, read_as, with_options

if TYPE_CHECKING:
    from ..comparing.comparison import ModelComparison

Labels = Annotated[
    list[Path] | None,
    typer.Option(help="CSV with columns row_id and label; repeatable. OUT/to_label.csv is read."),
]


@with_options(INPUT_OPTIONS)
def compare(
    old: Model,
    new: Model,
    *,
    data: Annotated[
        str | None, typer.Option(help="Rows that both answer; what `predict` takes.")
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(help="Folder of `thresher serve --record … --record-content`, for --data."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the rows to label and of the state.")],
    labels: Labels = None,
    alpha: Annotated[
        float, typer.Option(help="Share of comparisons whose limits are ever wrong.")
    ] = 0.02,
    margin: Annotated[
        float, typer.Option(help="Promote once proved better by more than this, such as 0.01.")
    ] = 0.0,
    worth: Annotated[
        float, typer.Option(help="Call them equal once proved to gain less than this.")
    ] = 0.0,
    rows_needed: Annotated[
        float | None,
        typer.Option(help="Say how many rows and labels find this difference, such as 0.01."),
    ] = None,
    as_json: Json = False,
    **columns: Any,
) -> None:
    """Say whether a new model is better; only rows on which the two disagree need labels.

    Fill the column label of OUT/to_label.csv and run it again, as often as you like. Example:
    thresher compare old new --log requests --out compared
    """
    from .. import compare as run
    from ..console import shown_progress

    with shown_progress():
        found = run(
            old,
            new,
            data=data,
            log=log,
            out=out,
            labels=labels or (),
            alpha=alpha,
            margin=margin,
            worth=worth,
            **read_as(**columns),
        )
    needed = None if rows_needed is None else found.needed(rows_needed)
    if as_json:
        known = None if math.isnan(found.difference) else found.difference
        said = {**vars(found), "difference": known, "to_label": str(found.to_label)}
        more = {} if needed is None else {"rows_needed": needed[0], "labels_needed": needed[1]}
        write_line(json.dumps(said | more, sort_keys=True))
        return
    write_line(
        f"{found.disagreements:,} of {counted(found.rows, 'row')} get different answers "
        f"({percent(found.disagreement, digits=1)}); {found.labels:,} are labeled, "
        f"{found.waiting:,} wait"
    )
    if math.isnan(found.difference):
        write_line(f"{found.verdict}: no row counts yet; label the first ones of {found.to_label}")
    else:
        _say_difference(found)
    if needed is not None:
        write_line(
            f"to find {100 * float(rows_needed or 0):g} points: {counted(needed[0], 'row')}, "
            f"{counted(needed[1], 'label')}"
        )
    if found.waiting:
        write_line(f"{found.to_label} waits for labels")


def _say_difference(found: ModelComparison) -> None:
    write_line(
        f"{found.verdict}: the new model's accuracy is {100 * found.difference:+.1f} points "
        f"({100 * found.lower:+.1f} to {100 * found.upper:+.1f}, at every look)"
    )
