"""``thresher curate pairs``: image–text pairs filtered, deduplicated, capped and written."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...core.counted import counted
from ...core.options import options_of
from ..pairs.options import PairOptions
from ..terminal import write_line
from .options import Json, help_of, with_options
from .text_streams import SHOWN

if TYPE_CHECKING:
    from ...core.issues import Issues

Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILES...",
        help="Tar files in the WebDataset layout, or tables with a caption column.",
    ),
]


def _options() -> dict[str, Any]:
    """Return the options of pairs as the command line takes them; those left out are None."""
    found: dict[str, Any] = {}
    for name, (kind, option) in options_of(PairOptions).items():
        plain = Path if name == "vectors" else bool if kind is bool else kind
        flag = f"--{name.replace('_', '-')}"
        more = "" if option.default in (None, False, "") else f" Default: {option.default}."
        told = typer.Option(flag, help=option.text + more)
        found[name] = Annotated[plain if kind is bool else plain | None, told]
    return found


PAIR_OPTIONS = _options()


@with_options(PAIR_OPTIONS)
def pairs(
    sources: Sources,
    *,
    work: Annotated[
        Path, typer.Option(help="Folder that keeps what is done; the same one goes on.")
    ],
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="Ids (.npy), weights (.parquet, .csv, .jsonl), new shards (a folder); repeatable."
        ),
    ] = None,
    keep_out: Annotated[
        list[Path] | None,
        typer.Option(help="Images that a model will be judged on; repeatable."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Table of pair_id and label (good, bad) to learn from.")
    ] = None,
    executor: Annotated[str, typer.Option(help="serial, processes or ray.")] = "serial",
    workers: Annotated[int | None, typer.Option(min=1, help="Default: one a processor.")] = None,
    device: Annotated[str, typer.Option(help=help_of("device"))] = "auto",
    seed: Annotated[int, typer.Option(help=help_of("seed"))] = 0,
    as_json: Json = False,
    **columns: Any,
) -> None:
    """Filter, deduplicate and cap pairs of images and captions.

    Each shard is measured once. WORK/manifest has a decision for every pair, WORK/issues.parquet
    every finding, WORK/scores.parquet what was measured. A run that was interrupted goes on when it
    is called again; another choice of the same pairs reads no shard.

    Example: thresher curate pairs shards/*.tar --work work --encoder openclip:ViT-B-32@openai
    --top 0.3 --out kept.npy
    """
    from .. import curate_pairs
    from ..console import shown_progress

    with shown_progress():
        done = curate_pairs(
            sources,
            work=work,
            out=out or (),
            keep_out=keep_out or (),
            labels=labels,
            executor=executor,
            workers=workers,
            device=device,
            random_state=seed,
            **{name: value for name, value in columns.items() if value is not None},
        )
    found = done.to_json()
    write_line(
        json.dumps(found, sort_keys=True) if as_json else _shown(found, done.scores.set_aside)
    )


def _shown(found: dict[str, Any], aside: Issues) -> str:
    ranked = found["ranked_by"]
    lines = [
        f"{counted(found['pairs'], 'pair')}: {found['kept']:,} kept"
        + (f", ranked by {ranked}" if ranked else "")
    ]
    lines += [
        f"  {count:,} dropped: {name.replace('_', ' ')}" for name, count in found["dropped"].items()
    ]
    if len(aside):
        lines.append(
            counted(
                len(aside),
                "stretch of shards belongs to no pair",
                "stretches of shards belong to no pair",
            )
        )
        lines += [f"  {one.row_id}: {one.detail}" for one in islice(aside, SHOWN)]
    if len(aside) > SHOWN:
        lines.append(f"  {len(aside) - SHOWN:,} more, all in {found['issues']}")
    if found["draws"] != found["kept"]:
        lines.append(counted(found["draws"], "draw"))
    if found["average_precision"] is not None:
        told = ", ".join(
            f"{name} {value:.3f}" for name, value in found["average_precision"].items()
        )
        lines.append(f"average precision on labeled pairs left out: {told}")
    lines += [f"{name}: {found[name]}" for name in ("manifest", "issues", "scores")]
    lines += [f"written: {path}" for path in found["written"]]
    return "\n".join(lines)
