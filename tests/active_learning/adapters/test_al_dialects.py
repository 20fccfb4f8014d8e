"""What spreadsheets make of a file that is filled in, and what of it is told or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from active_learning import SKIP, UNDO, Session, export_answers, export_batch, import_answers
from active_learning.adapters.records import Inbox
from active_learning.adapters.row_files import read_rows, write_rows
from thresher.core.errors import InputError

IDS = ["007", "12", "=1+2", "-5", "Zoë"]
X = np.random.default_rng(0).normal(size=(len(IDS), 2))


def opened(path: Path, **options: Any) -> Session:
    given = {"embeddings": X, "row_ids": IDS, "background": False, "classes": ["+", "größer"]}
    return Session(path, **{**given, **options})


def numbers(path: Path) -> Session:
    return opened(path, classes=None, task="regression")


# The same five answers as six programs save them.
SHEETS = {
    "comma.csv": "row_id,label,seconds\n7,'+,1.5\n12.0,größer,2\n'=1+2,SKIP,\n-5,'+,0.25\nZoë,,\n",
    "semicolon.csv": "row_id;label;seconds\r\n7;'+;1,5\r\n12;größer;2\r\n'=1+2;Skip;\r\n"
    "-5;'+;0,25\r\nZoë;;\r\n",
    "sep_line.csv": "sep=;\r\nrow_id;label;seconds\r\n7;'+;1,5\r\n12,00;größer;2\r\n"
    "'=1+2;skip;\r\n-5;'+;0,25\r\n;;\r\nZoë;;\r\n",
    "unicode.txt": "row_id\tlabel\tseconds\r\n7\t'+\t1,5\r\n12\tgrößer\t2\r\n'=1+2\tskip\t\r\n"
    "-5\t'+\t0,25\r\nZoë\t\t\r\n",
    "tabs.tsv": "row_id\tlabel\tseconds\n007\t+\t1.5\n12\tgrößer\t2\n=1+2\tskip\t\n-5\t+\t0.25\n"
    "Zoë\t\t\n",
    "quoted.csv": '"row_id","label","seconds"\n"007","+","1.5"\n"12","größer","2"\n'
    '"=1+2","skip",""\n"-5","+","0.25"\n"Zoë","",""\n',
}
ENCODINGS = {"unicode.txt": "utf-16", "semicolon.csv": "utf-8-sig"}


@pytest.mark.parametrize("name", SHEETS)
def test_the_same_answers_come_from_every_dialect(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(SHEETS[name].encode(ENCODINGS.get(name, "utf-8")))
    with opened(tmp_path / "s.db") as session:
        found = import_answers(session, tmp_path / name, annotator="ann")
        assert (found.new, found.conflicts) == (4, ())
        assert session.recorded() == {
            ("007", "ann"): "+",
            ("12", "ann"): "größer",
            ("=1+2", "ann"): SKIP,
            ("-5", "ann"): "+",
        }
        told = {answer.row_id: answer.seconds for answer in session.history()}
        assert told == {"007": 1.5, "12": 2.0, "=1+2": None, "-5": 0.25}


def test_labels_with_decimal_commas_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("row_id;label\n007;1,5\n12;skip\n-5;1.234,25\nZoë;3\n", encoding="utf-8")
    with numbers(tmp_path / "s.db") as session:
        assert import_answers(session, path).new == 4
        assert session.recorded() == {
            ("007", ""): 1.5,
            ("12", ""): SKIP,
            ("-5", ""): 1234.25,
            ("Zoë", ""): 3.0,
        }
    path.write_text("row_id;label\n007;1,500\n12;2,250\n", encoding="utf-8")
    with numbers(tmp_path / "t.db") as session:  # thousands, or a point and three digits?
        with pytest.raises(InputError, match=r"line 2: the label must be a number, got '1,500'"):
            import_answers(session, path)
        assert session.history() == []


def test_a_workbook_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04")
    with opened(tmp_path / "s.db") as session:
        with pytest.raises(InputError, match="Save the sheet as CSV UTF-8"):
            import_answers(session, tmp_path / "a.xlsx")
        (tmp_path / "a.parquet").write_bytes(b"PAR1 cut")
        with pytest.raises(InputError, match=r"a\.parquet cannot be read"):
            import_answers(session, tmp_path / "a.parquet")


def test_all_bad_lines_are_named_up_to_five(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [f"{'no' if place else '007'},+" for place in range(9)]
    path.write_text("\n".join(["row_id,label", *lines]))
    with opened(tmp_path / "s.db") as session:
        with pytest.raises(InputError) as caught:
            import_answers(session, path)
        shown = str(caught.value).splitlines()
        assert [line.partition(":")[0][-6:] for line in shown[:5]] == [
            f"line {k}" for k in range(3, 8)
        ]
        assert shown[5:] == ["… and 3 more", "Nothing was recorded."]
        assert session.history() == []


@pytest.mark.parametrize(
    ("seconds", "says"),
    [("fast", "number, got 'fast'"), ("-1", "in "), ("nan", "in "), ("1e12", "in ")],
)
def test_seconds_that_no_one_took_are_refused(seconds: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"row_id": "12", "label": "+", "seconds": "{seconds}"}}')
    with (
        opened(tmp_path / "s.db") as session,
        pytest.raises(
            InputError, match=f"line 1: `seconds` must be {'a ' * (says[0] == 'n')}{says}"
        ),
    ):
        import_answers(session, path)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_history_ends_in_the_labels_that_it_ended_in(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"history{ending}"
    clock = iter(range(100, 0, -1))  # set back again and again: the log's order counts
    with opened(tmp_path / "s.db", clock=lambda: float(next(clock))) as session:
        session.tell({"007": "+", "12": "+", "-5": SKIP}, annotator="ann")
        session.tell({"007": "größer", "12": UNDO}, annotator="ann")
        session.tell({"007": SKIP, "-5": "größer", "12": "größer"}, annotator="ann")
        assert export_answers(session, path, history=True) == 8
        wanted = session.recorded()
    with opened(tmp_path / "t.db") as session:
        assert import_answers(session, path).new == 3
        assert session.recorded() == wanted
        times = {answer.row_id: answer.time for answer in session.history()}
        assert max(times.values()) <= 100  # theirs, not the time of the import


def test_kind_and_label_that_differ_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with opened(tmp_path / "s.db") as session:
        session.tell({"007": "+"})
        export_answers(session, path)
        for kind, says in (("skip", "`kind` is 'skip', but the label is '\\+'"), ("x", "got 'x'")):
            rows = [row | {"kind": kind} for _, row in read_rows(path, needed=())]
            write_rows(path, rows, columns=list(rows[0]))
            with pytest.raises(InputError, match=f"line 2: .*{says}"):
                import_answers(session, path)


def test_rows_that_the_model_is_measured_by_go_out_without_its_word(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    ids = [f"r{place}" for place in range(60)]
    vectors = np.random.default_rng(0).normal(size=(60, 2))
    kinds = np.where(vectors[:, 0] > 0, "+", "größer")
    with opened(tmp_path / "s.db", embeddings=vectors, row_ids=ids, audit=0.5) as session:
        session.tell({row: str(kind) for row, kind in zip(ids[:30], kinds[:30], strict=True)})
        export_batch(session.ask(20), path)
    arms: dict[str, list[bool]] = {}
    for _, row in read_rows(path, needed=()):
        silent = row["suggestion"] == row["confidence"] == ""
        assert not (
            row["arm"] == "audit" and any(name in row["reason"] for name in ("größer", "+"))
        )
        arms.setdefault(row["arm"], []).append(silent)
    assert all(arms["audit"])
    assert not any(arms["strategy"])


@pytest.mark.parametrize("name", ["seconds", "log_id", "arm"])
def test_content_takes_no_column_of_an_answer(name: str, tmp_path: Path) -> None:
    with opened(tmp_path / "s.db") as session:
        batch = session.ask(1)
        content = {row: {name: 3} for row in batch.row_ids.tolist()}
        with pytest.raises(InputError, match=f"column '{name}'.* Give it another name"):
            export_batch(batch, tmp_path / "b.csv", content=content)


def test_answers_with_a_time_come_in_any_order_and_others_must_agree(tmp_path: Path) -> None:
    with opened(tmp_path / "s.db") as session:
        inbox = Inbox(session, source="server")
        inbox.add("12", "größer", annotator="ann", time="2026-11-30T12:00:05+00:00")
        inbox.add("12", "+", annotator="ann", time="2026-11-30T12:00:00Z")
        inbox.add("12", "+", annotator="bob")
        inbox.add("-5", None)
        with inbox.at("task 4"):
            inbox.add("12", SKIP, annotator="bob")
        with pytest.raises(
            InputError, match="server, task 4: row '12' is 'skip' here and '\\+' above"
        ):
            inbox.record()
        inbox = Inbox(session, source="server")
        with inbox.at("task 1"):
            inbox.add("12", "+", time="soon")
        with pytest.raises(InputError, match="`time` must be seconds since 1970 or like 2026"):
            inbox.record()
        inbox = Inbox(session, source="server")
        inbox.add("12", "größer", annotator="ann", time="2026-11-30T12:00:05+00:00")
        inbox.add("12", "+", annotator="ann", time="2026-11-30T13:00:00+02:00")
        assert inbox.record().new == 1
        assert session.recorded() == {("12", "ann"): "größer"}
        assert [answer.time for answer in session.history()] == [1796040005.0]
