"""What a finding command prints and writes: counts, the worst rows, how it was done."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rich.table import Table
from rich.text import Text

from curation import Curator

from ...core.columns import read_row_ids, take_rows
from ...core.errors import InputError, check_choice
from ...core.issues import Issue, Issues
from ...core.loaded import LoadedDataset
from ...core.manifest import Manifest
from ...core.packing import data_suffix
from ...core.text_arrays import in_texts
from ...core.writing import FORMATS as DATA_FORMATS
from ...core.writing import SUFFIXES, write_dataset
from ..cleaning import Cleaned
from ..given import as_dataset
from ..places import Places, places_of, with_places
from ..report.findings_page import write_findings_page
from ..terminal import Terminal, result_console, write_line
from .finding_source import row_numbers

FORMATS = ("parquet", "csv", "jsonl")
TEXT_LENGTH = 60
TITLES = {
    "leakage": "leaks between splits",
    "conflict": "equal rows with different labels",
    "label": "labels that look wrong",
    "exact_duplicate": "exact duplicates",
    "near_duplicate": "near duplicates",
    "outlier": "outliers",
    "quality": "quality issues",
    "coreset": "rows outside the core set",
}


@dataclass(frozen=True)
class Outcome:
    """What a command found, decided and wrote."""

    command: str
    loaded: LoadedDataset
    curator: Curator
    issues: Issues
    manifest: Manifest
    corpus: dict[str, Any] | None = None
    clean: Cleaned | None = None
    written: dict[str, Path] = field(default_factory=dict)

    @cached_property
    def places(self) -> Places:
        """Where the rows stand in the user's data."""
        return places_of(self.loaded)

    def to_json(self, *, show: int) -> dict[str, Any]:
        """Return plain JSON types, with the `show` worst rows of each check."""
        counts = self.issues.counts()
        return {
            "command": self.command,
            "rows": len(self.loaded.dataset),
            "roles": self.loaded.roles,
            "set_aside": len(self.loaded.set_aside),
            "found": {check: counts.get(check, 0) for check in self.checks()},
            "methods": dict(self.curator.methods_),
            "measured": measured(self.curator),
            "corpus": self.corpus,
            "decisions": self.manifest.counts(),
            "worst": with_places(
                Issues.from_rows(self.worst(show)).table, self.places, self.manifest
            ).to_pylist(),
            "clean": None if self.clean is None else self.clean.to_json(),
            "written": {name: str(path) for name, path in self.written.items()},
        }

    def checks(self) -> list[str]:
        """Return the checks that ran, and those that found something beside them."""
        named = [*self.curator.methods_, *self.issues.counts()]
        return [check for check in TITLES if check in named]

    def worst(self, show: int) -> list[Issue]:
        """Return the `show` findings of each check with the lowest scores."""
        found: list[Issue] = []
        for check in self.checks():
            found += Issues(self.issues.of(check).table.slice(0, show))
        return found


def measured(curator: Curator) -> dict[str, Any]:
    """Return the recall of the search and the share of wrong labels, where they were measured."""
    result: dict[str, Any] = {}
    found = curator.checks_.found
    if "near_duplicate" in found or "leakage" in found:
        graph = curator.checks_.graph
        recall = graph.recall
        result["search"] = {
            "exact": graph.exact,
            "threshold": graph.threshold,
            "pairs": graph.pair_count,
            "recall": None if recall is None else recall.estimate,
            "recall_interval": None if recall is None else [recall.low, recall.high],
        }
    if "contamination" in found:
        contamination = found["contamination"]
        result["benchmark"] = {
            "texts": len(contamination.row_ids),
            "contaminated": int(contamination.contaminated.sum()),
            "words": contamination.n,
            "share": contamination.threshold,
        }
    if "label" in found:
        rate = found["label"].noise_rate
        result["wrong_labels"] = {
            "share": rate.estimate if rate.known else None,
            "interval": [rate.low, rate.high],
            "expected_precision": found["label"].expected_precision,
            "least_precision": found["label"].least_precision,
        }
    return result


