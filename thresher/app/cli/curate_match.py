"""``thresher curate match``: the records of two files that describe the same things."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer

from ...core.loaded import LoadedDataset
from ..places import places_of
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
    from curation import match_records

    from ...core.columns import read_row_ids, read_texts
    from ...core.writing import write_dataset
    from ..console import shown_progress
    from ..given import as_dataset
    from .finding_output import check_findings_file
    from .finding_source import read_text_rows, row_numbers

    check_findings_file(out)
    with shown_progress():
        sides = [
            read_text_rows(left, text=text, row_id=row_id, form=form),
            read_text_rows(
                right, text=right_text or text, of="right", row_id=row_id, form=form | right_form
            ),
        ]
    texts = [read_texts(side.dataset, side.schema.inputs[0]) for side in sides]
    ids = [read_row_ids(side.dataset) for side in sides]
    with shown_progress():
        found = match_records(*texts, left_ids=ids[0], right_ids=ids[1], threshold=threshold)
    numbers = [row_numbers(side) for side in sides]
    text_of = [dict(zip(*pair, strict=True)) for pair in zip(ids, texts, strict=True)]
    table = pa.table(
        {
            "match": found.matched,
            "probability": found.probability,
            "similarity": found.similarity,
            "lead": found.lead,
            **_described("left", found.left_ids, numbers[0], text_of[0]),
            **_placed("left", found.left_ids, sides[0]),
            **_described("right", found.right_ids, numbers[1], text_of[1]),
            **_placed("right", found.right_ids, sides[1]),
        }
    )
    if out is not None:
        write_dataset(as_dataset(table), out)
    summary = {
        "left": len(ids[0]),
        "right": len(ids[1]),
        "closest_pairs": len(found),
        "matches": int(found.matched.sum()),
        "expected_precision": found.expected_precision,
        "doubt": found.doubt,
        "written": None if out is None else str(out),
    }
    shown = table.slice(0, show).to_pylist()
    if as_json:
        write_line(json.dumps(summary | {"first": shown}, sort_keys=True))
    else:
        _print(summary, shown)


def _described(
    side: str, ids: np.ndarray, numbers: Mapping[str | None, int], texts: Mapping[str, str]
) -> dict[str, Any]:
    """Return the columns that tell which rows of a file are meant."""
    return {
        f"{side}_id": ids.tolist(),
        f"{side}_row": [numbers[row_id] for row_id in ids.tolist()],
        f"{side}_text": [texts[row_id] for row_id in ids.tolist()],
    }


def _placed(side: str, ids: np.ndarray, loaded: LoadedDataset) -> dict[str, pa.Array]:
    found = places_of(loaded).columns(ids.tolist(), prefix=f"{side}_")
    return {name: found[name] for name in (f"{side}_file", f"{side}_line")}


def _print(summary: dict[str, Any], shown: list[dict[str, Any]]) -> None:
    precision = summary["expected_precision"]
    if precision is None:
        said = f", how many of them are right is not known ({summary['doubt']})"
    else:
        said = f", {precision:.0%} of them expected to be right"
    write_line(
        f"{summary['matches']:,} matches of {summary['left']:,} and {summary['right']:,} records"
        f"{said}; {summary['closest_pairs']:,} pairs are each other's closest"
    )
    for pair in shown:
        write_line(
            f"  {pair['probability']:.2f}  row {pair['left_row']:,}: {pair['left_text'][:60]!r}"
            f"  ~  row {pair['right_row']:,}: {pair['right_text'][:60]!r}"
        )
    if summary["written"] is not None:
        write_line(f"pairs: {summary['written']}")
