"""What a search found, decided and wrote, and the file of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation import Curator

from ...core.errors import InputError, check_choice
from ...core.issues import Issue, Issues
from ...core.loaded import LoadedDataset
from ...core.manifest import Manifest
from ...core.packing import data_suffix
from ...core.shown import Shown
from ...core.writing import FORMATS as DATA_FORMATS
from ...core.writing import SUFFIXES, write_dataset
from ..cleaning import Cleaned
from ..given import as_dataset
from ..pages.findings_page import write_findings_page
from ..places import Places, places_of, with_places
from ..sources import row_numbers

FORMATS = ("parquet", "csv", "jsonl")
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


@dataclass(frozen=True, repr=False)
class Outcome(Shown):
    """What a command found, decided and wrote.

    Attributes
    ----------
    methods : dict
        How each check that ran was done, in a sentence.
    curator : Curator or None
        What ran the checks; None where they are of one kind of text alone.
    facts : dict
        What a command measured of all rows, as JSON types.
    notes : tuple of str
        The same and what was taken for granted, as lines for people.
    private : bool
        Whether what was found must not be shown: then no text is printed.
    for_good : bool
        Whether cells of the clean data were changed, and are kept nowhere as they were.
    """

    command: str
    loaded: LoadedDataset
    methods: Mapping[str, str]
    issues: Issues
    manifest: Manifest
    curator: Curator | None = None
    corpus: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    private: bool = False
    for_good: bool = False
    clean: Cleaned | None = None
    written: dict[str, Path] = field(default_factory=dict)

    @cached_property
    def places(self) -> Places:
        """Where the rows stand in the user's data."""
        return places_of(self.loaded)

    @property
    def measured(self) -> dict[str, Any]:
        """The recall of the search and the share of wrong labels, where they were measured."""
        return {} if self.curator is None else measured(self.curator)

    def to_json(self, *, show: int) -> dict[str, Any]:
        """Return plain JSON types, with the `show` worst rows of each check."""
        counts = self.issues.counts()
        return {
            "command": self.command,
            "rows": len(self.loaded.dataset),
            "roles": self.loaded.roles,
            "set_aside": len(self.loaded.set_aside),
            "found": {check: counts.get(check, 0) for check in self.checks()},
            "methods": dict(self.methods),
            "measured": self.measured,
            "facts": self.facts,
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
        named = [*self.methods, *self.issues.counts()]
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
            methods=outcome.methods,
            measured=outcome.measured,
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
