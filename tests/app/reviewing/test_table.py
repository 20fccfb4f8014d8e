"""Findings by row number: the same as the tables that they come from."""

from __future__ import annotations

import datasets
import numpy as np
import pytest

from curation import decide
from thresher.app.places import Places
from thresher.app.review_sheet import Reviewed, findings_by_row, proposal
from thresher.app.reviewing.cards import cards, search
from thresher.app.reviewing.table import DECIDED, ReviewTable
from thresher.core import load_dataset
from thresher.core.issues import Issue, Issues
from thresher.core.manifest import ACTIONS

CHECKS = ("exact_duplicate", "near_duplicate", "leakage", "conflict", "label", "outlier", "quality")


def random_review(seed, n=40):
    rng = np.random.default_rng(seed)
    rows = {
        "row_id": [f"r{i:02d}" for i in range(n)],
        "text": [f"Straße number {i} <b>" for i in range(n)],
        "label": rng.choice(["x", "y"], n).tolist(),
    }
    loaded = load_dataset(datasets.Dataset.from_dict(rows), label="label", test_fraction=0.2)
    ids = loaded.row_ids.tolist()
    found = []
    for _ in range(3 * n):
        this, twin = rng.choice(n, 2, replace=False)
        check = str(rng.choice(CHECKS))
        score = float(rng.integers(0, 9)) / 10
        named = ids[twin] if check in CHECKS[:4] else None
        better = str(rng.choice(["x", "y", "z"])) if check == "label" else None
        found.append(Issue(ids[this], check, score, named, better, f"{check} of {ids[this]}"))
    issues = Issues.concat([Issues.from_rows(found)])
    manifest = decide(
        issues,
        row_ids=ids,
        splits=loaded.splits,
        labels=rows["label"],
        policy={"label": "relabel", "outlier": "none"},
    )
    return Reviewed(manifest, issues, loaded, Places.none())


@pytest.fixture(params=range(5))
def table(request):
    return ReviewTable(random_review(request.param))


def names(table, numbers):
    ids = table.row_ids.to_pylist()
    return [ids[number] if number >= 0 else None for number in np.asarray(numbers).tolist()]


def first_of(issues):
    found = {}
    for one in issues:
        found.setdefault((one.row_id, one.twin), one.suggested)
    return found


@pytest.mark.parametrize("check", CHECKS)
def test_a_list_holds_the_findings_of_its_check(table, check):
    listed, own = table.listed(check), list(table.reviewed.issues.of(check))
    labels = [None if code < 0 else table.labels[code] for code in listed.suggested.tolist()]
    made = zip(names(table, listed.rows), names(table, listed.twins), labels, strict=True)
    wanted = [(one.row_id, one.twin, one.suggested) for one in own]
    if not listed.grouped:  # a row is one card of a list, however often the check found it
        worst = sorted(own, key=lambda one: one.score)
        wanted = [(*key, suggested) for key, suggested in first_of(worst).items()]
    assert sorted(made, key=str) == sorted(wanted, key=str)
    assert table.count(check) == len(listed)
    assert listed.grouped == (check in CHECKS[:2])
    if not listed.grouped:
        assert (np.diff(listed.scores) >= 0).all()


@pytest.mark.parametrize("check", CHECKS[:2])
def test_groups_stand_together_and_any_cut_of_them_is_a_beginning(table, check):
    listed = table.listed(check)
    starts = np.flatnonzero(np.r_[True, listed.twins[1:] != listed.twins[:-1]])
    centers = listed.twins[starts]
    assert len(set(centers.tolist())) == len(centers)
    lowest = [part.min() for part in np.split(listed.scores, starts[1:])]
    assert lowest == sorted(lowest)
    for part in np.split(listed.scores, starts[1:]):
        assert (np.diff(part) >= 0).all()
    for cut in np.unique(listed.scores):
        inside = [at for at, low in enumerate(lowest) if low <= cut]
        assert inside == list(range(len(inside)))


