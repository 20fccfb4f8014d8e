"""``thresher monitor``: a model in use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...core.counted import counted
from ...core.errors import InputError
from ..terminal import write_line
from .options import INPUT_OPTIONS, Data, Json, Label, read_as, with_options

if TYPE_CHECKING:
    from ..monitoring.monitored import Monitored


def monitor(
    requests: Annotated[Path, typer.Argument(help="Folder that `thresher serve --record` writes.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder of the page, the audit rows and the state.")],
    reference: Annotated[
        Path | None,
        typer.Option(help="Held-out rows of monitor-reference; the alarm needs them."),
    ] = None,
    labels: Annotated[
        list[Path] | None,
        typer.Option(
            help="CSV with columns row_id and label; repeatable. Labels in OUT/audit are "
            "found anyway."
        ),
    ] = None,
    ask: Annotated[int, typer.Option(help="Rows of the last day to draw for labels.")] = 0,
    window: Annotated[int, typer.Option(help="Days that an accuracy is estimated on.")] = 7,
    floor: Annotated[
        float | None, typer.Option(help="Accuracy below which to train again, such as 0.8.")
    ] = None,
    confirm: Annotated[int, typer.Option(help="Low days that are needed, of --of.")] = 2,
    of: Annotated[int, typer.Option(help="Days that --confirm looks at.")] = 3,
    cooldown: Annotated[float, typer.Option(help="Days between two retrainings.")] = 14.0,
    budget: Annotated[int, typer.Option(help="Retrainings a year.")] = 6,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what the rules would have done on all days.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings of a run, written again for a new one when the rules say so."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the audit rows.")] = 0,
    as_json: Json = False,
) -> None:
    """Say how good a model in use is, whether something changed, and when to train again.

    It may be run as often as one likes: the alarm is false in at most 5 % of all years.
    Leaves with 3 when there is an alarm. Example: thresher monitor requests --out monitor --ask 20
    """
    from .. import monitor as look
    from ..monitoring.looking import rules_of

    if floor is None and (dry_run or config is not None):
        raise InputError("--dry-run and --config need the accuracy to keep: --floor 0.8.")
    rules = None
    if floor is not None:
        rules = rules_of(floor=floor, confirm=confirm, of=of, cooldown_days=cooldown, budget=budget)
    found = look(
        requests,
        out=out,
        reference=reference,
        labels=labels or (),
        ask=ask,
        window=window,
        rules=rules,
        dry=dry_run,
        config=config,
        random_state=seed,
    )
    if as_json:
        write_line(json.dumps(_as_json(found), sort_keys=True))
    else:
        _say(found)
    if found.watch is not None and found.watch.alarm:
        raise typer.Exit(3)


@with_options(INPUT_OPTIONS)
def monitor_reference(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The model that is served.")],
    data: Data,
    *,
    out: Annotated[Path, typer.Option(help="A Parquet file to write, for monitor --reference.")],
    label: Label = None,
    as_json: Json = False,
    **columns: Any,
) -> None:
    """Write a served model's answers to held-out rows, for `thresher monitor` to compare with.

    Example: thresher monitor-reference runs/first/models/onnx/int8 held.csv --out held-out.parquet
    """
    from .. import monitor_reference as write
    from ..console import shown_progress

    with shown_progress():
        found = write(model, data, out=out, label=label, **read_as(**columns))
    if as_json:
        write_line(json.dumps({**vars(found), "path": str(found.path)}, sort_keys=True))
        return
    low, high = found.interval
    left = [(found.unlabeled, "without a label"), (found.unreadable, "that could not be read")]
    out_of_it = "".join(f"; {n:,} {why} left out" for n, why in left if n)
    write_line(
        f"{out}: {counted(found.rows, 'row')}, {100 * found.accuracy:.1f} % right (95 % interval "
        f"{100 * low:.1f} to {100 * high:.1f}), of model {found.model[:12]}{out_of_it}"
    )


def _say(found: Monitored) -> None:
    from ..monitoring.advising import advice

    write_line(
        f"Model {found.model}, {counted(found.rows, 'row')} on {counted(len(found.days), 'day')}"
    )
    write_line(f"accuracy: {found.days[-1].accuracy}")
    write_line(f"calibration error: {found.calibration}")
    if found.drift is not None:
        write_line(f"drift of the last day: {found.drift}")
    if found.watch is not None:
        write_line(f"alarm: {found.watch.reason}" if found.watch.alarm else "no alarm")
    if found.needed is not None:
        write_line(advice(found.needed))
    for problem in [*found.problems, *(found.drift.problems if found.drift else ())]:
        write_line(problem)
    for look in found.looks:
        if look.fires:
            write_line(f"train again: {look.reason}")
    if found.config is not None:
        write_line(f"{found.config}: thresher run DATA --config {found.config} --out RUN")
    if found.asked is not None:
        write_line(f"{found.asked} waits for labels")
    write_line(found.page)


def _as_json(found: Monitored) -> dict[str, object]:
    last = found.days[-1]
    return {
        "model": found.model,
        "rows": found.rows,
        "labels": found.labels,
        "accuracy": vars(last.accuracy),
        "calibration": {**vars(found.calibration)},
        "drift": None if found.drift is None else str(found.drift),
        "alarm": None if found.watch is None else found.watch.alarm,
        "reason": "" if found.watch is None else found.watch.reason,
        "problems": found.problems,
        "labels_a_day": None if found.needed is None else vars(found.needed),
        "suspects": [] if found.watch is None else found.watch.suspects,
        "looks": [vars(look) for look in found.looks],
        "asked": None if found.asked is None else str(found.asked),
        "config": None if found.config is None else str(found.config),
        "page": str(found.page),
    }
