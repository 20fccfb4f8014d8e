"""The journal of a review: what was accepted is on disk, and undoing goes to any depth."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from thresher.app.reviewing import journal as journal_module
from thresher.app.reviewing.journal import CODES, NOTHING, Journal, verdicts_of
from thresher.core.errors import InputError, StorageError

IDS = [f"r{at}" for at in range(12)]


def opened(path, ids=IDS, decisions="d"):
    return Journal(path, row_ids=ids, decisions=decisions)


def state(journal):
    return {row: (step.verdict, step.label) for row, step in journal.verdicts()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "review" / "verdicts.db"


def test_the_last_verdict_of_a_row_counts_and_is_read_back(path):
    journal = opened(path)
    journal.record("accept", np.array([3, 1, 3]), person="ann", note="sure")
    journal.record("relabel", np.array([3]), person="bob", label="cat")
    journal.record(NOTHING, np.array([1]), person="ann")
    assert state(journal) == {3: ("relabel", "cat")}
    assert (len(journal), journal.last) == (1, 3)
    ((verdict, person),) = verdicts_of(journal).items()
    assert (verdict.row_id, verdict.label, person) == ("r3", "cat", "bob")
    journal.close()
    again = opened(path)
    assert state(again) == {3: ("relabel", "cat")}
    again.close()


@pytest.mark.parametrize("seed", range(20))
def test_undoing_equals_never_having_said_it(path, seed):
    """Against a replay of the steps of each person that were not taken back."""
    rng = np.random.default_rng(seed)
    journal, live = opened(path), []
    for _ in range(60):
        person = str(rng.choice(["ann", "bob", "eve"]))
        if rng.random() < 0.4:
            mine = [at for at, (who, _, _) in enumerate(live) if who == person]
            undone = journal.undo(person)
            assert (undone is None) == (not mine)
            if mine:
                del live[mine[-1]]
        else:
            rows = rng.choice(12, int(rng.integers(1, 6)), replace=False)
            verdict = str(rng.choice(CODES))
            journal.record(verdict, rows, person=person)
            live.append((person, verdict, rows))
        expected = {}
        for _, verdict, rows in live:
            expected |= dict.fromkeys(rows.tolist(), verdict)
        expected = {row: said for row, said in expected.items() if said != NOTHING}
        assert {row: step.verdict for row, step in journal.verdicts()} == expected
    journal.close()
    again = opened(path)
    assert {row: step.verdict for row, step in again.verdicts()} == expected
    again.close()


def test_two_processes_see_what_the_other_said(path):
    mine, theirs = opened(path), opened(path)
    mine.record("accept", np.array([0, 1]), person="ann")
    theirs.record("reject", np.array([1]), person="bob")
    assert theirs.catch_up() == mine.catch_up() == 2
    assert state(mine) == state(theirs) == {0: ("accept", None), 1: ("reject", None)}
    assert theirs.undo("bob").rows.tolist() == [1]
    mine.catch_up()
    assert state(mine) == {0: ("accept", None), 1: ("accept", None)}
    mine.close()
    theirs.close()


def test_threads_may_say_undo_and_read_at_a_time(path):
    journal = opened(path)

    def go(person):
        rng = np.random.default_rng(len(person))
        for _ in range(60):
            if rng.random() < 0.5:
                journal.undo(person)
            else:
                journal.record("accept", rng.choice(12, 6, replace=False), person=person)

    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(go, "x" * number) for number in range(1, 4)]
        while not all(one.done() for one in writing):
            assert set(verdicts_of(journal).values()) <= {"x", "xx", "xxx"}
        for one in writing:
            one.result()
    again = opened(path)
    assert verdicts_of(again) == verdicts_of(journal)
    again.close()
    journal.close()


SAYING = """
import sys
import numpy as np
from thresher.app.reviewing import journal as journal_module
from thresher.app.reviewing.journal import Journal
journal = Journal(sys.argv[1], row_ids=[f"r{at}" for at in range(100_000)], decisions="d")
for at in range(100_000):
    journal.record("accept", np.array([at]), person=sys.argv[2])
    print(at, flush=True)
"""


def test_a_killed_process_loses_no_verdict_that_it_reported(path):
    """Two processes write at a time, and both are killed while they do."""
    writers = [
        subprocess.Popen([sys.executable, "-c", SAYING, path, name], stdout=subprocess.PIPE)
        for name in ("ann", "bob")
    ]
    reported = []
    for writer in writers:
        lines = [writer.stdout.readline() for _ in range(20)]
        os.kill(writer.pid, signal.SIGKILL)
        lines += writer.stdout.read().splitlines()
        writer.wait()
        reported.append(max(int(line) for line in lines if line.strip()))
        writer.stdout.close()
    journal = opened(path, [f"r{at}" for at in range(100_000)])
    for name, last in zip(("ann", "bob"), reported, strict=True):
        count = "SELECT count(*) FROM steps WHERE person = ?"
        (stored,) = journal.file.connection.execute(count, (name,)).fetchone()
        assert last + 1 <= stored <= last + 2  # one may have been written and not yet reported
    assert len(journal) >= max(reported) + 1
    journal.record("reject", np.array([5]), person="ann")
    assert state(journal)[5] == ("reject", None)
    journal.close()


def test_a_full_disk_refuses_and_keeps_what_was_there(path):
    journal = opened(path)
    journal.record("accept", np.array([0]), person="ann")
    pages = journal.file.connection.execute("PRAGMA page_count").fetchone()[0]
    journal.file.connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill():
        for _ in range(200):
            journal.record("reject", np.arange(12), person="ann", note="x" * 4000)

    with pytest.raises(StorageError, match=r"full.*safe"):
        fill()
    before = state(journal)
    journal.file.connection.execute("PRAGMA max_page_count = 1000000")
    journal.record("reject", np.array([7]), person="ann")
    assert state(journal) == {**before, 7: ("reject", None)}
    journal.close()


def test_a_locked_file_is_said(path, monkeypatch):
    monkeypatch.setattr(journal_module, "PATIENCE_S", 0.1)
    journal = opened(path)
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(StorageError, match="locked"):
        journal.record("accept", np.array([0]), person="ann")
    assert time.monotonic() - began < 20
    other.rollback()
    other.close()
    journal.record("accept", np.array([0]), person="ann")
    journal.close()


def test_the_journal_cannot_be_changed_only_added_to(path):
    journal = opened(path)
    journal.record("accept", np.array([0]), person="ann")
    for statement in ("DELETE FROM steps", "UPDATE steps SET verdict = 'reject'"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            journal.file.connection.execute(statement)
    journal.close()


def test_other_decisions_rows_and_files_are_refused(path, tmp_path):
    opened(path).close()
    with pytest.raises(InputError, match="other decisions"):
        opened(path, decisions="e")
    journal = opened(path)
    journal.record("accept", np.array([11]), person="ann")
    journal.close()
    with pytest.raises(InputError, match="'r11', which is not among"):
        opened(path, IDS[:5])
    (tmp_path / "note.db").write_text("a note")
    with pytest.raises(InputError, match="cannot be opened"):
        opened(tmp_path / "note.db")
