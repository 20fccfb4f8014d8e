"""``thresher label next``, ``tell`` and ``status``: the loop of labeling."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...core.counted import counted
from ...core.errors import InputError, ThresherError
from .label_output import conflict_lines, report_json, report_lines, say
from .options import Json

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder made by `init`.")]
Annotator = Annotated[str, typer.Option(help="Who labels; empty for nobody in particular.")]


def next_batch(
    folder: Folder,
    n: Annotated[int, typer.Option("-n", "--rows", help="Rows to hand out.")] = 20,
    *,
    out: Annotated[
        Path | None, typer.Option(help="File, .csv or .jsonl; default in FOLDER/batches.")
    ] = None,
    annotator: Annotator = "",
    lease: Annotated[str, typer.Option(help="Time until rows go to others: 90s, 2h, 1d.")] = "2h",
    mode: Annotated[str, typer.Option(help="new, relabel (second opinions) or mixed.")] = "new",
    format_: Annotated[
        str | None,
        typer.Option(
            "--format", help="csv, jsonl, prodigy or label-studio; default by the ending."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Hand out rows as a file whose column `label` is to be filled.

    Each row says why it was chosen and what the model would say. Images are written beside the
    file. Fill in labels (or `skip`), as many as you like, and hand the file to `tell`.

    Example: thresher label next labeling -n 20 --annotator ann --out batch.csv
    """
    from .. import label_next

    handed = label_next(
        folder, n, out=out, annotator=annotator, lease=lease, mode=mode, format=format_
    )
    batch, path = handed.batch, handed.file
    ids = batch.row_ids.tolist()
    result = {"batch": batch.number, "file": str(path), "rows": ids, "expires": batch.expires}
    lines = [
        f"{counted(len(ids), 'row')} in {path}, yours for {lease}",
        f"Fill the column label, then: thresher label tell {folder} {path}",
    ]
    say(result, lines, as_json=as_json)


def tell(
    folder: Folder,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A filled file.")] = None,
    *,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="row_id=label, row_id=skip or row_id=undo; repeatable."),
    ] = None,
    annotator: Annotated[
        str | None, typer.Option(help="Who labeled; default the file's column.")
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="THERE=HERE", help="What someone is called in the file, and here; repeatable."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Take labels that differ as corrections.")
    ] = False,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="csv, jsonl, parquet, prodigy or label-studio; default what it looks like.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Record the labels of a file; twice, in parts or in any order is fine.

    FILE is a batch that was filled in, exported answers, or what another tool has written; as what
    it was read is said.

    A label that differs from the one recorded for the same row and annotator is shown and left
    alone, and the command fails, unless --overwrite is given.

    Example: thresher label tell labeling batch.csv
    """
    from .. import label_tell

    if (file is None) == (not set_):
        raise InputError("Give a filled FILE, or --set row_id=label.")
    if file is None:
        new = label_tell(folder, _answers(set_ or []), annotator=annotator).imported.new
        say({"new": new}, [f"{new} new"], as_json=as_json)
        return
    names = dict(_pair(item, "--name", "THERE=HERE") for item in name or ())
    told = label_tell(
        folder, file, annotator=annotator, names=names, overwrite=overwrite, format=format_
    )
    found = told.imported
    conflicts = [vars(conflict) for conflict in found.conflicts]
    result = {
        "format": told.format,
        "new": found.new,
        "repeated": found.repeated,
        "empty": found.empty,
        "conflicts": conflicts,
    }
    lines = [
        f"Read as {told.format}: {found.new} new, {found.repeated} known already, "
        f"{found.empty} without a label"
    ]
    say(result, lines + conflict_lines(found.conflicts), as_json=as_json)
    if conflicts and not overwrite:
        differ = counted(len(conflicts), "label differs", "labels differ")
        raise ThresherError(
            f"{differ} from what is recorded; nothing recorded was changed. Give --overwrite to "
            "take corrections."
        )


def status(
    folder: Folder,
    *,
    target: Annotated[float | None, typer.Option(help="Accuracy (or mean error) to reach.")] = None,
    suspects: Annotated[int, typer.Option(help="How many doubtful labels to list.")] = 5,
    as_json: Json = False,
) -> None:
    """Say how good the model is, with an interval, and whether more labels are worth it.

    Example: thresher label status labeling --target 0.9
    """
    from .. import label_status

    found = label_status(folder, target=target, suspects=suspects)
    result = report_json(found.report) | {
        "annotator_quality": found.annotator_quality,
        "suspects": [{"row_id": row, "score": score} for row, score in found.suspects],
        "open_leases": found.open_leases,
    }
    lines = report_lines(found.report, quality=found.annotator_quality, suspects=found.suspects)
    say(
        result,
        [*lines, f"{counted(found.open_leases, 'row is', 'rows are')} out with annotators"],
        as_json=as_json,
    )


def _answers(items: list[str]) -> dict[str, str]:
    """Read answers as ``row_id=label``."""
    return dict(_pair(item, "--set", "row_id=label") for item in items)


def _pair(item: str, option: str, form: str) -> tuple[str, str]:
    left, equals, right = item.rpartition("=")
    if not equals or not left:
        raise InputError(f"`{option}` takes {form}, got {item!r}.")
    return left, right