def write_findings(outcome: Outcome, path: Path) -> None:
    """Write findings as Parquet, CSV or JSON Lines, or as a page, by the suffix."""
    suffix = path.suffix.lower()
    if suffix == ".html":
        write_findings_page(
            path,
            loaded=outcome.loaded,
            issues=outcome.issues,
            manifest=outcome.manifest,
            methods=outcome.curator.methods_,
            measured=measured(outcome.curator),
            corpus=outcome.corpus,
            places=outcome.places,
        )
    else:
        write_dataset(as_dataset(_with_places(outcome)), path)


def check_findings_file(path: Path | None) -> None:
    """Raise before any work is done when findings cannot be written to a file of this name."""
    if path is None:
        return
    if SUFFIXES.get(path.suffix.lower()) not in FORMATS and path.suffix.lower() != ".html":
        raise InputError(
            f"`--out` is the file of the findings and ends in .html, .parquet, .csv or .jsonl; got "
            f"{path}. Clean data are written by --clean, decisions by --manifest."
        )


def check_clean_format(path: Path | None, wanted: str | None) -> None:
    """Raise before any work is done when clean data cannot be written as asked for."""
    if path is not None and wanted is not None:
        check_choice("--format", wanted, DATA_FORMATS)
    elif path is not None and data_suffix(path) not in SUFFIXES:
        raise InputError(
            f"`--clean` ends in {path.suffix!r}. Clean data go into .csv, .jsonl, .json, .parquet "
            "or .tar, or without a suffix into a folder (--format says of which kind)."
        )


def print_outcome(outcome: Outcome, *, show: int, as_json: bool) -> None:
    """Print the counts, the worst rows, and how it was done."""
    if as_json:
        write_line(json.dumps(outcome.to_json(show=show), sort_keys=True))
        return
    console = result_console()
    rows = len(outcome.loaded.dataset)
    counts = outcome.issues.counts()
    for check in outcome.checks():
        method = outcome.curator.methods_.get(check)
        _say(console, f"{TITLES[check]}: {counts.get(check, 0):,} (of {rows:,} rows)")
        if method is not None:
            _say(console, f"  {method}.")
    for issue in (outcome.corpus or {}).get("issues", []):
        _say(console, f"all rows, {issue['kind']}: {issue['message']}")
    worst = outcome.worst(show)
    if worst:
        console.print(_worst_table(outcome, worst))
    _say(console, _decided(outcome))
    for name, path in outcome.written.items():
        _say(console, f"{name}: {path}")
    if outcome.clean is not None:
        _say(console, describe_clean(outcome.clean))


def describe_clean(clean: Cleaned) -> str:
    """Say what clean data hold, and how to go back."""
    changed = f", {clean.relabeled:,} with a new label" if clean.relabeled else ""
    listed = [f"{path} ({clean.split_rows[name]:,} rows)" for name, path in clean.splits.items()]
    return (
        f"clean data: {', '.join(listed) or clean.path} ({clean.kept:,} rows stay{changed}, "
        f"{clean.dropped:,} dropped; {clean.undo} takes it back)"
    )


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
    texts = _texts(outcome.loaded, [issue.row_id for issue in worst])
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


def _with_places(outcome: Outcome) -> pa.Table:
    """Add to the findings the decision, the file and line, and the row counted from 1 over all."""
    numbers, table = row_numbers(outcome.loaded), outcome.issues.table
    return with_places(
        table.append_column("row", _numbers(numbers, table["row_id"])).append_column(
            "twin_row", _numbers(numbers, table["twin"])
        ),
        outcome.places,
        outcome.manifest,
    )


def _numbers(numbers: dict[str | None, int], row_ids: pa.ChunkedArray) -> pa.Array:
    return pa.array([numbers.get(row_id) for row_id in row_ids.to_pylist()], pa.int64())


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
