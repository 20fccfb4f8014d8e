"""Folders of runs are reviewed without naming the data, whatever command made them."""

from __future__ import annotations

import numpy as np
import pytest

from thresher.app import run
from thresher.app.review_opening import open_desk
from thresher.app.settings import Settings
from thresher.core.errors import InputError
from thresher.core.manifest import Manifest

COLUMNS = {"label": "stars", "text": "text"}


@pytest.fixture(scope="module")
def finished(reviews, tmp_path_factory):
    """A run that decided about the rows that it used, as `thresher run` does."""
    out = tmp_path_factory.mktemp("runs") / "first"
    run(str(reviews), out=out, settings=Settings(data=COLUMNS), until="curate")
    assert not (out / "decisions").exists()
    return out


def test_a_run_is_reviewed_about_all_rows_of_its_source(finished, reviews, tmp_path):
    desk = open_desk(finished, None)
    assert len(desk.table) == 80
    assert (desk.finish.data, desk.finish.refused) == (str(reviews), "")
    assert desk.map().shape == (80, 2)
    assert np.isfinite(desk.map()).all()
    changed = np.flatnonzero(desk.table.actions)[:1].tolist()
    desk.say("reject", changed, person="ann")
    desk.apply(tmp_path / "clean.csv")
    desk.close()
    name = desk.table.row_ids[changed[0]].as_py()
    manifest = Manifest.load(tmp_path / "clean.csv.manifest")
    assert manifest.actions[manifest.row_ids.tolist().index(name)] == "keep"
    assert (finished / "review" / "verdicts.db").is_file()


def test_the_folder_of_a_run_may_be_named_by_its_clean_file(reviews, thresher, tmp_path):
    clean = tmp_path / "clean.csv"
    thresher("curate", reviews, "--label", "stars", "--text", "text", "--out", clean, "--json")
    desk = open_desk(clean, None)
    assert desk.folder == tmp_path / "clean.csv.run" / "review"
    desk.say("accept", [40], person="ann")
    other = tmp_path / "mine.csv"
    other.write_text("of someone else")
    with pytest.raises(InputError, match="is there already"):
        desk.apply(other)
    assert other.read_text() == "of someone else"
    desk.close()


def test_a_run_with_planted_faults_is_shown_and_not_applied(reviews, tmp_path):
    out = tmp_path / "planted"
    settings = Settings(data=COLUMNS, plant={"copies": 0.1})
    run(str(reviews), out=out, settings=settings, until="curate")
    desk = open_desk(out, None)
    assert len(desk.table) > 80
    desk.say("accept", [0], person="ann")
    assert "planted" in desk.preview()["refused"]
    with pytest.raises(InputError, match="planted faults"):
        desk.apply(tmp_path / "c.csv")
    desk.close()


def test_decisions_alone_need_the_data(decisions, tmp_path):
    with pytest.raises(InputError, match="--data"):
        open_desk(decisions, None)
    with pytest.raises(InputError, match="There is no folder"):
        open_desk(tmp_path / "none", None)
