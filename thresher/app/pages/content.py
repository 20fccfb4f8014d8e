"""What the report shows, gathered from a run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from curation.decisions.decide import with_final_twins

from ...core.counted import counted
from ...core.issues import Issues
from ...core.loaded import LoadedDataset
from ...core.manifest import Manifest
from ..costs import total_costs
from ..places import Places
from ..result import Line, RunResult
from ..steps.load import read_loaded, read_places
from ..tables import cost_lines, savings_table
from .augmentation import augmentation
from .charts import line_chart
from .gallery import findings

# The sections, the most important first, and what each check means in words.
CHECKS = {
    "leakage": (
        "Leaks between train and test",
        "A training row that is also, or nearly, a test row.",
    ),
    "conflict": ("Conflicting labels", "Equal content under different labels."),
    "label": (
        "Labels that look wrong",
        "The rows around it, and a model that never saw it, say otherwise.",
    ),
    "exact_duplicate": (
        "Exact duplicates",
        "Equal content: the same pixels, values, or words but for case and spaces.",
    ),
    "near_duplicate": ("Near duplicates", "So similar that one of them teaches nothing new."),
    "outlier": ("Outliers", "Far from everything else of its class."),
    "quality": ("Quality", "Blank, dark, blurred, turned, damaged, foreign or odd."),
}
SHOWN_SET_ASIDE = 50


def collect(folder: Path, *, prices: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Return the values that the page's template uses."""
    result = RunResult.load(folder)
    costs = result.costs
    if prices:
        costs = total_costs([stage["cost"] for stage in result.stages], prices=prices)
    stages = {stage["name"]: stage for stage in result.stages}
    summaries = {name: stage["summary"] for name, stage in stages.items()}
    return {
        "result": result,
        "metrics": result.metrics,
        "savings": savings_table(result.lines),
        "headline": headline(result),
        "tiles": tiles(result),
        "sections": sections(folder, summaries),
        "corpus": summaries.get("find", {}).get("corpus"),
        "roles": summaries.get("load", {}).get("role_lines", []),
        "set_aside": set_aside(folder),
        "decisions": summaries.get("decide", {}),
        "charts": charts(summaries),
        "augmentation": augmentation(folder, result.choices),
        "stages": result.stages,
        "costs": cost_lines(costs),
        "choices": sorted(result.choices.items()),
        "longest": max((stage["cost"]["wall_s"] for stage in result.stages), default=1.0) or 1.0,
    }


def headline(result: RunResult) -> str:
    """Say in one sentence what the run did."""
    by_stage = {line.stage: line for line in result.lines}
    given, last = result.lines[0], result.lines[-1]
    kept = by_stage.get("curated", given)
    text = counted(given.rows, "training row") if given.rows else "The rows"
    if kept.rows is not None and given.rows and kept.rows != given.rows:
        text += f" became {kept.rows:,} ({100 * (1 - kept.rows / given.rows):.1f} % fewer)"
    int8 = by_stage.get("int8")
    if int8 is None or int8.accuracy is None or int8.megabytes is None:
        return text + "." if last is kept or last is given else text
    text += f"; the int8 model classifies {100 * int8.accuracy:.1f} % of the test rows right"
    text += f" in {int8.megabytes:.2f} MB"
    return text + (f" and {int8.milliseconds:.3f} ms a row." if int8.milliseconds else ".")


def tiles(result: RunResult) -> list[tuple[str, str, str]]:
    """Return the few large numbers at the top: value, name, and against what."""
    by_stage = {line.stage: line for line in result.lines}
    found = sum(result.metrics.get("found", {}).values())
    kinds = counted(len(result.metrics.get("found", {})), "kind")
    tiles = [(f"{found:,}", "findings", kinds)] if found else []
    teacher, int8 = by_stage.get("teacher"), by_stage.get("int8")
    if int8 is not None and int8.accuracy is not None:
        against = _against(teacher, int8)
        tiles.append((f"{100 * int8.accuracy:.1f} %", "int8 test accuracy", against))
    if teacher and int8 and teacher.megabytes and int8.megabytes:
        ratio = teacher.megabytes / int8.megabytes
        tiles.append((f"{ratio:.0f}×", "smaller", "int8 against the float teacher"))
    if teacher and int8 and teacher.milliseconds and int8.milliseconds:
        ratio = teacher.milliseconds / int8.milliseconds
        tiles.append((f"{ratio:.1f}×", "faster", "one row, same runtime and threads"))
    return tiles


