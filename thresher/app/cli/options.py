"""The options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ...core.errors import InputError
from ..settings import Settings, meaning, resolve

Command = TypeVar("Command", bound=Callable[..., None])
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
RowId = Annotated[str | None, typer.Option("--row-id", help=help_of("data.row_id"))]
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
        "NAME may be a folder. --set teacher.mode=lora trains adapters, fine_tune all of it. Or "
        "shipped:efficientnet-lite0, to start from it without a trial."
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
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Read the data, show settings and stages; write nothing.")
]


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


def with_options(
    options: Mapping[str, Any], *, ahead: bool = False
) -> Callable[[Command], Command]:
    """Give a command that ends in ``**columns`` a group of options, after its own or before."""
    common = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in options.items()
    ]

    def decorate(command: Command) -> Command:
        given = inspect.signature(command, eval_str=True).parameters.values()
        own = [each for each in given if each.kind is not each.VAR_KEYWORD]
        first = sum(each.kind is not each.KEYWORD_ONLY for each in own) if ahead else len(own)
        parameters = [*own[:first], *common, *own[first:]]
        command.__dict__["__signature__"] = inspect.Signature(parameters)
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        return command

    return decorate


# What says how files, inputs, labeled images and labeled rows are read.
FILE_OPTIONS: dict[str, Any] = {
    "delimiter": Delimiter,
    "header": Header,
    "encoding": Encoding,
    "max_unpacked": MaxUnpacked,
    "na": Na,
}
INPUT_OPTIONS: dict[str, Any] = {
    "image": Image,
    "text": Text,
    "features": Features,
    "where": Where,
    **FILE_OPTIONS,
}
IMAGE_OPTIONS: dict[str, Any] = {"label": Label, "image": Image, "where": Where, **FILE_OPTIONS}
COLUMN_OPTIONS: dict[str, Any] = {
    "label": Label,
    "row_id": RowId,
    "task": Task,
    **INPUT_OPTIONS,
}


@with_options(COLUMN_OPTIONS, ahead=True)
def column_options(
    data: Data,
    *,
    config: Config = None,
    set_: Set = None,
    seed: Seed = None,
    device: Device = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    **columns: Any,
) -> None:
    """Declare what every command with settings takes; only its signature is used."""


def settings_from(
    *,
    config: Path | None,
    overrides: list[str] | None,
    seed: int | None,
    device: str | None,
    more: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
    **columns: Any,
) -> Settings:
    """Merge a config file, ``--set`` and the options of their own into checked settings."""
    own = {name: value for name, value in (("seed", seed), ("device", device)) if value is not None}
    values: dict[str, Any] = {"data": read_as(**columns), **own, **(more or {})}
    return resolve(config=config, overrides=overrides or (), values=values, defaults=defaults)


def read_as(**columns: Any) -> dict[str, Any]:
    """Return what was said of how data are read, as functions take it; the rest is left out."""
    said = {name: value for name, value in columns.items() if value not in (None, [])}
    if said.get("features"):
        said["features"] = [name.strip() for name in said["features"].split(",")]
    if "where" in said:
        said["where"] = pairs(said["where"])
    return said


def pairs(where: list[str] | None) -> dict[str, str] | None:
    """Read the values of ``--where``."""
    return dict(_pair(item) for item in where) if where else None


def _pair(item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not equals or not name:
        raise InputError(f"`--where` takes column=value, such as dataset=banking77; got {item!r}.")
    return name, value
