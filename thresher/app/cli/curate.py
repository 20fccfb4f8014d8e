"""``thresher curate``: all checks together, each one alone, and what is done with decisions."""

from __future__ import annotations

import typer

from . import curate_find, curate_texts
from .curate_all import curate_all, curate_whole
from .curate_boxes import boxes
from .curate_contamination import contamination
from .curate_manifest import apply, diff, undo
from .curate_match import match
from .curate_mixture import mixture
from .curate_pairs import pairs
from .curate_review import review
from .curate_shards import shards
from .curate_spans import spans
from .default_command import DEFAULT, DefaultGroup
from .finding import finding_command
from .options import column_options, command_of

app = typer.Typer(
    name="curate",
    cls=DefaultGroup,
    help="Find duplicates, leaks, wrong labels, outliers and bad files; decide; write clean data."
    "\n\n`thresher curate reviews.csv --out clean.csv` does all of it. Each command below does one "
    "thing: it prints what it found, `--out` writes it to a file, `--manifest` writes the "
    "decisions, `--clean` the clean data.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command(name=DEFAULT)(command_of(curate_all, shared=column_options, call=curate_whole))
for find in (
    curate_find.duplicates,
    curate_find.leakage,
    curate_find.labels,
    curate_find.outliers,
    curate_find.quality,
    curate_find.coreset,
    curate_find.report,
    curate_texts.chat,
    curate_texts.personal,
    curate_texts.score,
):
    app.command()(finding_command(find))
for command in (
    match,
    pairs,
    review,
    apply,
    undo,
    diff,
    shards,
    contamination,
    spans,
    mixture,
    boxes,
):
    app.command()(command)