def test_decisions_are_listed_once_the_most_pressing_first(table):
    listed, rows = table.listed(DECIDED), table.reviewed.manifest.table.to_pylist()
    changed = [at for at, row in enumerate(rows) if row["action"] != "keep"]
    assert sorted(listed.rows.tolist()) == changed
    assert names(table, listed.twins) == [rows[at]["twin"] for at in listed.rows.tolist()]
    pressing = [CHECKS.index(rows[at]["reason"]) for at in listed.rows.tolist()]
    order = ("leakage", "conflict", "label", "exact_duplicate", "near_duplicate", "quality")
    ranked = [order.index(CHECKS[at]) for at in pressing]
    assert ranked == sorted(ranked)
    assert [ACTIONS[code] for code in table.actions] == [row["action"] for row in rows]


def test_a_card_says_what_a_sheet_says(table):
    rows = table.reviewed.manifest.table.to_pylist()
    found = findings_by_row(table.reviewed.issues)
    wanted = [3, 0, 3, 39]
    made = cards(table, wanted)
    assert [card["row"] for card in made] == wanted
    for card in made:
        line = rows[card["row"]]
        own = found.get(line["row_id"], [])
        first = sorted(own, key=lambda one: one.check != line["reason"])
        assert (card["id"], card["action"], card["given"]) == (
            line["row_id"],
            line["action"],
            line["old_label"],
        )
        assert card["proposal"] == proposal(line, first)
        assert [one["detail"] for one in card["findings"]] == [one.detail for one in first]
        assert names(table, [one["twin"] for one in card["findings"]]) == [
            one.twin for one in first
        ]
        (field,) = card["fields"]
        assert field["text"] == f"Straße number {card['row']} <b>"


def test_long_texts_are_cut_and_say_so(table):
    (card,) = cards(table, [5], length=6)
    assert card["fields"] == [{"name": "text", "text": "Straße", "length": 19}]


@pytest.mark.parametrize(
    ("text", "rows"),
    [("STRASSE", []), ("straße NUMBER 7 ", [7]), ("r07", [7]), ("number 3", [3, *range(30, 40)])],
)
def test_search_finds_ids_and_texts_in_any_case(table, text, rows):
    assert search(table, text).tolist() == rows


def test_rows_without_findings_and_no_findings_at_all():
    reviewed = random_review(0)
    empty = Reviewed(
        decide(Issues.empty(), row_ids=reviewed.loaded.row_ids),
        Issues.empty(),
        reviewed.loaded,
        Places.none(),
    )
    table = ReviewTable(empty)
    assert table.checks == ()
    assert len(table.listed(DECIDED)) == 0
    (card,) = cards(table, [0])
    assert (card["proposal"], card["findings"], card["given"]) == ("keep this row", [], None)


def test_findings_about_rows_outside_the_decisions_are_shown_beside_them():
    reviewed = random_review(1)
    bad = Issue("a.jpg", "quality", 0.0, detail="not an image")
    other = Issue("benchmark:3", "contamination", 0.1, twin=reviewed.loaded.row_ids[2])
    issues = Issues.concat([reviewed.issues, Issues.from_rows([bad, other])])
    table = ReviewTable(Reviewed(reviewed.manifest, issues, reviewed.loaded, Places.none()))
    assert (len(table), table.decided) == (42, 40)
    numbers = table.numbers_of(["a.jpg", "benchmark:3"]).tolist()
    assert sorted(numbers) == [40, 41]
    assert numbers[0] in table.listed("quality").rows
    assert table.checks[-1] == "contamination"
    assert table.listed("contamination").twins.tolist() == [2]
    assert not set(numbers) & set(table.listed(DECIDED).rows.tolist())
    made = cards(table, [numbers[1], 3, numbers[0]])
    assert [card["id"] for card in made] == ["benchmark:3", "r03", "a.jpg"]
    assert [card["action"] for card in made][::2] == ["outside"] * 2
    assert search(table, "a.jpg").tolist() == [numbers[0]]
