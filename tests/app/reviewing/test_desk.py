"""A review in a page ends in the same manifest as one in a spreadsheet."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from thresher.app.review_opening import open_desk
from thresher.app.verdict import VERDICTS
from thresher.core.errors import InputError
from thresher.core.manifest import Manifest


@pytest.fixture
def folder(decisions, tmp_path):
    return shutil.copytree(decisions, tmp_path / "found")


@pytest.fixture
def desk(folder, reviews):
    desk = open_desk(folder, str(reviews))
    yield desk
    desk.close()


def row(desk, name):
    return desk.table.numbers_of([name]).tolist()[0]


def say_at_random(desk, rng):
    """Give a verdict to some rows of the review, those that can be carried out."""
    chosen = rng.choice(np.flatnonzero(desk.table.actions != 0), 6, replace=False).tolist()
    said = {}
    for number in chosen:
        verdict = str(rng.choice(VERDICTS))
        label = str(rng.choice(["good", "bad"])) if verdict == "relabel" else None
        try:
            desk.say(verdict, [number], person="ann", label=label, note="a note")
        except InputError:
            assert verdict == "keep_other"
            continue
        said[desk.table.row_ids[number].as_py()] = (verdict, label or "")
    return said


def fill(sheet, said):
    with open(sheet, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for line in rows:
        verdict, label = said.get(line["row_id"], ("", ""))
        note = "a note" if verdict else ""
        line.update(verdict=verdict, label=label, note=note)
    with open(sheet, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def told(folder):
    """Return a manifest's header but for what names the file and the time of the verdicts."""
    header = json.loads((folder / "manifest.json").read_text())["header"]
    (entry,) = header["verdicts"]
    for name in ("at", "file", "sha256"):
        del entry[name]
    for line in entry["rows"].values():
        del line["line"]
    return header


@pytest.mark.parametrize("seed", range(8))
def test_the_page_and_a_spreadsheet_end_in_the_same_bytes(
    desk, folder, reviews, thresher, tmp_path, seed
):
    said = say_at_random(desk, np.random.default_rng(seed))
    assert said
    sheet, by_sheet, by_page = tmp_path / "s.csv", tmp_path / "sheet.csv", tmp_path / "page.csv"
    thresher("curate", "review", folder, "--data", reviews, "--all", "--out", sheet)
    fill(sheet, said)
    options = ["--verdicts", sheet, "--out", by_sheet, "--by", "ann"]
    preview = desk.preview()
    if preview["error"]:
        with pytest.raises(RuntimeError, match="left with 2"):
            thresher("curate", "apply", folder, reviews, *options)
        with pytest.raises(InputError):
            desk.apply(by_page)
        assert not by_sheet.exists()
        assert not by_page.exists()
        return
    thresher("curate", "apply", folder, reviews, *options)
    cleaned = desk.apply(by_page)
    assert by_page.read_bytes() == by_sheet.read_bytes()
    mine, theirs = (tmp_path / f"{name}.csv.manifest" for name in ("page", "sheet"))
    for name in ("manifest.parquet", "issues.parquet", "places.parquet"):
        assert (mine / name).read_bytes() == (theirs / name).read_bytes()
    assert told(mine) == told(theirs)
    counts = Manifest.load(mine).counts()
    assert preview["after"] == counts
    assert cleaned.dropped == counts["drop"]


def test_the_sheet_shows_what_was_said_in_the_page_and_takes_it_back(
    desk, folder, reviews, thresher, tmp_path
):
    said = say_at_random(desk, np.random.default_rng(3))
    sheet = tmp_path / "s.csv"
    thresher("curate", "review", folder, "--data", reviews, "--out", sheet)
    with open(sheet, encoding="utf-8", newline="") as file:
        filled = {line["row_id"]: line for line in csv.DictReader(file)}
    assert {
        name: (line["verdict"], line["label"]) for name, line in filled.items() if line["verdict"]
    } == said


def test_nothing_is_changed_before_it_is_applied(desk, folder, reviews, tmp_path):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    desk.say("drop", [row(desk, "k050")], person="ann")
    desk.undo("ann")
    desk.say("reject", [row(desk, "k050")], person="ann")
    assert desk.preview()["verdicts"] == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found", "found.review"]


def test_keeping_this_copy_instead_asks_again_about_the_others(desk):
    """k053 and k054 are near copies of k006: with that dropped, the other has lost its twin."""
    first, second, kept = (row(desk, name) for name in ("k053", "k054", "k006"))
    assert desk.table.twins[[first, second]].tolist() == [kept, kept]
    desk.say("keep_other", [first], person="ann")
    rows = {one["row_id"]: one for one in desk.decided().table.to_pylist()}
    assert (rows["k006"]["action"], rows["k006"]["twin"]) == ("drop", "k053")
    assert rows["k053"]["action"] == "keep"
    assert rows["k054"]["action"] == "review"


@pytest.mark.parametrize(
    ("verdict", "name", "options", "says"),
    [
        ("accpt", "k050", {}, "Did you mean 'accept'"),
        ("keep_other", "k030", {}, "no twin"),
        ("relabel", "k050", {}, "goes with the verdict 'relabel'"),
        ("accept", "k050", {"label": "good"}, "goes with the verdict 'relabel'"),
        ("relabel", "k050", {"label": "goood"}, "Did you mean 'good'"),
    ],
)
def test_verdicts_that_cannot_be_carried_out_are_not_recorded(desk, verdict, name, options, says):
    with pytest.raises(InputError, match=says):
        desk.say(verdict, [row(desk, name)], person="ann", **options)
    for rows, why in (([], "none is chosen"), ([-1], "no row -1"), ([80], "no row 80")):
        with pytest.raises(InputError, match=why):
            desk.say("accept", rows, person="ann")
    assert desk.journal.last == 0


def test_a_new_label_is_taken_when_it_is_confirmed(desk, tmp_path):
    desk.say("relabel", [row(desk, "k050")], person="ann", label="so-so", new_label=True)
    desk.apply(tmp_path / "c.csv")
    assert "so-so" in (tmp_path / "c.csv").read_text()


def test_contradictions_are_named_by_row(desk):
    """k000 and k040 have equal content and two labels."""
    desk.say("accept", [row(desk, "k000"), row(desk, "k040")], person="ann")
    found = desk.preview()
    assert "equal content" in found["error"]
    assert sorted(found["rows"]) == [row(desk, "k000"), row(desk, "k040")]
    desk.undo("ann")
    assert desk.preview()["error"] == ""
    desk.say("drop", [row(desk, "k000"), row(desk, "k040")], person="ann")
    assert desk.preview()["after"]["drop"] == desk.preview()["before"]["drop"] + 2


def test_decisions_made_again_begin_a_new_review(folder, reviews, thresher):
    first = open_desk(folder, str(reviews))
    first.say("reject", [row(first, "k050")], person="ann")
    first.close()
    options = ["--label", "stars", "--text", "text", "--threshold", "0.9", "--json"]
    thresher("curate", "duplicates", reviews, *options, "--manifest", folder)
    with pytest.raises(InputError, match=r"other decisions .* begin a new review"):
        open_desk(folder, str(reviews))
