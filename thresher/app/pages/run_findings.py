"""The report of a run that trains nothing: the page of findings, and what it took."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from curation.decisions.decide import with_final_twins

from ...core.issues import Issues
from ...core.manifest import Manifest
from ..costs import total_costs
from ..result import RunResult
from ..steps.load import read_loaded, read_places
from ..tables import cost_lines
from .findings_page import write_findings_page


def only_cleaned(result: RunResult) -> bool:
    """Tell whether a run decided about rows and trained nothing."""
    names = {stage["name"] for stage in result.stages}
    return "decide" in names and not names & {"teacher", "student", "verify", "label"}


def write_cleaning_report(
    path: Path, result: RunResult, *, prices: Mapping[str, float] | None = None
) -> None:
    """Write the page of findings of a finished run."""
    folder = path.parent
    summaries = {stage["name"]: stage["summary"] for stage in result.stages}
    loaded = read_loaded(folder / ("planted" if "plant" in summaries else "loaded"))
    aside = folder / "loaded" / "set_aside.parquet"
    manifest = Manifest.load(folder / "manifest" / "decisions")
    issues = with_final_twins(Issues.load(folder / "issues" / "issues.parquet"), manifest)
    found, costs = summaries["find"], result.costs
    if prices:
        costs = total_costs([stage["cost"] for stage in result.stages], prices=prices)
    write_findings_page(
        path,
        loaded=loaded,
        issues=Issues.concat([issues, Issues.load(aside)]) if aside.is_file() else issues,
        manifest=manifest,
        methods={check: one.get("method", "") for check, one in found["checks"].items()},
        corpus=found.get("corpus"),
        places=read_places(folder),
        run={
            "choices": sorted(result.choices.items()),
            "costs": cost_lines(costs),
            "stages": result.stages,
            "planted": result.metrics.get("planted"),
            "kept_in": "Every finding is in issues/issues.parquet, every decision in "
            "manifest/decisions, settings are in config.toml.",
        },
    )
