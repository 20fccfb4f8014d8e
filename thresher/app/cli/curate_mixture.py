"""``thresher curate mixture``: so many tokens of several sources in given shares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.counted import counted, percent
from ...core.errors import InputError
from ..terminal import write_line
from .options import Json, help_of
from .text_streams import Executor, Text, Workers, set_aside_lines


def mixture(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=WEIGHT=FILES...",
            help="A source, its weight and its files: a file, a folder or a pattern. A name that "
            "comes again adds files.",
        ),
    ],
    *,
    tokens: Annotated[float, typer.Option(help="How many tokens, such as 1e9.")],
    out: Annotated[
        Path, typer.Option(help="Gets a folder of files for each source; the same one goes on.")
    ],
    tokenizer: Annotated[
        str, typer.Option(help="tokenizer.json, a folder that holds one, or words.")
    ] = "words",
    most_passes: Annotated[
        float, typer.Option(help="How often a source is gone through at most.")
    ] = 4.0,
    text: Text = None,
    seed: Annotated[int, typer.Option(help=help_of("seed"))] = 0,
    executor: Executor = "serial",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Write files of so many tokens, of sources in given shares.

    Rows of a source are left out, or written several times; what it cannot give without more passes
    than allowed comes from the others.

    Example: thresher curate mixture web=0.7=crawl/ code=0.3=code/ --tokens 1e9 --out mixed
    """
    from .. import curate_mixture
    from ..console import shown_progress

    paths, weights = _sources(sources)
    with shown_progress():
        done = curate_mixture(
            paths,
            weights=weights,
            tokens=tokens,
            out=out,
            tokenizer=tokenizer,
            most_passes=most_passes,
            text=text,
            random_state=seed,
            executor=executor,
            workers=workers,
        )
    found = done.to_json()
    write_line(json.dumps(found, sort_keys=True) if as_json else _shown(found, tokens, done.folder))


def _sources(given: list[str]) -> tuple[dict[str, list[str]], dict[str, float]]:
    paths: dict[str, list[str]] = {}
    weights: dict[str, float] = {}
    for source in given:
        name, _, rest = source.partition("=")
        weight, _, path = rest.partition("=")
        try:
            value = float(weight)
        except ValueError:
            value = float("nan")
        if not name or not path or value != value:
            raise InputError(
                f"A source is NAME=WEIGHT=FILES, such as web=0.7=crawl/; got {source!r}."
            )
        if weights.setdefault(name, value) != value:
            raise InputError(
                f"The source {name!r} has two weights: {weights[name]:g} and {value:g}."
            )
        paths.setdefault(name, []).append(path)
    return paths, weights


def _shown(found: dict[str, Any], tokens: float, folder: Path) -> str:
    lines = [f"{found['tokens']:,} of {tokens:,g} {found['counted']}"]
    lines += [
        f"  {name}: {percent(each['share'], digits=1)}, {each['tokens']:,} of "
        f"{each['available']:,}, {each['passes']:.2f} passes, {counted(each['rows'], 'row')}"
        + (" (used up)" if each["used_up"] else "")
        for name, each in found["sources"].items()
    ]
    lines += set_aside_lines(folder, found["failed"])
    lines += [f"written: {path}" for path in found["files"]]
    return "\n".join(lines)
