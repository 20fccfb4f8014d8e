"""Verdicts on random decisions: each is carried out, or none is and the lines are named."""

from __future__ import annotations

import numpy as np
import pytest

from curation import decide
from thresher.app.review_sheet import findings_by_row, propose
from thresher.app.verdict import VERDICTS, Verdict
from thresher.app.verdicts import with_verdicts
from thresher.core.errors import InputError
from thresher.core.issues import Issue, Issues

LINKED = ("exact_duplicate", "near_duplicate", "leakage", "conflict")
CHECKS = (*LINKED, "label", "outlier", "quality")


def random_case(rng):
    n = int(rng.integers(3, 20))
    ids = [f"r{i}" for i in range(n)]
    found = []
    for _ in range(int(rng.integers(1, 3 * n))):
        this, twin = rng.choice(n, 2, replace=False)
        check = str(rng.choice(CHECKS))
        better = str(rng.choice(["x", "y"])) if check == "label" else None
        named = ids[twin] if check in LINKED else None
        found.append(Issue(ids[this], check, float(rng.random()), named, better, "blank"))
    issues = Issues.from_rows(found)
    labels = rng.choice(np.array(["x", "y"], dtype=object), n).tolist()
    manifest = decide(issues, row_ids=ids, labels=labels, policy={"label": "review"})
    told = rng.choice(n, int(rng.integers(1, n)), replace=False).tolist()
    verdicts = []
    for line, row in enumerate(told, 2):
        said = str(rng.choice(VERDICTS))
        label = str(rng.choice(["x", "y"])) if said == "relabel" else None
        verdicts.append(Verdict(ids[row], said, line, label))
    return manifest, issues, verdicts


def outcome(manifest, verdicts, issues):
    try:
        return with_verdicts(manifest, verdicts, issues=issues), ""
    except InputError as error:
        return None, str(error)


def check_carried_out(one, old, rows, found):
    row = rows[one.row_id]
    if one.verdict == "reject":
        assert row["action"] == "keep"
    elif one.verdict == "relabel":
        changed = one.label != old["old_label"]
        assert row["action"] == ("relabel" if changed else "keep")
        assert row["new_label"] == (one.label if changed else None)
    elif one.verdict == "keep_other":
        assert row["action"] == "keep"
        assert rows[old["twin"]]["action"] == "drop"
    elif one.verdict == "drop":
        assert row["action"] == "drop"
    elif old["action"] != "keep":
        assert (row["action"], row["new_label"]) == propose(old, found)


@pytest.mark.parametrize("seed", range(300))
def test_each_verdict_is_carried_out_or_none_is(seed):
    manifest, issues, verdicts = random_case(np.random.default_rng(seed))
    before = {row["row_id"]: row for row in manifest.table.to_pylist()}
    after, said_why = outcome(manifest, verdicts, issues)
    if after is None:
        assert "Line" in said_why
        return
    rows = {row["row_id"]: row for row in after.table.to_pylist()}
    assert list(rows) == list(before)
    found = findings_by_row(issues)
    for row in rows.values():
        if row["action"] == "drop" and row["twin"] is not None:
            assert rows[row["twin"]]["action"] != "drop"
    for one in verdicts:
        check_carried_out(one, before[one.row_id], rows, found.get(one.row_id, []))
    said = {one.row_id for one in verdicts}
    for name, row in rows.items():
        if name not in said and row["action"] == "relabel":
            assert before[name]["action"] == "relabel"
        if before[name]["action"] == "keep" and name not in said:
            dropped_for = {one.row_id for one in verdicts if one.verdict == "keep_other"}
            assert row["action"] == "keep" or row["twin"] in dropped_for
    (told,) = after.header["verdicts"]
    assert set(told["rows"]) == said


def test_most_random_verdicts_can_be_carried_out():
    cases = [random_case(np.random.default_rng(seed)) for seed in range(300)]
    done = [outcome(manifest, verdicts, issues)[0] for manifest, issues, verdicts in cases]
    assert sum(one is not None for one in done) > 50
