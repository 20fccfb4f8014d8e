"""``thresher label``: choose rows, hand them out as files, take the answers, say how good it is."""

from __future__ import annotations

import typer

from . import label_argilla, label_export, label_loop, label_start, label_studio

app = typer.Typer(
    name="label",
    help="Label with as few labels as possible: `init` once, then `next` and `tell` by turns, "
    "`status` at any time, `export` at the end. Several people and processes may work on one "
    "folder at once, and nothing that was told is ever lost.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
NAMES = {"next_batch": "next", "simulate_strategies": "simulate"}
for command in (
    label_start.init,
    label_loop.next_batch,
    label_loop.tell,
    label_loop.status,
    label_start.simulate_strategies,
    label_export.export,
    label_studio.sync,
    label_studio.ml_backend,
    label_argilla.argilla,
):
    app.command(NAMES.get(command.__name__))(command)