def _against(teacher: Line | None, int8: Line) -> str:
    if teacher is None or teacher.accuracy is None or int8.accuracy is None:
        return ""
    return f"{100 * (int8.accuracy - teacher.accuracy):+.1f} points against the teacher"


def sections(folder: Path, summaries: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one section for each check that ran, with examples side by side."""
    if not (folder / "issues" / "issues.parquet").is_file():
        return []
    loaded = read_loaded(folder / _loaded_from(summaries))
    issues = Issues.load(folder / "issues" / "issues.parquet")
    manifest = Manifest.load(folder / "manifest" / "decisions") if "decide" in summaries else None
    issues = issues if manifest is None else with_final_twins(issues, manifest)
    checks, places = summaries.get("find", {}).get("checks", {}), read_places(folder)
    tried = summaries.get("label trial", {}).get("chosen", "")
    after = {"label": f" After a trial: {tried}." if tried else ""}
    found = [
        {
            "check": check,
            "title": title,
            "meaning": meaning,
            "method": checks[check].get("method", "") + after.get(check, ""),
            "count": checks[check]["count"],
            "findings": findings(loaded, issues, manifest, check=check, places=places),
        }
        for check, (title, meaning) in CHECKS.items()
        if check in checks
    ]
    bought = summaries.get("bought labels")
    return found if bought is None else [*found, of_bought(folder, loaded, places, bought)]


def of_bought(
    folder: Path, loaded: LoadedDataset, places: Places, bought: dict[str, Any]
) -> dict[str, Any]:
    """Return the section of the labels that were bought, which alone decide about labels."""
    here = folder / "bought"
    issues, manifest = Issues.load(here / "issues.parquet"), Manifest.load(here / "decisions")
    return {
        "check": "label",
        "title": "Wrong labels among those that were bought",
        "meaning": "Only these labels were looked at to decide. A row whose label was dropped is "
        "learned from without it; the label was paid for all the same.",
        "method": f"{bought['method']}. Decided: {bought['chosen']}.",
        "count": bought["flagged"],
        "findings": findings(loaded, issues, manifest, check="label", places=places),
    }


def _loaded_from(summaries: dict[str, Any]) -> str:
    return "planted" if "plant" in summaries else "loaded"


def set_aside(folder: Path) -> dict[str, Any]:
    """Return the rows that could not be used: how many, and the first by name and reason."""
    path = folder / "loaded" / "set_aside.parquet"
    if not path.is_file():
        return {"count": 0, "rows": []}
    issues = Issues.load(path)
    rows = [issue for issue, _ in zip(issues, range(SHOWN_SET_ASIDE), strict=False)]
    return {"count": len(issues), "rows": rows}


def charts(summaries: dict[str, Any]) -> list[Markup]:
    """Return training and labeling curves, those that the run has."""
    histories = {
        name: summaries[name]["history"]
        for name in ("teacher", "student", "quantize")
        if summaries.get(name, {}).get("history")
    }
    drawn = [
        line_chart(
            {name: _points(history, key) for name, history in histories.items()},
            title=title,
            x_label="epoch",
            as_percent=key != "loss",
        )
        for key, title in (
            ("loss", "Training loss"),
            ("validation_accuracy", "Accuracy on validation rows"),
        )
    ]
    curve = summaries.get("label", {}).get("curve")
    if curve:
        series = {name: [(x, y) for x, y in points] for name, points in curve.items()}
        drawn.append(
            line_chart(
                series, title="Accuracy by number of labels", x_label="labels", as_percent=True
            )
        )
    return [chart for chart in drawn if chart]


def _points(history: list[dict[str, float]], key: str) -> list[tuple[float, float]]:
    return [(record["epoch"], record[key]) for record in history if record.get(key) is not None]
