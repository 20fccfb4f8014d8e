"""``thresher curate contamination``: items of benchmarks in files of texts of any size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.counted import counted, percent
from ..terminal import write_line
from .options import Json
from .text_streams import Executor, OutFolder, Sources, Text, Workers, closing_lines


def contamination(
    sources: Sources,
    *,
    benchmark: Annotated[
        list[Path],
        typer.Option(help="A file of items, or the folder of an index that was kept; repeatable."),
    ],
    out: OutFolder,
    text: Text = None,
    benchmark_text: Annotated[
        str | None, typer.Option(help="Columns of the items, separated by commas; else found.")
    ] = None,
    action: Annotated[
        str,
        typer.Option(help="report; or drop the texts, mask the passages, cut them out: OUT/clean."),
    ] = "report",
    words: Annotated[int, typer.Option(min=1, help="Words of a sequence.")] = 13,
    coverage: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Share of an item's sequences from which a text is contaminated; 0: any one.",
        ),
    ] = 0.0,
    common: Annotated[
        int,
        typer.Option(
            min=2,
            help="Sequences in so many texts, most of which hold little of an item, do not count.",
        ),
    ] = 10,
    paraphrases: Annotated[
        bool, typer.Option("--paraphrases", help="Also items in other words, by word vectors.")
    ] = False,
    index: Annotated[
        Path | None, typer.Option(help="Folder to keep the index of the benchmarks in.")
    ] = None,
    executor: Executor = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Find items of benchmarks in files of texts of any size, and drop or mask them.

    Each file is streamed once and compared with the word sequences of the benchmarks alone. Shorter
    items are looked for as wholes, those of fewer than 8 words only where they are all of a text.

    Example: thresher curate contamination crawl/ --benchmark mmlu.jsonl --out found --action drop
    """
    from .. import curate_contamination
    from ..console import shown_progress

    with shown_progress():
        done = curate_contamination(
            sources,
            benchmark=benchmark,
            out=out,
            text=text,
            benchmark_text=benchmark_text,
            action=action,
            words=words,
            coverage=coverage,
            common=common,
            paraphrases=paraphrases,
            index=index,
            executor=executor,
            workers=workers,
        )
    found = done.to_json()
    write_line(json.dumps(found, sort_keys=True) if as_json else _shown(found, done.folder))


def _shown(found: dict[str, Any], folder: Path) -> str:
    lines = [
        f"{counted(found['rows'], 'text')}: {found['contaminated']:,} contaminated, "
        f"{counted(found['unreadable'], 'row')} could not be read"
    ]
    lines += [
        f"  {name}: {each['contaminated']:,} of {counted(each['items'], 'item')} found"
        for name, each in found["benchmarks"].items()
    ]
    lines += _told(found["paraphrases"])
    return "\n".join([*lines, *closing_lines(folder, found)])


def _told(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    if found["level"] is None:
        return [
            "paraphrases: none can be told from look-alikes with a precision of 95 % (at best "
            f"{percent(found['precision'])})"
        ]
    return [
        f"paraphrases: in {counted(found['texts'], 'further text')}, "
        f"similarity {found['level']:g} or more, "
        f"{percent(found['precision'])} of them expected to be right"
    ]
