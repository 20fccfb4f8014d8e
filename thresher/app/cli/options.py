"""The options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from ...core.errors import InputError
from ..settings import Settings, meaning, resolve

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="An image folder; a Parquet, CSV or JSONL file, a tar, a glob or a folder of them; "
        "train=FILE,test=FILE; a saved Hugging Face dataset or a hub id; or 'digits'.",
    ),
]
Out = Annotated[Path, typer.Option(help="Folder of the run. The same folder goes on or is reused.")]


def help_of(name: str, *more: str) -> str:
    """Return the meaning of a setting, and what else its option says."""
    return "; ".join([meaning(name).removesuffix("."), *more]) + "."


Label = Annotated[str | None, typer.Option(help=help_of("data.label"))]
Image = Annotated[str | None, typer.Option(help=help_of("data.image"))]
Text = Annotated[str | None, typer.Option(help=help_of("data.text"))]
Features = Annotated[str | None, typer.Option(help=help_of("data.features", "separated by commas"))]
Task = Annotated[str | None, typer.Option(help=help_of("data.task"))]
Where = Annotated[
    list[str] | None, typer.Option(help=help_of("data.where", "column=value, repeatable"))
]
Delimiter = Annotated[str | None, typer.Option(help=help_of("data.delimiter"))]
Header = Annotated[bool | None, typer.Option("--header/--no-header", help=help_of("data.header"))]
Na = Annotated[list[str] | None, typer.Option("--na", help=help_of("data.na", "repeatable"))]
Encoding = Annotated[str | None, typer.Option(help=help_of("data.encoding"))]
MaxUnpacked = Annotated[
    float | None, typer.Option("--max-unpacked", help=help_of("data.max_unpacked"))
]
Set = Annotated[list[str] | None, typer.Option("--set", help="A setting, a.b=c; repeatable.")]
Config = Annotated[Path | None, typer.Option(help="TOML file with settings.")]
Seed = Annotated[int | None, typer.Option(help=help_of("seed"))]
Device = Annotated[str | None, typer.Option(help=help_of("device"))]
Teacher = Annotated[
    str | None,
    typer.Option(
        help="A pretrained teacher: timm:NAME, transformers:NAME or sentence-transformers:NAME; "
        "NAME may be a folder. --set teacher.mode=lora trains adapters, fine_tune all of it."
    ),
]
Prices = Annotated[
    list[str] | None,
    typer.Option(
        "--price-per-hour",
        help=help_of("cost.price_per_hour", "cpu=0.10 or cuda=2.50, repeatable"),
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show settings and stages; do nothing.")]


def command_of(
    own: Callable[..., Any], *, shared: Callable[..., None], call: Callable[..., None]
) -> Callable[..., None]:
    """Make a command with the arguments of `shared`, the options of `own`, and then its options.

    So each command's code shows only what is special about it. `call` gets what `own` makes of its
    options, and the shared ones by name.
    """
    common = inspect.signature(shared, eval_str=True).parameters

    @wraps(own)
    def command(**given: Any) -> None:
        request = {name: given.pop(name) for name in common}
        call(own(**given), **request)

    special = inspect.signature(own, eval_str=True).parameters
    parameters = sorted(
        [*special.values(), *common.values()], key=lambda each: each.kind == each.KEYWORD_ONLY
    )
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def column_options(
    data: Data,
    *,
    label: Label = None,
    task: Task = None,
    image: Image = None,
    text: Text = None,
    features: Features = None,
    where: Where = None,
    delimiter: Delimiter = None,
    header: Header = None,
    encoding: Encoding = None,
    max_unpacked: MaxUnpacked = None,
    na: Na = None,
    config: Config = None,
    set_: Set = None,
    seed: Seed = None,
    device: Device = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Declare what every command with settings takes; only its signature is used."""


def settings_from(
    *,
    config: Path | None,
    overrides: list[str] | None,
    label: str | None,
    task: str | None,
    image: str | None,
    text: str | None,
    features: str | None,
    where: list[str] | None,
    delimiter: str | None,
    header: bool | None,
    encoding: str | None,
    max_unpacked: float | None,
    na: list[str] | None,
    seed: int | None,
    device: str | None,
    more: dict[str, Any] | None = None,
    defaults: dict[str, Any] | None = None,
) -> Settings:
    """Merge a config file, ``--set`` and the options of their own into checked settings."""
    columns = {
        "label": label,
        "task": task,
        "image": image,
        "text": text,
        "features": [name.strip() for name in features.split(",")] if features else None,
        "where": pairs(where),
        "delimiter": delimiter,
        "header": header,
        "encoding": encoding,
        "max_unpacked": max_unpacked,
        "na": na or None,
    }
    values: dict[str, Any] = {
        "data": {name: value for name, value in columns.items() if value is not None},
        **{
            name: value
            for name, value in {"seed": seed, "device": device}.items()
            if value is not None
        },
        **(more or {}),
    }
    return resolve(config=config, overrides=overrides or (), values=values, defaults=defaults)


def pairs(where: list[str] | None) -> dict[str, str] | None:
    """Read the values of ``--where``."""
    return dict(_pair(item) for item in where) if where else None


def _pair(item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not equals or not name:
        raise InputError(f"`--where` takes column=value, such as dataset=banking77; got {item!r}.")
    return name, value
