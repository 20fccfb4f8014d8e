import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from thresher.core.errors import InputError
from thresher.core.labels import Answer, Labels, latest


def test_last_answer_counts_and_history_keeps_all(tmp_path):
    with Labels(tmp_path / "l.db") as labels:
        assert labels.record([Answer("a", "cat", "ann"), Answer("b", "dog", "ann")]) == 2
        assert labels.record([Answer("a", "dog", "ann"), Answer("a", "cat", "bob")]) == 2
        current = labels.current().to_pylist()
        assert {(r["row_id"], r["annotator"]): r["label"] for r in current} == {
            ("a", "ann"): "dog",
            ("b", "ann"): "dog",
            ("a", "bob"): "cat",
        }
        assert labels.history()["label"].to_pylist() == ["cat", "dog", "dog", "cat"]


def test_repeats_are_not_written_twice(tmp_path):
    with Labels(tmp_path / "l.db") as labels:
        answer = Answer("a", "cat", "ann")
        assert [labels.record([answer]) for _ in range(3)] == [1, 0, 0]
        assert labels.record([Answer("a", annotator="ann", kind="undo")]) == 1
        assert labels.record([Answer("a", annotator="ann", kind="undo")]) == 0
        assert len(labels.current()) == 0
        assert labels.record([answer]) == 1


def test_skip_and_undo():
    answers = [
        Answer("a", "cat", "ann"),
        Answer("a", annotator="ann", kind="skip"),
        Answer("b", annotator="ann", kind="skip"),
        Answer("b", annotator="ann", kind="undo"),
    ]
    assert [(a.row_id, a.kind) for a in latest(answers)] == [("a", "skip")]


def test_all_or_none(tmp_path):
    with Labels(tmp_path / "l.db") as labels:
        good, bad = Answer("a", "cat"), Answer("b", "dog")
        object.__setattr__(bad, "kind", "wrong")
        with pytest.raises(sqlite3.IntegrityError):
            labels.record([good, bad])
        assert len(labels) == 0


def test_file_is_append_only(tmp_path):
    with Labels(tmp_path / "l.db") as labels:
        labels.record([Answer("a", "cat")])
        for statement in ("UPDATE answers SET label = 'dog'", "DELETE FROM answers"):
            with pytest.raises(sqlite3.DatabaseError, match="append-only"):
                labels.connection.execute(statement)


def test_other_files_are_refused_and_left_alone(tmp_path):
    (tmp_path / "text.db").write_text("hello " * 200)
    with pytest.raises(InputError, match="cannot be opened"):
        Labels(tmp_path / "text.db")
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE t (x)")
    other.close()
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(InputError, match="another program"):
        Labels(tmp_path / "other.db")
    assert (tmp_path / "other.db").read_bytes() == before


def test_other_format_is_refused_with_the_way_out(tmp_path):
    with Labels(tmp_path / "l.db") as labels:
        labels.connection.execute("PRAGMA user_version = 0")
    with pytest.raises(InputError, match=r"format 0.*Export"):
        Labels(tmp_path / "l.db")


def test_full_disk_is_an_error_and_loses_nothing(tmp_path):
    with Labels(tmp_path / "l.db") as labels:
        labels.record([Answer("a", "cat")])
        pages = labels.connection.execute("PRAGMA page_count").fetchone()[0]
        labels.connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(InputError, match="Nothing was written"):
            labels.record([Answer(f"row {k}", "x" * 1000) for k in range(100)])
        assert labels.current()["row_id"].to_pylist() == ["a"]


def test_label_and_kind_must_fit():
    with pytest.raises(InputError, match="exactly the answers"):
        Answer("a", None)
    with pytest.raises(InputError, match="Did you mean 'skip'"):
        Answer("a", None, kind="skipp")


WRITER = """
import sys
from thresher.core.labels import Answer, Labels
labels = Labels(sys.argv[1])
k = 0
while True:
    labels.record([Answer(str(k), "cat", "ann")])
    print(k, flush=True)
    k += 1
"""


def test_kill_loses_no_accepted_answer(tmp_path):
    path = str(tmp_path / "l.db")
    process = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE)
    accepted = [process.stdout.readline() for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    accepted += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    confirmed = {line.decode().strip() for line in accepted if line.endswith(b"\n")}
    with Labels(path) as labels:
        assert confirmed <= set(labels.current()["row_id"].to_pylist())


def test_many_may_make_one_new_file_at_once(tmp_path):
    barrier = threading.Barrier(8)

    def make(path, name):
        barrier.wait()
        with Labels(path) as labels:
            labels.record([Answer("r1", "cat", annotator=name)])

    for attempt in range(10):
        path = tmp_path / f"{attempt}.db"
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name, path=path: make(path, name), "abcdefgh"))
        with Labels(path) as labels:
            assert sorted(answer.annotator for answer in labels.since()) == list("abcdefgh")


def test_a_file_that_stays_locked_is_named_after_the_timeout(tmp_path):
    holder = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    with pytest.raises(InputError, match=r"a\.db cannot be opened .* locked"):
        Labels(tmp_path / "a.db", timeout=0.2)
    assert time.monotonic() - began < 10
    holder.close()
