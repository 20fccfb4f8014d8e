"""``thresher augment``: look at policies, audit them, choose one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ...core.counted import counted, percent
from ..console import shown_progress
from ..terminal import result_console, write_line
from .options import IMAGE_OPTIONS, Data, Json, help_of, read_as, with_options

app = typer.Typer(
    name="augment",
    help="Look at what augmentation policies do to your images, audit them against your labels, "
    "choose one.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Policies = Annotated[
    list[str] | None,
    typer.Option("--policy", help="A policy's name or a saved JSON file; repeatable."),
]
Size = Annotated[int, typer.Option(help="Images are cut and scaled to squares of this side.")]
Seed = Annotated[int, typer.Option(help=help_of("seed"))]
# Rows that cannot be used, named at most.
SHOWN = 10


@app.command()
@with_options(IMAGE_OPTIONS)
def preview(
    data: Data,
    out: Annotated[Path, typer.Option(help="A .html page or a .png image.")],
    *,
    policy: Policies = None,
    rows: Annotated[int, typer.Option(help="Rows shown, evenly over the classes.")] = 6,
    views: Annotated[int, typer.Option(help="Versions of each row.")] = 8,
    size: Size = 64,
    seed: Seed = 0,
    as_json: Json = False,
    **columns: Any,
) -> None:
    """Draw rows of yours under one or several policies.

    Example: thresher augment preview photos --policy standard --policy trivial_augment --out p.html
    """
    from .. import augment_preview

    with shown_progress():
        drawn = augment_preview(
            data,
            out=out,
            policies=policy or (),
            rows=rows,
            views=views,
            size=size,
            random_state=seed,
            **read_as(**columns),
        )
    _say_set_aside(drawn.set_aside)
    found = {"out": str(out), "policies": drawn.policies, "rows": drawn.rows}
    write_line(json.dumps(found, sort_keys=True) if as_json else out)


@app.command()
@with_options(IMAGE_OPTIONS)
def audit(
    data: Data,
    *,
    policy: Annotated[str, typer.Option(help="A name or a JSON file.")] = "trivial_augment",
    rows: Annotated[int, typer.Option(help="Labeled rows used at most.")] = 600,
    size: Size = 32,
    pilots: Annotated[
        int, typer.Option(help="Pairs of short trainings of each operation at most; 0: none.")
    ] = 0,
    budget_s: Annotated[float, typer.Option(help="Seconds that they may take.")] = 300.0,
    margin: Annotated[
        float, typer.Option(help="Points of accuracy that a kept operation surely loses less of.")
    ] = 1.0,
    seed: Seed = 0,
    as_json: Json = False,
    **columns: Any,
) -> None:
    """Say for each operation of a policy whether your labels speak against it.

    A quick teacher finds operations that harm; it cannot assure that one does not. Trainings can:
    with --pilots an operation is kept where they exclude a loss of more than --margin points.

    Example: thresher augment audit photos --policy standard --size 32
    """
    from .. import augment_audit

    with shown_progress():
        found = augment_audit(
            data,
            policy=policy,
            rows=rows,
            size=size,
            pilots=pilots,
            budget_s=budget_s,
            margin=margin,
            random_state=seed,
            **read_as(**columns),
        )
    _say_set_aside(found.set_aside)
    report = found.report
    table = report.to_table()
    reasons = {row["reason"] for row in table}
    if as_json:
        summary = {"rows": report.rows, "teacher_accuracy": report.teacher_accuracy}
        write_line(json.dumps({**summary, "left_out": report.left_out, "operations": table}))
        return
    if len(reasons) == 1 and all(row["verdict"] == "not assessable" for row in table):
        write_line(f"{found.policy}: not assessable, {reasons.pop()}.")
        return
    write_line(
        f"{found.policy}: {counted(report.rows, 'row')}; the teacher, which never saw the row it "
        f"judges, is right on {percent(report.teacher_accuracy)}."
    )
    _print_audit(table)
    if report.left_out:
        write_line(f"Too few rows to say anything about: {', '.join(report.left_out)}.")


def _say_set_aside(set_aside: Sequence[tuple[str, str]]) -> None:
    for row_id, reason in set_aside[:SHOWN]:
        write_line(f"Not used: {row_id} ({reason}).", error=True)
    if len(set_aside) > SHOWN:
        write_line(f"Not used: {len(set_aside) - SHOWN:,} more.", error=True)


def _points(row: dict[str, Any]) -> str:
    if row["gain"] is None:
        return ""
    return f"{row['gain']:+.1f} ({row['gain_low']:+.1f} to {row['gain_high']:+.1f})"


def _print_audit(table: list[dict[str, Any]]) -> None:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    trained = any(row["gain"] is not None for row in table)
    points: tuple[tuple[str, Any], ...] = (("points (95 %)", "right"),) if trained else ()
    for name, side in (("operation", "left"), ("strength", "right"), ("verdict", "left"), *points,
                       ("effect (95 %)", "right"), ("flips", "right"), ("µs", "right"),
                       ("harms", "left")):  # fmt: skip
        shown.add_column(name, justify=side, overflow="fold")
    for row in table:
        assessed = row["verdict"] != "not assessable"
        effect = f"{row['effect']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
        shown.add_row(
            row["op"],
            f"{row['strength']:g}",
            row["verdict"],
            *([_points(row)] if trained else []),
            effect if assessed else row["reason"],
            percent(row["confident_flips"], digits=1) if assessed else "",
            f"{row['microseconds']:.1f}" if assessed else "",
            ", ".join(row["classes_harmed"] or {}),
        )
    result_console().print(shown)


@app.command()
@with_options(IMAGE_OPTIONS)
def choose(
    data: Data,
    *,
    out: Annotated[Path | None, typer.Option(help="Write the policy here, as JSON.")] = None,
    budget_s: Annotated[float, typer.Option(help="Seconds that the choice may take.")] = 10.0,
    pilots: Annotated[
        int, typer.Option(help="Short training runs of each candidate at most; 0: none.")
    ] = 0,
    policy: Policies = None,
    rows: Annotated[int, typer.Option(help="Labeled rows used at most.")] = 600,
    size: Size = 32,
    seed: Seed = 0,
    as_json: Json = False,
    **columns: Any,
) -> None:
    """Choose a policy for your images and say why.

    Without pilots, operations that your labels speak against are taken out of the first policy.
    With them, training decides: thresher augment choose photos --pilots 4 --budget-s 300 --out
    policy.json. Finished runs are kept in policy.pilots.jsonl; the same command goes on there.

    Example: thresher augment choose photos --budget-s 20 --out policy.json
    """
    from .. import augment_choose

    with shown_progress():
        outcome = augment_choose(
            data,
            out=out,
            budget_s=budget_s,
            pilots=pilots,
            policies=policy or (),
            rows=rows,
            size=size,
            random_state=seed,
            **read_as(**columns),
        )
    _say_set_aside(outcome.set_aside)
    chosen = outcome.chosen
    if as_json:
        found = {
            "policy": chosen.policy.to_dict(),
            "reason": chosen.reason,
            "out": out and str(out),
        }
        more = {"evidence": chosen.evidence, "pilots": [asdict(one) for one in chosen.pilots]}
        write_line(json.dumps({**found, **more}, default=str))
        return
    write_line(f"{chosen.policy.name}: {chosen.reason}")
    if out is not None:
        write_line(out)
