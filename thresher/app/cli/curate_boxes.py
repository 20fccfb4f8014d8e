"""``thresher curate boxes``: images with boxes, as COCO, YOLO or Pascal VOC."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.counted import counted
from ..terminal import write_line
from .options import Json

Data = Annotated[
    Path,
    typer.Argument(help="A .json file of COCO, a data.yaml of YOLO, or a folder of either or VOC."),
]
TITLES = {
    "conflict": "one place or image with two labels",
    "exact_duplicate": "equal boxes or images",
    "label": "boxes that the predictions contradict",
    "leakage": "leaks between splits",
    "near_duplicate": "nearly equal boxes or images",
    "outlier": "unusual sizes and numbers",
    "quality": "boxes or files that cannot be right",
}


def boxes(
    data: Data,
    *,
    predictions: Annotated[
        Path | None,
        typer.Option(help="A detector's results: COCO's JSON list, or a folder of YOLO's lines."),
    ] = None,
    format: Annotated[  # noqa: A002 — as in write_dataset
        str | None, typer.Option(help="coco, yolo or voc; else found by the files.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the images, where they lie elsewhere.")
    ] = None,
    looks: Annotated[
        bool, typer.Option("--looks/--no-looks", help="Compare the images with each other.")
    ] = True,
    objects: Annotated[
        bool, typer.Option("--objects", help="Cut the objects out and compare them too.")
    ] = False,
    outlines: Annotated[
        bool, typer.Option("--outlines", help="Look at polygons and runs too.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="File of the findings: .csv, .jsonl or .parquet.")
    ] = None,
    manifest: Annotated[Path | None, typer.Option(help="Folder of the decisions.")] = None,
    clean: Annotated[
        Path | None, typer.Option(help="New folder of the set without what is to drop.")
    ] = None,
    clean_format: Annotated[
        str | None, typer.Option(help="coco, yolo or voc; else as the set came.")
    ] = None,
    label_studio: Annotated[
        Path | None,
        typer.Option(help="File of Label Studio's tasks: images to look at with their boxes."),
    ] = None,
    show: Annotated[
        int, typer.Option(min=0, help="Print this many of the worst of each check.")
    ] = 5,
    as_json: Json = False,
) -> None:
    """Find what is wrong in images with boxes, and write the set without it.

    Equal and empty boxes and leaked images are dropped, everything else is to be looked at. In the
    format that the set came in every byte of what did not change stays.

    Example: thresher curate boxes instances.json --images photos/ --out findings.csv --clean clean/

    Example: thresher curate boxes data.yaml --predictions runs/detect/val/labels --out findings.csv
    """
    from .. import curate_boxes
    from ..console import shown_progress

    with shown_progress():
        done = curate_boxes(
            data,
            predictions=predictions,
            format=format,
            images=images,
            looks=looks,
            objects=objects,
            outlines=outlines,
            out=out,
            manifest=manifest,
            clean=clean,
            clean_format=clean_format,
            label_studio=label_studio,
        )
    found = done.to_json(show=show)
    write_line(json.dumps(found, sort_keys=True) if as_json else _shown(found))


def _shown(found: dict[str, Any]) -> str:
    lines = [
        f"{counted(found['images'], 'image')}, {counted(found['boxes'], 'box', 'boxes')} of "
        f"{counted(len(found['classes']), 'class', 'classes')}"
    ]
    lines += [f"  {one['place']}: {one['said']}" for one in found["set_aside"][:10]]
    if len(found["set_aside"]) > 10:
        lines.append(f"  … {len(found['set_aside']):,} set aside in all")
    for check, count in found["found"].items():
        lines.append(f"{TITLES.get(check, check)}: {count:,}")
        lines += [_line(one) for one in found["worst"] if one["check"] == check]
    lines += found["notes"]
    lines.append(
        f"decided: {counted(found['images_to_drop'], 'image')} and "
        f"{counted(found['boxes_to_drop'], 'box', 'boxes')} to drop, "
        f"{found['to_review']:,} to look at"
    )
    lines += [f"{name}: {path}" for name, path in found["written"].items()]
    return "\n".join(lines)


def _line(one: dict[str, Any]) -> str:
    better = f"; better: {one['suggested']}" if one["suggested"] else ""
    return f"  {one['row_id']}  {one['score']:.3f}  {one['detail']}{better}"
