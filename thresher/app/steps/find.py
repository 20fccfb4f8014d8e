"""Run every check on what the search found. Checks find; they change nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from curation.curator.checks import Checks
from curation.curator.steps import Plan
from curation.curator.target_checks import LOOK
from curation.decisions.label_action import choose_label_action

from ...core.choice import Choice
from ...core.columns import read_splits
from ...core.embeddings import Embeddings
from ...core.issues import Issues
from ...core.loaded import LoadedDataset
from ...core.neighbors import NeighborGraph
from ...core.schema import TASKS
from ..stages import Done, Notes, RunFolder
from .decide import LABEL_DECISION
from .neighbors import compare_rows

CODE = ("thresher/core", "curation")
# For the labels of test rows, which decide nothing.
CHEAP = "loo_ridge"


def find_issues(
    run: RunFolder,
    loaded: Done[LoadedDataset],
    embeddings: Done[Embeddings],
    graph: Done[NeighborGraph],
) -> Done[Issues]:
    """Write everything that the checks found into ``issues/``.

    Where ``label.budget`` has yet to buy labels, outliers are judged without classes.
    """
    known = run.settings.label.budget is None

    def work(folder: Path, notes: Notes) -> None:
        checks = Checks(
            compare_rows(
                run,
                loaded.value,
                embeddings,
                plan=_plan(run, loaded.value, by_class=known),
                graph=graph,
            )
        )
        issues = checks.run()
        issues.save(folder / "issues.parquet")
        counts = issues.counts()
        if "label" in checks.found:
            notes.choices[LABEL_DECISION] = _label_decision(checks)
        methods = {**checks.methods, "conflict": "Equal content, different label"}
        notes.summary = {
            "checks": {
                check: {"count": counts.get(check, 0), "method": f"{method}."}
                for check, method in methods.items()
            },
            "corpus": checks.corpus().to_json(),
        }

    return run.stage(
        "find",
        work,
        load=lambda folder: Issues.load(folder / "issues.parquet"),
        needs=[loaded, embeddings, graph],
        settings=[run.settings.find.model_dump(), known],
        code=CODE,
        where="issues",
        rows=len(loaded.value.dataset),
    )


def _label_decision(checks: Checks) -> Choice:
    found = checks.found["label"]
    return choose_label_action(found) if checks.rows.task == TASKS[0] else LOOK


def _plan(run: RunFolder, loaded: LoadedDataset, *, by_class: bool) -> Plan:
    """Return the checks that the data allow in their order: copies first, for they hide others."""
    method, copies = run.settings.find.label_method, {"keep": run.settings.find.keep}
    labels = {"method": method, "test_method": CHEAP if method == "auto" else method}
    plan: Plan = {"exact_duplicate": copies}
    plan |= {"leakage": {}} if len(np.unique(read_splits(loaded.dataset))) > 1 else {}
    plan |= {"near_duplicate": copies, "quality": {}}
    plan |= {"label": labels} if loaded.schema.label is not None else {}
    return {**plan, "outlier": {"by_class": by_class}}
