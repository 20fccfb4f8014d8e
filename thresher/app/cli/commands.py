"""The commands for whole runs: run, train, report, doctor; and the groups of commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import thresher

from ..costs import parse_prices
from ..result import RunResult
from ..terminal import write_line
from .adapters import app as adapters_app
from .advise_levers import advise
from .augment import app as augment_app
from .compare_models import compare
from .curate import app as curate_app
from .label import app as label_app
from .models import add_commands
from .monitor_model import monitor, monitor_reference
from .options import (
    Json,
    Out,
    Prices,
    Teacher,
    column_options,
    command_of,
    help_of,
    settings_from,
)
from .search import add_search
from .serve_labels import serve_labels
from .serve_model import serve
from .serve_review import serve_review
from .whole_run import go, show_plan

# The help begins with what most people look for.
FIRST = ("run", "curate", "label", "augment", "train", "predict", "serve")


class Ordered(TyperGroup):
    """Lists the main commands first."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands in the order of the help."""
        names = super().list_commands(ctx)
        return [*FIRST, *(name for name in names if name not in FIRST)]


app = typer.Typer(
    name="thresher",
    cls=Ordered,
    help="The same model out of fewer rows, labels, training seconds and bytes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(curate_app, name="curate")
app.add_typer(label_app, name="label")
app.add_typer(augment_app, name="augment")
app.add_typer(adapters_app, name="adapters")
add_commands(app)
add_search(app)
app.command()(advise)
app.command()(serve)
app.command()(monitor)
app.command()(monitor_reference)
app.command()(compare)
app.command()(serve_labels)
app.command()(serve_review)

Asked = tuple[Callable[..., RunResult], Path, dict[str, Any]]

# The shares that --plant uses; any of them can be set on its own, as in --set plant.leaked=0.1.
PLANTED = {"copies": 0.03, "near_copies": 0.03, "swapped_labels": 0.03, "leaked": 0.05}


@app.callback(invoke_without_command=True)
def thresher_command(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Make the same model out of fewer rows, labels, training seconds and bytes."""
    if version:
        write_line(thresher.__version__)
        raise typer.Exit


def run(
    *,
    out: Out,
    rows: Annotated[int | None, typer.Option(help=help_of("budget.rows"))] = None,
    labels: Annotated[int | None, typer.Option(help=help_of("label.budget"))] = None,
    baseline: Annotated[bool, typer.Option(help=help_of("baseline"))] = False,
    teacher: Teacher = None,
    price_per_hour: Prices = None,
    plant: Annotated[bool, typer.Option(help="Plant known faults, to see them found.")] = False,
) -> Asked:
    """Go the whole way: clean the data, train, distil, quantize, export, verify, report."""
    more: dict[str, Any] = {"baseline": True} if baseline else {}
    more |= {"plant": PLANTED} if plant else {}
    more |= {"budget": {"rows": rows}} if rows is not None else {}
    more |= {"label": {"budget": labels}} if labels is not None else {}
    return thresher.app.run, out, more | _training(teacher, price_per_hour)


def train(*, out: Out, teacher: Teacher = None, price_per_hour: Prices = None) -> Asked:
    """Train, distil, quantize, export and verify on the data as they are, without curation."""
    return thresher.app.train, out, {"curate": False, **_training(teacher, price_per_hour)}


def _training(teacher: str | None, price_per_hour: list[str] | None) -> dict[str, Any]:
    more: dict[str, Any] = {"teacher": {"model": teacher}} if teacher is not None else {}
    more |= {"cost": {"price_per_hour": parse_prices(price_per_hour)}} if price_per_hour else {}
    return more


def _go(
    asked: Asked, *, data: str, dry_run: bool, as_json: bool, set_: list[str] | None, **columns: Any
) -> None:
    function, out, more = asked
    settings = settings_from(overrides=set_, more=more, **columns)
    if dry_run:
        show_plan(data, settings, until="report", as_json=as_json)
    else:
        go(function, data, out, settings, as_json=as_json)


for whole in (run, train):
    app.command()(command_of(whole, shared=column_options, call=_go))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a run.")],
    *,
    price_per_hour: Prices = None,
    as_json: Json = False,
) -> None:
    """Write report.html of a run again, with another price of the machine if one is given."""
    from .. import report as write

    found = write(folder, price_per_hour=parse_prices(price_per_hour))
    if as_json:
        said = {"report": str(found.path), "costs": found.costs}
        write_line(json.dumps(said, sort_keys=True))
    else:
        write_line(found.path)


@app.command()
def doctor(*, as_json: Json = False) -> None:
    """Show versions, threads and devices, and what would be chosen and why."""
    from .. import doctor as examine
    from ..installation import describe

    found = examine()
    write_line(json.dumps(found, sort_keys=True) if as_json else describe(found))
