"""One self-contained page of findings: what was found, how surely, what is to be done about it.

Its size does not grow with the data: each check shows a fixed number of examples and each table a
fixed number of lines, and says where the rest is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow.compute as pc

from ...core.columns import class_names
from ...core.counted import counted
from ...core.files import write_text
from ...core.issues import Issues
from ...core.loaded import LoadedDataset
from ...core.manifest import Manifest
from ...core.schema import TASKS
from ..class_changes import class_changes
from ..places import Places, places_of
from .content import CHECKS
from .gallery import findings
from .templates import template

EXAMPLES, LINES = 10, 30
WORDS = {"drop": "to drop", "relabel": "to relabel", "review": "to look at"}
CORE_SET = ("Rows outside the core set", "What training can do without, at the size asked for.")


def write_findings_page(
    path: Path,
    *,
    loaded: LoadedDataset,
    issues: Issues,
    manifest: Manifest,
    methods: Mapping[str, str],
    measured: Mapping[str, Any] | None = None,
    corpus: Mapping[str, Any] | None = None,
    places: Places | None = None,
    run: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write the page, atomically; it needs no network and no script.

    Parameters
    ----------
    path : Path
    loaded : LoadedDataset
    issues : Issues
        Findings. Those about rows that were set aside are listed apart and not counted among them.
    manifest : Manifest
    methods : mapping
        How each check was done, in a sentence.
    measured : mapping, optional
        ``search`` (recall with its interval) and ``wrong_labels`` (share with its interval).
    corpus : mapping, optional
        ``issues`` and ``checked``, as `CorpusIssues.to_json` gives them.
    places : Places, optional
        Where the rows stand in the user's data; default as `loaded` knows it.
    run : mapping, optional
        Of a run: ``choices``, ``costs``, ``stages``, ``planted`` and ``kept_in``.
    """
    known = places or (Places.none() if loaded.given is None else places_of(loaded))
    issues = _of_rows_read(issues, loaded)
    counts, decided = issues.counts(), manifest.counts()
    named = {**CHECKS, "coreset": CORE_SET}
    shown = [check for check in named if check in methods or counts.get(check)]
    shown.sort(key=lambda check: not counts.get(check))  # what found nothing goes last
    set_aside = [row for row, _ in zip(loaded.set_aside, range(LINES), strict=False)]
    page = template("findings.html.j2").render(
        origin=loaded.origin,
        headline=_headline(loaded, decided),
        roles=loaded.role_lines,
        tiles=_tiles(loaded, counts, decided, measured or {}),
        sections=[
            {
                "title": named[check][0],
                "meaning": named[check][1],
                "method": methods.get(check, "").removesuffix("."),
                "count": counts.get(check, 0),
                "findings": findings(
                    loaded, issues, manifest, check=check, places=known, limit=EXAMPLES
                ),
                "groups": _groups(issues, check),
                "confusions": _confusions(loaded, issues) if check == "label" else [],
            }
            for check in shown
        ],
        corpus=corpus,
        set_aside=set_aside,
        set_aside_count=len(loaded.set_aside),
        decisions=[
            (action, reason, count)
            for action, reasons in manifest.reasons().items()
            for reason, count in reasons.items()
        ],
        per_class=_per_class(loaded, manifest),
        classes=len(loaded.schema.classes),
        choices=run.get("choices")
        or sorted((name, str(choice)) for name, choice in loaded.choices.items()),
        costs=run.get("costs", ()),
        stages=run.get("stages", ()),
        planted=run.get("planted"),
        kept_in=run.get("kept_in", ""),
        called=lambda row_id: known.called(row_id) or row_id,
        header=manifest.header,
        lines=LINES,
    )
    write_text(path, page)


def _of_rows_read(issues: Issues, loaded: LoadedDataset) -> Issues:
    aside = pc.is_in(issues.table["row_id"], value_set=loaded.set_aside.table["row_id"])
    return Issues(issues.table.filter(pc.invert(aside)))


def _headline(loaded: LoadedDataset, decided: dict[str, int]) -> str:
    parts = [f"{decided[action]:,} {words}" for action, words in WORDS.items() if decided[action]]
    return f"{counted(len(loaded.dataset), 'row')}: {', '.join(parts) or 'nothing to change'}."


def _tiles(
    loaded: LoadedDataset,
    counts: dict[str, int],
    decided: dict[str, int],
    measured: Mapping[str, Any],
) -> list[tuple[str, str, str]]:
    rows = len(loaded.dataset)
    tiles = [(f"{sum(counts.values()):,}", "findings", f"of {counted(len(counts), 'kind')}")]
    if decided["drop"]:
        share = decided["drop"] / max(1, len(loaded.dataset))
        tiles.append(
            (f"{100 * share:.1f} %", "to drop", f"{decided['drop']:,} of {counted(rows, 'row')}")
        )
    labels, search = measured.get("wrong_labels"), measured.get("search")
    if labels is not None:
        low, high = labels["interval"]
        if labels["share"] is None:
            against = f"too little is known: {100 * low:.0f} to {100 * high:.0f} %"
            tiles.append(("not known", "wrong labels", against))
        else:
            against = f"probably {100 * low:.1f} to {100 * high:.1f} %"
            tiles.append((f"{100 * labels['share']:.1f} %", "wrong labels", against))
    if search is not None:
        recall = search["recall"]
        how = "of all close pairs found"
        if search["exact"]:
            tiles.append(("100 %", how, "exact search"))
        elif recall is not None:
            low, high = search["recall_interval"]
            against = f"measured; {100 * low:.2f} to {100 * high:.2f} %"
            tiles.append((f"{100 * recall:.2f} %", how, against))
    return tiles


def _groups(issues: Issues, check: str) -> list[tuple[str, int]]:
    """Return the kept rows that stand for the most others."""
    if check not in ("exact_duplicate", "near_duplicate"):
        return []
    twins = Counter(issues.of(check).table["twin"].to_pylist())
    return [(str(twin), count) for twin, count in twins.most_common(LINES // 3) if count > 1]


def _confusions(loaded: LoadedDataset, issues: Issues) -> list[tuple[str, str, int]]:
    """Return the pairs of given and suggested labels that come up most."""
    found = issues.of("label").table
    label = loaded.schema.label
    if label is None or loaded.schema.task != TASKS[0]:
        return []
    ids = loaded.dataset.data.table.column("row_id").to_pylist()
    given = dict(zip(ids, class_names(loaded.dataset, label).to_pylist(), strict=True))
    pairs = zip(found["row_id"].to_pylist(), found["suggested"].to_pylist(), strict=True)
    counted = Counter((str(given.get(row)), str(better)) for row, better in pairs if better)
    return [(old, new, count) for (old, new), count in counted.most_common(LINES // 2)]


def _per_class(loaded: LoadedDataset, manifest: Manifest) -> list[dict[str, Any]]:
    """Count the training rows of each class as given and as decided; the most changed first."""
    changes = class_changes(loaded, manifest)
    ordered = sorted(changes, key=lambda change: -abs(change.after / max(1, change.before) - 1))
    return [vars(change) for change in ordered[:LINES]]
