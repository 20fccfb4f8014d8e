"""Row ids that went through a spreadsheet, and sessions started with ids of an older version."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from active_learning import Session, export_batch, import_answers
from thresher.core.errors import InputError, ThresherWarning

IDS = np.array(["007", "12", "013", "0013", "h234567890123456", "abc", "9876543210123456", "1.5"])
X = np.random.default_rng(0).normal(size=(len(IDS), 4))


def write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["row_id", "label"])
        writer.writerows(rows)
    return path


def test_ids_that_a_sheet_changed_are_found_again(tmp_path):
    sheet = write(tmp_path / "a.csv", [("7", "a"), ("12.0", "b"), ("abc", "a"), ("12,00", "b")])
    with Session(tmp_path / "s.db", embeddings=X, row_ids=IDS, classes=["a", "b"]) as session:
        assert import_answers(session, sheet).new == 3
        assert {row for row, _ in session.recorded()} == {"007", "12", "abc"}


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("13", "'13' is not in the pool"),
        ("9,87654E+15", "a spreadsheet has rounded it"),
        ("9.87654E+15", "a spreadsheet has rounded it"),
        ("8", "'8' is not in the pool"),
        ("", "'' is not in the pool"),
    ],
)
def test_what_may_be_several_rows_is_refused(tmp_path, cell, message):
    sheet = write(tmp_path / "a.csv", [(cell, "a")])
    with Session(tmp_path / "s.db", embeddings=X, row_ids=IDS, classes=["a", "b"]) as session:
        with pytest.raises(InputError, match="line 2"):
            import_answers(session, sheet)
        with pytest.raises(InputError, match=message.replace("+", r"\+")):
            import_answers(session, sheet)


def test_going_out_says_which_ids_will_not_come_back(tmp_path):
    with Session(tmp_path / "s.db", embeddings=X, row_ids=IDS, classes=["a", "b"]) as session:
        batch = session.ask(len(IDS))
        with pytest.warns(ThresherWarning, match="round 1 of the row ids .* '9876543210123456'"):
            export_batch(batch, tmp_path / "b.csv")
        export_batch(batch, tmp_path / "b.jsonl")


def test_a_session_of_an_older_version_opens_with_todays_ids(tmp_path):
    old = IDS.copy()
    old[4] = "1234567890123456"
    path = tmp_path / "s.db"
    with Session(path, embeddings=X, row_ids=old, classes=["a", "b"]) as session:
        session.tell({"1234567890123456": "a", "abc": "b"})
    with Session(path, embeddings=X, row_ids=IDS, classes=["a", "b"]) as session:
        found = session.labels()
        assert dict(zip(found.row_ids, found.labels, strict=True)) == {
            "h234567890123456": "a",
            "abc": "b",
        }
        session.tell({"h234567890123456": "b"})
    with pytest.raises(InputError, match="another `pool`"):
        Session(path, embeddings=X, row_ids=[*IDS[:-1], "other"])
