"""What a finding command prints: counts, the worst rows, how it was done."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
from rich.table import Table
from rich.text import Text

from ...core.columns import read_row_ids, take_rows
from ...core.counted import counted
from ...core.issues import Issue
from ...core.loaded import LoadedDataset
from ...core.text_arrays import in_texts
from ..cleaning import Cleaned
from ..findings.outcome import TITLES, Outcome
from ..terminal import Terminal, result_console, write_line

TEXT_LENGTH, MOST_CLASSES = 60, 5


def print_outcome(outcome: Outcome, *, show: int, as_json: bool) -> None:
    """Print the counts, the worst rows, and how it was done."""
    if as_json:
        write_line(json.dumps(outcome.to_json(show=show), sort_keys=True))
        return
    console = result_console()
    rows = len(outcome.loaded.dataset)
    counts, aside = outcome.issues.counts(), outcome.loaded.set_aside.counts()
    for check in outcome.checks():
        method = outcome.methods.get(check)
        of_rows = counts.get(check, 0) - aside.get(check, 0)
        more = aside.get(check, 0)
        unread = f", and {more:,} that could not be read or used" if more else ""
        _say(console, f"{TITLES[check]}: {of_rows:,} (of {counted(rows, 'row')}){unread}")
        if method is not None:
            _say(console, f"  {method}.")
    for note in outcome.notes:
        _say(console, note)
    for issue in (outcome.corpus or {}).get("issues", []):
        _say(console, f"all rows, {issue['kind']}: {issue['message']}")
    worst = outcome.worst(show)
    if worst:
        console.print(_worst_table(outcome, worst))
    _say(console, _decided(outcome))
    for name, path in outcome.written.items():
        _say(console, f"{name}: {path}")
    if outcome.clean is not None:
        said = describe_clean(outcome.clean, outcome.written.get("manifest"))
        if outcome.for_good:  # rows that went come back, what was changed in others does not
            said = said.partition("\n")[0] + "\nwhat was changed in them is kept nowhere"
        _say(console, said)


def describe_clean(clean: Cleaned, decisions: Path | None) -> str:
    """Say what clean data hold, and how to go back (by the folder of decisions, if written)."""
    changed = f", {clean.relabeled:,} with a new label" if clean.relabeled else ""
    listed = [
        f"{path} ({counted(clean.split_rows[name], 'row')})" for name, path in clean.splits.items()
    ]
    kept = counted(clean.kept, "row stays", "rows stay")
    return (
        f"clean data: {', '.join(listed) or clean.path} ({kept}{changed}, "
        f"{clean.dropped:,} dropped)\n{_thinned(clean)}{_way_back(clean, decisions)}"
    )


def _thinned(clean: Cleaned) -> str:
    """Say which classes lose most of their rows, the rarest first; nothing where none does."""
    worst = sorted(clean.thinned, key=lambda change: (change.after, change.name))
    parts = [
        f"{each.name!r} keeps {each.after:,} of {counted(each.before, 'row')}" for each in worst
    ]
    more = (
        f", … {counted(len(parts), 'class', 'classes')} in all" if len(parts) > MOST_CLASSES else ""
    )
    if not parts:
        return ""
    return f"LOOK AT THE CLASSES: {', '.join(parts[:MOST_CLASSES])}{more}\n"


def _way_back(clean: Cleaned, decisions: Path | None) -> str:
    if decisions is None:
        return f"kept, to put it back: {clean.undo} (with the decisions, which --manifest writes)"
    named = shlex.join(map(str, (decisions, clean.path)))
    return f"as it was: thresher curate undo {named} --out FILE"


def _decided(outcome: Outcome) -> str:
    counts = outcome.manifest.counts()
    named = {"drop": "to drop", "relabel": "to relabel", "review": "to look at"}
    parts = [f"{counts[action]:,} {words}" for action, words in named.items() if counts[action]]
    aside = len(outcome.loaded.set_aside)
    text = f"decided: {', '.join(parts) or 'nothing to change'}"
    return text + (f"; {aside:,} could not be read or used" if aside else "")


def _worst_table(outcome: Outcome, worst: list[Issue]) -> Table:
    """Return the worst rows as a table, each by the user's key and its place."""
    table = Table(title="the worst", title_justify="left")
    shown = [] if outcome.private else worst
    texts = _texts(outcome.loaded, [issue.row_id for issue in shown])
    for name in ("check", "row", "twin", "score", "why"):
        table.add_column(name, justify="right" if name == "score" else "left", overflow="fold")

    for issue in worst:
        why = issue.detail or ""
        if issue.suggested:
            why += f"; looks like {issue.suggested!r}"
        if issue.row_id in texts:
            why += f": {texts[issue.row_id]!r}"
        rows = (outcome.places.called(issue.row_id), outcome.places.called(issue.twin))
        cells = (issue.check.replace("_", " "), *rows)
        table.add_row(*map(Text, (*cells, f"{issue.score:.3f}", why)))
    return table


def _texts(loaded: LoadedDataset, row_ids: list[str]) -> dict[str, str]:
    """Return the beginnings of the texts of some rows."""
    if loaded.schema.modality != "text":
        return {}
    ids = read_row_ids(loaded.dataset)
    rows = take_rows(loaded.dataset, np.flatnonzero(in_texts(ids, row_ids)))
    pairs = zip(rows["row_id"], rows[loaded.schema.inputs[0]], strict=True)
    return {
        row_id: text if len(text) <= TEXT_LENGTH else text[: TEXT_LENGTH - 1] + "…"
        for row_id, text in pairs
    }


def _say(console: Terminal, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
