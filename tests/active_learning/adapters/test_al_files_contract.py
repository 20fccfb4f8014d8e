"""CSV, tab-separated text, JSON Lines and Parquet keep what was said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from contract import CASES, CHECKS, Adapter

from active_learning import export_answers, import_answers
from active_learning.adapters.row_files import file_format, read_rows, write_rows
from active_learning.sessions.batch import NoLabel


def change(place: Path, row_id: str, annotator: str, label: Any) -> None:
    """Overwrite one answer in a file as a script would do it."""
    rows = [row for _, row in read_rows(place, needed=("row_id",))]
    (row,) = (row for row in rows if (row["row_id"], row["annotator"]) == (row_id, annotator))
    row["kind"] = label.value if isinstance(label, NoLabel) else "label"
    row["label"] = None if isinstance(label, NoLabel) else label
    if file_format(place) == "parquet" and label == "much":  # a column has one type
        for each in rows:
            each["label"] = str(each["label"])
    write_rows(place, rows, columns=list(rows[0]))


def files(ending: str, bad: str) -> Adapter:
    return Adapter(
        name=ending,
        place=lambda folder, _: folder / f"answers{ending}",
        send=lambda session, place, _: export_answers(session, place) and None,
        fetch=import_answers,
        change=change,
        bad=bad,
    )


ADAPTERS = (
    files(".csv", "line 3"),
    files(".tsv", "line 3"),
    files(".jsonl", "line 2"),
    files(".parquet", "row 2"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check: Any, adapter: Adapter, case: Any, tmp_path: Path) -> None:
    check(adapter, case, tmp_path)
