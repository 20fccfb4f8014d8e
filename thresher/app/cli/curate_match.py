"""``thresher curate match``: the records of two files that describe the same things."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.counted import counted, percent
from ..terminal import write_line
from .file_form import takes_form
from .options import Json

Data = Annotated[str, typer.Argument(help="A table: .csv, .jsonl, .parquet, or a folder of them.")]
OutFile = Annotated[Path | None, typer.Option(help="File of the pairs: .csv, .jsonl or .parquet.")]


@takes_form(of="right", what="RIGHT, where it differs")
@takes_form()
def match(
    left: Data,
    right: Data,
    *,
    text: Annotated[
        str | None, typer.Option(help="Text columns, separated by commas; else found.")
    ] = None,
    right_text: Annotated[
        str | None, typer.Option(help="Text columns of RIGHT, where they have other names.")
    ] = None,
    row_id: Annotated[str | None, typer.Option(help="Column of ids, in both.")] = None,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Probability from which a pair is a match.")
    ] = 0.5,
    out: OutFile = None,
    show: Annotated[int, typer.Option(min=0, help="Pairs to print.")] = 10,
    as_json: Json = False,
    form: dict[str, Any],
    right_form: dict[str, Any],
) -> None:
    """Match the records of two files one to one, without labels.

    Each record's closest one in the other file counts where it is so both ways; how far such pairs
    are to be trusted is learnt from the records. Pairs below the threshold are written too, least
    probable last.

    Example: thresher curate match shop-a.csv shop-b.csv --text name,description --out pairs.csv
    """
    from .. import curate_match
    from ..console import shown_progress

    with shown_progress():
        pairs = curate_match(
            left,
            right,
            text=text,
            right_text=right_text,
            row_id=row_id,
            threshold=threshold,
            out=out,
            right_form=right_form,
            **form,
        )
    found = pairs.found
    summary = {
        "left": pairs.left,
        "right": pairs.right,
        "closest_pairs": len(found),
        "matches": int(found.matched.sum()),
        "expected_precision": found.expected_precision,
        "doubt": found.doubt,
        "written": None if out is None else str(out),
    }
    shown = pairs.table.slice(0, show).to_pylist()
    if as_json:
        write_line(json.dumps(summary | {"first": shown}, sort_keys=True))
    else:
        _print(summary, shown)


def _print(summary: dict[str, Any], shown: list[dict[str, Any]]) -> None:
    precision = summary["expected_precision"]
    if precision is None:
        said = f", how many of them are right is not known ({summary['doubt']})"
    else:
        said = f", {percent(precision)} of them expected to be right"
    write_line(
        f"{counted(summary['matches'], 'match', 'matches')} of {summary['left']:,} and "
        f"{counted(summary['right'], 'record')}"
        f"{said}; {counted(summary['closest_pairs'], 'pair is', 'pairs are')} each other's closest"
    )
    for pair in shown:
        write_line(
            f"  {pair['probability']:.2f}  row {pair['left_row']:,}: {pair['left_text'][:60]!r}"
            f"  ~  row {pair['right_row']:,}: {pair['right_text'][:60]!r}"
        )
    if summary["written"] is not None:
        write_line(f"pairs: {summary['written']}")
