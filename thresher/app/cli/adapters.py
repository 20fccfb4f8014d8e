"""``thresher adapters``: many tasks from one base, kept in a folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ...core.counted import percent
from ..terminal import result_console, write_line
from .options import Json

if TYPE_CHECKING:
    from ..task_adapters import StoredAdapter

app = typer.Typer(
    name="adapters",
    help="Keep the adapters of many tasks beside one base: `add` what peft has trained, `list`, "
    "`merge` one into the base's weights, `export` one for peft. PyTorch is not needed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Store = Annotated[Path, typer.Argument(help="Folder of the store.")]
Name = Annotated[str, typer.Argument(help="Of an adapter in the store.")]
Base = Annotated[
    Path, typer.Option(help="The base's weights: a .safetensors file, or a folder of them.")
]


@app.command()
def add(
    store: Annotated[Path, typer.Argument(help="Folder of the store; the first one makes it.")],
    source: Annotated[Path, typer.Argument(help="Folder that peft's save_pretrained wrote.")],
    *,
    base: Base,
    name: Annotated[str | None, typer.Option(help="By default that of SOURCE.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of another.")] = False,
    max_share: Annotated[float, typer.Option(help="Of the base's bytes that it may have.")] = 0.1,
    as_json: Json = False,
) -> None:
    """Add an adapter that peft has trained.

    Example: thresher adapters add tasks trained/letters --base model.safetensors
    """
    from .. import adapters_add

    found = adapters_add(store, source, base=base, name=name, replace=replace, max_share=max_share)
    if as_json:
        write_line(json.dumps(asdict(found), sort_keys=True))
    else:
        write_line(f"{found.name}: rank {found.rank}, {percent(found.share, digits=2)} of the base")


@app.command("list")
def list_adapters(store: Store, *, as_json: Json = False) -> None:
    """List the adapters of a store; leaves with 2 when one of them cannot be used.

    Example: thresher adapters list tasks
    """
    from .. import adapters_list

    found = adapters_list(store)
    if as_json:
        write_line(json.dumps([asdict(one) for one in found], sort_keys=True))
    else:
        _print_list(found)
    if any(one.fault for one in found):
        raise typer.Exit(2)


@app.command()
def merge(
    store: Store,
    name: Name,
    *,
    base: Base,
    out: Annotated[Path, typer.Option(help="A file or a folder like the base; a new one.")],
    as_json: Json = False,
) -> None:
    """Write the base with an adapter in its weights: a model of its own.

    Example: thresher adapters merge tasks letters --base base --out letters-model
    """
    from .. import adapters_merge

    _say(adapters_merge(store, name, base=base, out=out), as_json=as_json)


@app.command()
def export(
    store: Store,
    name: Name,
    *,
    out: Annotated[Path, typer.Option(help="A new folder.")],
    as_json: Json = False,
) -> None:
    """Write an adapter as peft reads it.

    Example: thresher adapters export tasks letters --out for-peft
    """
    from .. import adapters_export

    _say(adapters_export(store, name, out=out), as_json=as_json)


def _print_list(found: list[StoredAdapter]) -> None:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("adapter", overflow="fold")
    for title in ("rank", "layers", "bytes", "of the base"):
        shown.add_column(title, justify="right")
    shown.add_column("", overflow="fold")
    for one in found:
        layers = len(one.updated) + len(one.replaced)
        numbers = [
            str(one.rank),
            str(layers),
            f"{one.size_bytes:,}",
            percent(one.share, digits=2),
        ]
        shown.add_row(one.name, *([""] * len(numbers) if one.fault else numbers), one.fault)
    result_console().print(shown)


def _say(out: Path, *, as_json: bool) -> None:
    write_line(json.dumps({"out": str(out)}) if as_json else out)
