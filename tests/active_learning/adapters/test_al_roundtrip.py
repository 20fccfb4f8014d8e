import csv
import json

import numpy as np
import pytest

from active_learning import SKIP, Session, export_batch, export_labels, import_answers
from active_learning.adapters.records import Conflict
from active_learning.adapters.row_files import read_rows
from thresher.core.errors import InputError

VECTORS = np.random.default_rng(0).normal(size=(20, 3))


@pytest.fixture
def session(tmp_path):
    with Session(
        tmp_path / "s.db", embeddings=VECTORS, classes=["yes", "no"], background=False
    ) as opened:
        yield opened


def fill(path, labels):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row, label in zip(rows, labels, strict=True):
        row["label"] = label
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_csv_goes_out_and_comes_back(session, tmp_path):
    batch = session.ask(4, annotator="ann")
    content = {row: {"text": f'line one\nline "two", {row}'} for row in batch.row_ids}
    export_batch(batch, tmp_path / "b.csv", content=content)
    fill(tmp_path / "b.csv", ["yes", "no", "", "Skip"])
    found = import_answers(session, tmp_path / "b.csv")
    assert (found.new, found.repeated, found.empty, found.conflicts) == (3, 0, 1, ())
    a, b, _, d = batch.row_ids.tolist()
    assert session.recorded() == {(a, "ann"): "yes", (b, "ann"): "no", (d, "ann"): SKIP}
    assert import_answers(session, tmp_path / "b.csv").repeated == 3


def test_json_lines(session, tmp_path):
    batch = session.ask(2)
    export_batch(batch, tmp_path / "b.jsonl")
    lines = (tmp_path / "b.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    rows[0] |= {"label": "yes", "seconds": 2.5}
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert import_answers(session, tmp_path / "b.jsonl", annotator="bob").new == 1
    assert session.report().seconds_per_label == 2.5


def test_nothing_is_overwritten_silently(session, tmp_path):
    session.tell({"3": "yes"}, annotator="ann")
    (tmp_path / "b.csv").write_text("row_id,annotator,label\n3,ann,no\n4,ann,no\n")
    found = import_answers(session, tmp_path / "b.csv")
    assert found.conflicts == (Conflict("3", "ann", "yes", "no"),)
    assert found.new == 1
    assert session.recorded()["3", "ann"] == "yes"
    assert import_answers(session, tmp_path / "b.csv", overwrite=True).new == 1
    assert session.recorded()["3", "ann"] == "no"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row_id,label\n99,yes\n", "line 2: The row id '99'"),
        ("row_id,label\n1,yess\n", r"one of 'yes', 'no', got 'yess'.*Did you mean 'yes'"),
        ("row_id,label\n1,yes\n1,no\n", "line 3: row '1' is 'no' here and 'yes' above"),
        ("id,label\n1,yes\n", "no column 'row_id'"),
        ("row_id,label,seconds\n1,yes,fast\n", "must be a number"),
    ],
)
def test_bad_files_are_refused_whole(session, tmp_path, text, message):
    (tmp_path / "b.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        import_answers(session, tmp_path / "b.csv")
    assert session.recorded() == {}


def test_other_endings_and_column_clashes(session, tmp_path):
    batch = session.ask(1)
    with pytest.raises(InputError, match=r"\.csv, \.jsonl"):
        export_batch(batch, tmp_path / "b.xlsx")
    with pytest.raises(InputError, match="column 'label'"):
        export_batch(batch, tmp_path / "b.csv", content={batch.row_ids[0]: {"label": "x"}})


def test_export_labels(session, tmp_path):
    session.tell({"1": "yes", "2": "no"})
    assert export_labels(session, tmp_path / "l.csv") == 2
    with open(tmp_path / "l.csv", newline="", encoding="utf-8") as file:
        rows = {row["row_id"]: row["label"] for row in csv.DictReader(file)}
    assert rows == {"1": "yes", "2": "no"}


SHEET = ["row_id,annotator,label", *(f"r{i},ann,{'ab'[i % 2]}" for i in range(30))]


def sheet(tmp_path, lines, name="labels.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def test_a_line_that_cannot_be_read_refuses_the_file_and_is_named(tmp_path):
    stray, half = list(SHEET), list(SHEET)
    stray[7] = 'r6,"ann,a'
    half[9] = "r8,ann,a,more"
    nul = [*SHEET[:5], "r4,an\0n,a", *SHEET[6:]]
    for lines, message in (
        (stray, r"line 8: broken line \(a quote that is not closed\)"),
        (half, "line 10: 4 cells, but there are 3 columns"),
        (nul, "line 6: NUL bytes"),
    ):
        with pytest.raises(InputError, match=message):
            read_rows(sheet(tmp_path, lines), needed=("row_id", "label"))
    rows = ['{"row_id": "a", "label": "x"}', '{"row_id": "\\ud83d", "label": "x"}', "[" * 100_000]
    for count, message in ((2, "line 2: half a character"), (3, "line 1: nested too deep")):
        lines = rows[:2] if count == 2 else rows[2:]
        with pytest.raises(InputError, match=message):
            read_rows(sheet(tmp_path, lines, "labels.jsonl"), needed=("row_id", "label"))


def test_sheets_are_read_in_the_encoding_of_their_program(tmp_path):
    names = ["评论内容很好", "这个产品质量不错", "包装有点破损了"]
    lines = [SHEET[0], *(f"r{i},{names[i % 3]},{'ab'[i % 2]}" for i in range(60))]
    for encoding in ("utf-8-sig", "utf-16", "gb18030"):
        path = sheet(tmp_path, lines, encoding=encoding)
        found = read_rows(path, needed=("row_id", "label"))
        assert [row["annotator"] for _, row in found] == [names[i % 3] for i in range(60)]
        assert [line for line, _ in found] == list(range(2, 62))
    path = sheet(tmp_path, [SHEET[0], *(f"r{i},好,a" for i in range(60))], encoding="gb18030")
    with pytest.raises(InputError, match="Save it as UTF-8"):
        read_rows(path, needed=("row_id", "label"))
    long = sheet(tmp_path, [SHEET[0], f"r1,{'x' * 200_000},a", '"r2","a\nb","c"', "r3,ann"])
    (_, first), (line, second), (last, third) = read_rows(long, needed=("row_id", "label"))
    assert (len(first["annotator"]), second["annotator"], third["label"]) == (200_000, "a\nb", None)
    assert (line, last) == (3, 5)
