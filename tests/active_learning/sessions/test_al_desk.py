"""The contract of a desk: queues, tabs, keys, undo, leases, faults."""

import json
import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from contextlib import closing
from functools import partial

import numpy as np
import pytest

from active_learning import SKIP, UNDO, Desk, Session, get_strategy
from active_learning.sessions.desk_filler import LINGER
from active_learning.sessions.desk_writer import DeskClosedError
from thresher.core.errors import InputError, StorageError, ThresherError

RNG = np.random.default_rng(0)
CENTERS = RNG.normal(size=(3, 5)) * 3
CODES = RNG.integers(3, size=120)
VECTORS = CENTERS[CODES] + RNG.normal(size=(120, 5))
IDS = np.array([f"r{k}" for k in range(120)])
CLASSES = ["ant", "bee", "cat"]
TRUTH = dict(zip(IDS.tolist(), np.array(CLASSES)[CODES].tolist(), strict=True))
KEYS = map(str, range(10**9))


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def start(path, **options):
    given = {"classes": CLASSES, "row_ids": IDS, "clock": Clock(), "strategy": "margin"} | options
    return Session(path / "s.db", embeddings=VECTORS, **given)


def until(check, seconds=10.0):
    """Wait until something is the case in another thread."""
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
    return found


def take(desk, annotator="ann", *, lease="t", count=1):
    """Wait for the first rows, which a page would ask for again and again."""
    handout = until(
        lambda: (got := desk.next(annotator, lease=lease, count=count)).status != "choosing" and got
    )
    return handout.rows


def answer(desk, row, label=None, *, annotator="ann", lease="t", key=None):
    label = TRUTH[row.row_id] if label is None else label
    return desk.answer(annotator, row.row_id, label, lease=lease, key=key or next(KEYS))


def test_rows_of_annotators_and_tabs_differ(tmp_path):
    with start(tmp_path) as session, Desk(session, batch=4) as desk:
        seen = []
        for annotator, lease in (("ann", "1"), ("ann", "2"), ("bob", "1")):
            rows = take(desk, annotator, lease=lease, count=3)
            seen += [row.row_id for row in rows]
        assert len(seen) == len(set(seen)) >= 7
        assert set(seen) <= set(session.open_leases())


def test_an_answer_is_on_disk_and_the_queue_goes_on(tmp_path):
    with start(tmp_path) as session:
        with Desk(session, batch=3) as desk:
            for _ in range(40):
                (row,) = take(desk)
                assert answer(desk, row).new
            assert desk.progress().labeled == 40
            assert desk.progress().answers == {"ann": 40}
            assert desk.progress().labels_per_hour > 0
        assert session.open_leases() == {}
        assert len(session.recorded()) == 40
        assert session.replay() == []
    with start(tmp_path) as session:
        assert len(session.recorded()) == 40


def test_next_does_not_wait_for_a_choice_or_for_a_model(tmp_path):
    held = threading.Event()

    class Slow:
        name, needs = "margin", frozenset()

        def select(self, context, n):
            if context.labeled.any():
                held.wait(10)
            return get_strategy("random").select(context, n)

    with start(tmp_path, strategy=Slow(), audit=0.0) as session, Desk(session, batch=4) as desk:
        rows = take(desk, count=2)
        answer(desk, rows[0])
        session.wait()
        began = time.monotonic()
        for _ in range(2):
            (row,) = desk.next("ann", lease="t").rows
            answer(desk, row)
        assert desk.next("bob", lease="t").status == "choosing"
        desk.progress()
        assert time.monotonic() - began < 5
        assert not held.is_set()
        held.set()


def test_none_is_left_in_three_ways(tmp_path):
    few = np.arange(120) < 6
    with start(tmp_path, candidates=few) as session, Desk(session, batch=10) as desk:
        rows = take(desk, count=10)
        assert {row.row_id for row in rows} == set(IDS[:6])
        assert until(lambda: desk.next("bob", lease="t").status == "taken")
        for row in rows:
            answer(desk, row, SKIP if row is rows[0] else None)
        assert until(lambda: desk.next("ann", lease="t").status == "done")
        (skipped,) = until(lambda: desk.next("bob", lease="t").rows)
        assert skipped.row_id == rows[0].row_id
    (tmp_path / "b").mkdir()
    with start(tmp_path / "b", candidates=np.zeros(120, bool)) as session, Desk(session) as desk:
        assert until(lambda: desk.next("ann", lease="t").status == "empty")


def test_a_key_is_recorded_once(tmp_path):
    with start(tmp_path) as session, Desk(session) as desk:
        row, other = take(desk, count=2)
        first = answer(desk, row, "ant", key="k")
        again = answer(desk, row, "ant", key="k")
        assert (first.new, first.repeated) == (True, False)
        assert (again.new, again.repeated, again.answer) == (False, True, first.answer)
        desk.undo("ann", lease="t", key="u")
        assert answer(desk, row, "ant", key="k").repeated
        assert session.recorded() == {}
        with pytest.raises(
            InputError, match=f"The key 'k' was used .*{row.row_id}.*{other.row_id}"
        ):
            answer(desk, other, key="k")
        same = answer(desk, row, "bee", key="k2")
        assert not answer(desk, row, "bee", key="k3").new
        assert same.new
        assert answer(desk, row, "bee", annotator="bob", key="k").new


def test_undo_goes_back_to_any_depth(tmp_path):
    with start(tmp_path) as session, Desk(session, batch=4) as desk:
        session.tell({"r0": "ant"}, annotator="ann")
        rows = []
        for _ in range(9):
            rows += take(desk)
            answer(desk, rows[-1], SKIP if len(rows) == 3 else None)
        for row in rows[:3:-1]:
            assert desk.undo("ann", lease="t", key=next(KEYS)) == row
        assert answer(desk, rows[4]).new
        assert desk.undo("ann", lease="t", key="x") == rows[4]
        assert desk.undo("ann", lease="t", key="x") == rows[4]
        for row in rows[3::-1]:
            assert desk.undo("ann", lease="t", key=next(KEYS)) == row
        assert desk.undo("ann", lease="t", key=next(KEYS)) is None
        assert session.recorded() == {("r0", "ann"): "ant"}
        leases = session.open_leases()
        assert all(leases[row.row_id][0] == "ann" for row in rows)
        assert [entry.kind for entry in session.history()].count("undo") == 10
        assert session.replay() == []


def test_a_tab_undoes_its_own_row_whatever_was_said_in_another(tmp_path):
    with start(tmp_path) as session, Desk(session, batch=4) as desk:
        first, second = (*take(desk), *take(desk))
        answer(desk, first)
        answer(desk, second, SKIP)
        for _ in range(2):  # sent again, it does nothing more
            assert desk.undo("ann", lease="t", key="x", row_id=first.row_id) == first
        assert session.recorded() == {(second.row_id, "ann"): SKIP}
        assert desk.undo("ann", lease="t", key="y", row_id=first.row_id) is None
        assert desk.undo("ann", lease="t", key="z") == second
        with pytest.raises(InputError, match="is not in the pool"):
            desk.undo("ann", lease="t", key="w", row_id="nowhere")


def test_blind_rows_have_no_suggestion_and_that_is_in_the_log(tmp_path):
    with start(tmp_path, audit=0.5) as session, Desk(session, batch=5) as desk:
        session.tell(TRUTH_OF_SOME, annotator="z")
        session.wait()
        rows = []
        for _ in range(40):
            rows += take(desk)
            answer(desk, rows[-1])
        connection = session.engine.store.labels.connection
        logged = dict(
            connection.execute(
                "SELECT row_id, blind FROM desk_answers JOIN answers ON id = answer"
            ).fetchall()
        )
        arms = {
            str(IDS[row.position]): row.arm
            for ask in session.asks()
            for row in ask.rows
            if row.arm != "claimed"
        }
        assert {row.blind for row in rows} == {True, False}
        for row in rows:
            assert row.blind == (arms[row.row_id] == "audit") == bool(logged[row.row_id])
            assert (row.suggestion is None) == row.blind
            assert (row.probability is None) == row.blind
            assert row.reason.endswith(".")
            if not row.blind:
                assert row.suggestion == row.suggestion_text
                assert row.suggestion in CLASSES


TRUTH_OF_SOME = {row: TRUTH[row] for row in IDS[:20].tolist()}
LABELS = {
    "multi_label": (["ant"], ["ant", "bee"]),
    "regression": (1.0, 2.0),
    "spans": (
        [{"start": 0, "end": 2, "label": "ant"}],
        [{"start": 1, "end": 2, "label": "bee"}],
    ),
    "boxes": ([{"x": 0, "y": 0, "width": 1, "height": 1, "label": "ant"}], []),
}


@pytest.mark.parametrize("task", list(LABELS))
def test_suggestions_of_all_tasks(tmp_path, task):
    classes = None if task == "regression" else CLASSES
    with start(tmp_path, task=task, classes=classes, strategy="auto", audit=0.0) as session:
        told = {
            row: LABELS[task][int(CODES[place] == 0)] for place, row in enumerate(IDS[:40].tolist())
        }
        session.tell(told, annotator="z")
        session.wait()
        with Desk(session, batch=5) as desk:
            for row in take(desk, count=5):
                assert row.suggestion_text
                if task in ("spans", "boxes"):
                    assert row.suggestion is None
                    assert row.suggestion_text.startswith("holds ")
                    label = LABELS[task][0]
                else:
                    label = session.task.decode(row.suggestion)
                if task == "multi_label":
                    assert row.suggestion_text == (
                        ", ".join(json.loads(row.suggestion)) or "none of the classes"
                    )
                assert (row.probability is None) == (task == "regression")
                assert desk.answer("ann", row.row_id, label, lease="t", key=next(KEYS)).new


def test_a_lease_that_ran_out_makes_an_answer_late(tmp_path):
    clock = Clock()
    few = np.arange(120) < 4
    with start(tmp_path, clock=clock, candidates=few) as session:
        with Desk(session, batch=4, lease="10m") as desk:
            rows = take(desk, count=4)
            clock.now += 601
            (stolen, *_) = take(desk, "bob", count=4)
            mine = next(row for row in rows if row.row_id == stolen.row_id)
            taken = answer(desk, mine)
            assert (taken.new, taken.late) == (True, True)
            assert not answer(desk, stolen, annotator="bob").late
            assert (taken.answer, True) == (answer(desk, mine, key=None).answer, True)
            served = [row.position for ask in session.asks() for row in ask.rows]
            assert served.count(session.state.position(mine.row_id)) == 2
            assert until(lambda: desk.next("cy", lease="t").status in ("taken", "done"))
        assert session.replay() == []


def test_a_row_labeled_late_leaves_the_queues_of_others(tmp_path):
    clock = Clock()
    few = np.arange(120) < 4
    opened = start(tmp_path, clock=clock, candidates=few)
    with opened as session, Desk(session, batch=4, lease="10m") as desk:
        rows = take(desk, count=4)
        clock.now += 601
        shown = take(desk, "bob", count=1)
        for row in rows:
            assert answer(desk, row).late
        assert desk.next("bob", lease="t", count=4).rows == ()
        assert answer(desk, shown[0], annotator="bob").late is False


def test_renewed_leases_do_not_run_out(tmp_path):
    clock = Clock()
    few = np.arange(120) < 4
    with start(tmp_path, clock=clock, candidates=few) as session:
        with Desk(session, batch=4, lease="10m") as desk:
            rows = take(desk, count=4)
            for _ in range(6):
                clock.now += 300
                desk.renew("ann", "t")
                until(
                    lambda: min(end for _, end in session.open_leases().values()) > clock.now + 300
                )
            assert until(lambda: desk.next("bob", lease="t").status == "taken")
            assert not answer(desk, rows[0]).late
        assert session.replay() == []


def test_rows_of_a_closed_tab_go_to_the_next_tab_then_to_others(tmp_path):
    clock = Clock()
    few = np.arange(120) < 4
    with start(tmp_path, clock=clock, candidates=few) as session:
        with Desk(session, batch=4) as desk:
            first = take(desk, lease="1", count=2)
            desk.release("ann", "1")
            second = desk.next("ann", lease="2", count=4).rows
            assert second[:2] == first
            desk.release("ann", "2")
            clock.now += LINGER + 1
            assert {row.row_id for row in take(desk, "bob", count=4)} == set(IDS[:4])
        assert session.replay() == []


def test_a_page_says_what_it_has(tmp_path):
    with start(tmp_path) as session:
        with Desk(session, batch=4) as desk:
            rows = take(desk, count=4)
            have = [row.row_id for row in rows[:2]]
            again = desk.next("ann", lease="t", count=2, have=have).rows
            assert again == rows[2:]
        assert session.open_leases() == {}


def test_a_clock_set_back_changes_no_order(tmp_path):
    clock = Clock()
    with start(tmp_path, clock=clock) as session:
        with Desk(session, batch=3) as desk:
            rows = []
            for _ in range(12):
                clock.now -= 5000
                rows += take(desk)
                assert not answer(desk, rows[-1]).late
            assert len({row.row_id for row in rows}) == 12
            assert desk.undo("ann", lease="t", key=next(KEYS)) == rows[-1]
            assert answer(desk, rows[-1], "bee").new
            assert session.recorded()[rows[-1].row_id, "ann"] == "bee"
        assert session.replay() == []


def test_wrong_answers_fail_alone(tmp_path):
    with start(tmp_path) as session, Desk(session) as desk:
        rows = take(desk, count=8)
        answer(desk, rows[7], key="used")
        wrong = [
            (("ann", "nope", "ant", "k"), "'nope' is not in the pool"),
            (("ann", rows[0].row_id, "cta", "k"), "must be one of"),
            (("ann", rows[0].row_id, UNDO, "k"), "Take an answer back by `undo`"),
            (("ann", rows[0].row_id, "ant", "used"), "a key of its own"),
            (("ann", rows[0].row_id, "ant", "\ud800"), "surrogates"),
            (("ann", rows[0].row_id, "ant", ""), "`key` must have 1 to 200 characters"),
        ]
        good, found = [], []

        def send(annotator, row_id, label, key):
            try:
                good.append(desk.answer(annotator, row_id, label, lease="t", key=key))
            except Exception as error:
                found.append(str(error))

        calls = [call for call, _ in wrong]
        calls += [("ann", row.row_id, "ant", row.row_id) for row in rows[1:7]]
        threads = [threading.Thread(target=send, args=call) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(good) == 6
        assert all(any(says in text for text in found) for _, says in wrong), found
        assert {row for row, _ in session.recorded()} == {row.row_id for row in rows[1:]}


def test_a_full_disk_is_told_to_all_and_takes_nothing(tmp_path):
    with start(tmp_path) as session, Desk(session) as desk:
        rows = take(desk, count=10)
        answer(desk, rows[0])
        time.sleep(0.1)
        connection = session.engine.store.labels.connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        errors = []

        def send(number):
            try:
                desk.answer("a" * 200, f"r{number}", "ant", lease="t", key=str(number).zfill(200))
            except StorageError as error:
                errors.append(error)

        threads = [threading.Thread(target=send, args=(k,)) for k in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors
        assert all(error.full and "safe" in str(error) for error in errors)
        before = session.recorded()
        assert len(before) + len(errors) == 61
        connection.execute("PRAGMA max_page_count = 1073741823")
        assert answer(desk, rows[1]).new


def test_a_locked_file_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("active_learning.sessions.desk.PATIENCE", 0.2)
    with start(tmp_path) as session, Desk(session) as desk:
        row, other = take(desk, count=2)
        until(lambda: session.engine.state.asks_seen == 1)
        with (
            closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as connection,
            connection,
        ):
            connection.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageError, match=r"locked.*send these again") as caught:
                answer(desk, row)
            assert not caught.value.full
            assert desk.next("ann", lease="t").rows
            connection.execute("ROLLBACK")
        connection.close()
        assert session.recorded() == {}
        assert answer(desk, row).new
        assert answer(desk, other).new


def test_one_desk_at_a_time_and_a_closed_one_says_so(tmp_path):
    with start(tmp_path) as session:
        desk = Desk(session)
        with (
            start(tmp_path) as other,
            pytest.raises(InputError, match="Another desk is open"),
        ):
            Desk(other)
        desk.close()
        desk.close()
        for call in (
            lambda: desk.next("ann", lease="t"),
            lambda: desk.undo("ann", lease="t", key="k"),
            lambda: desk.answer("ann", "r0", "ant", lease="t", key="k"),
        ):
            with pytest.raises(DeskClosedError, match="The desk is closed"):
                call()
        Desk(session).close()


def test_failure_in_the_background_is_told_and_ends(tmp_path):
    broken = threading.Event()
    broken.set()

    class Fragile:
        name, needs = "margin", frozenset()

        def select(self, context, n):
            if broken.is_set():
                raise ValueError("no way")
            return get_strategy("random").select(context, n)

    opened = start(tmp_path, strategy=Fragile(), audit=0.0)
    with opened as session, Desk(session, batch=2) as desk:
        with pytest.raises(ThresherError, match=r"Rows could not be chosen.*no way"):
            until(lambda: desk.next("ann", lease="t").rows)
        assert "no way" in desk.progress().problem
        broken.clear()
        until(lambda: desk.progress().problem is None)
        assert desk.next("ann", lease="t").rows


def test_failed_training_is_told_once_and_rows_go_on(tmp_path):
    def learner(vectors, codes, *, num_classes, random_state):
        raise ValueError("no model")

    with start(tmp_path, learner=learner) as session:
        session.tell({"r0": "ant"})
        session.wait()
        with Desk(session, batch=2) as desk:
            with pytest.raises(ThresherError, match="Training in the background failed: no model"):
                until(lambda: desk.next("ann", lease="t").rows)
            until(lambda: desk.progress().problem is None)
            assert desk.next("ann", lease="t").rows


def test_a_small_pool_is_asked_in_small_parts_and_its_accuracy_is_known(tmp_path):
    """A batch of 20 would let an untrained strategy take most of 60 rows at once."""
    few = np.arange(120) < 60
    with start(tmp_path, candidates=few) as session, Desk(session) as desk:
        while rows := take(desk, count=4):
            for row in rows:
                answer(desk, row)
        until(lambda: session.state.labeled[:60].all())
        asks = session.asks()
        assert max(ask.n for ask in asks) == 10
        assert {ask.audit for ask in asks} == {10 / 60}
        report = session.report()
        assert report.accuracy_of == "rows like those of the pool"
        assert report.accuracy.low < report.accuracy.value < report.accuracy.high
        assert report.accuracy.labels >= 5
    (tmp_path / "b").mkdir()
    with start(tmp_path / "b", candidates=few, audit=0.0) as session, Desk(session) as desk:
        take(desk)
        assert {ask.audit for ask in session.asks()} == {0.0}


def test_progress_holds_the_report_with_its_age(tmp_path):
    with start(tmp_path) as session, Desk(session, batch=5, target=0.9) as desk:
        assert desk.progress().report is None
        for row in take(desk, count=5):
            answer(desk, row)
        until(lambda: (now := desk.progress()).report is not None and now.report.labeled <= 5)
        assert desk.progress().report_age >= 0
        assert desk.progress().problem is None


def serve(path, done, keys):
    """Answer without end, and write down what was confirmed."""
    session = Session(path / "s.db", embeddings=VECTORS, row_ids=IDS)
    desk = Desk(session, batch=3)
    with open(done, "a", encoding="utf-8", buffering=1) as log:

        def annotate(name):
            for number in range(1000):
                got = desk.next(name, lease="t")
                for row in got.rows:
                    key = f"{keys}-{name}-{number}"
                    desk.answer(name, row.row_id, TRUTH[row.row_id], lease="t", key=key)
                    log.write(f"{row.row_id} {name}\n")
                time.sleep(0.002)

        threads = [threading.Thread(target=annotate, args=(name,), daemon=True) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def test_killed_desks_lose_nothing_and_lease_nothing_twice(tmp_path):
    start(tmp_path, clock=time.time).close()
    context = multiprocessing.get_context("spawn")
    done = tmp_path / "done"
    for turn in range(2):
        worker = context.Process(target=serve, args=(tmp_path, done, turn))
        worker.start()
        lines = 15 * (turn + 1)
        until(lambda lines=lines: done.exists() and len(done.read_text().split()) > lines, 30)
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
    confirmed = {tuple(line.split()) for line in done.read_text().splitlines()}
    with Session(tmp_path / "s.db", embeddings=VECTORS, row_ids=IDS) as session:
        told = set(session.recorded())
        assert confirmed <= told
        assert len({row for row, _ in told}) == len(told)
        assert session.replay() == []
        out = session.open_leases()
        with Desk(session, batch=3) as desk:
            mine = [row for row, (name, _) in out.items() if name == "a"]
            got = until(lambda: desk.next("a", lease="new", count=50).rows)
            assert {row.row_id for row in got} >= set(mine)
            assert not {row.row_id for row in got} & {row for row, _ in told}


def test_a_page_that_outlived_a_desk_keeps_what_nobody_else_has(tmp_path):
    with start(tmp_path) as session:
        with Desk(session, batch=4) as desk:
            rows = take(desk, count=5)
        have = [row.row_id for row in rows]
        assert session.open_leases() == {}
        with Desk(session, batch=4) as desk:
            session.tell({have[0]: "ant"}, annotator="zoe")
            desk.next("ann", lease="t", count=0, have=have)
            until(lambda: set(have[1:]) <= set(session.open_leases()))
            assert {session.open_leases()[row][0] for row in have[1:]} == {"ann"}
            got = desk.next("ann", lease="t", count=3, have=have)
            assert got.gone == (have[0],)
            assert not {row.row_id for row in got.rows} & set(have)
            assert take(desk, "bob", count=9)
            assert answer(desk, rows[1]).late is False
            assert desk.next("ann", lease="t", count=4, have=[]).rows[0] == rows[2]
            with pytest.raises(InputError, match="'nope' is not in the pool"):
                desk.next("ann", lease="t", have=["nope"])
        assert session.replay() == []
        assert session.history()[-1].round == 1


def test_a_desk_and_other_processes_share_a_file(tmp_path):
    served, errors = [], []

    def work(step):
        try:
            for _ in range(8):
                step()
        except Exception as error:
            errors.append(error)

    with start(tmp_path) as session, start(tmp_path) as other, Desk(session, batch=2) as desk:

        def ask():
            batch = other.ask(2, annotator="cli", lease="1h")
            served.extend(batch.row_ids.tolist())
            other.tell({row: TRUTH[row] for row in batch.row_ids}, annotator="cli")

        def label(name):
            (row,) = take(desk, name)
            served.append(row.row_id)
            answer(desk, row, annotator=name)
            desk.renew(name, "t")

        steps = [ask, *(partial(label, name) for name in "abc")]
        threads = [threading.Thread(target=work, args=(step,)) for step in steps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(served) == len(set(served)) == 40
        assert {row for row, _ in other.recorded()} == set(served)
        # The desk may still be leasing the rows that it hands out next.
        end = time.monotonic() + 10
        while other.open_leases() != session.open_leases() and time.monotonic() < end:
            time.sleep(0.01)
        assert other.open_leases() == session.open_leases()
    with start(tmp_path) as session:
        assert session.replay() == []
        assert session.open_leases() == {}


def test_answers_at_a_desk_make_models(tmp_path):
    with start(tmp_path, audit=0.0) as session, Desk(session, batch=2) as desk:
        for row in take(desk, count=6):
            assert row.suggestion is None
            answer(desk, row)

        def suggested():
            (row,) = take(desk)
            answer(desk, row)
            return row.suggestion

        assert until(suggested) in CLASSES
        until(lambda: session.engine.state.answers_seen == session.engine.trained_on)


def test_what_was_accepted_while_a_desk_was_closed_is_on_disk(tmp_path):
    accepted, refused = [], []
    with start(tmp_path) as session:
        desk = Desk(session, batch=10)
        rows = take(desk, count=20)

        def send(row):
            try:
                answer(desk, row)
            except InputError as error:
                refused.append(str(error))
            else:
                accepted.append(row.row_id)

        threads = [threading.Thread(target=send, args=(row,)) for row in rows]
        for thread in threads:
            thread.start()
        desk.close()
        for thread in threads:
            thread.join()
        assert len(accepted) + len(refused) == len(rows)
        assert all("The desk is closed" in text for text in refused)
        assert {row for row, _ in session.recorded()} == set(accepted)
        assert session.open_leases() == {}


def test_nobody_waits_long_behind_a_locked_file(tmp_path, monkeypatch):
    monkeypatch.setattr("active_learning.sessions.desk.PATIENCE", 0.2)
    with start(tmp_path) as session:
        before = session.engine.store.labels.timeout
        with Desk(session, batch=2) as desk:
            take(desk)
            with (
                closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as connection,
                connection,
            ):
                connection.execute("BEGIN IMMEDIATE")
                # Another annotator's rows have to be leased meanwhile, in vain.
                with pytest.raises(StorageError, match="locked"):
                    until(lambda: desk.next("bob", lease="t").rows)
                assert "locked" in desk.progress().problem
                connection.execute("ROLLBACK")
            connection.close()
            until(lambda: desk.progress().problem is None)
            assert take(desk, "bob")
        assert session.engine.store.labels.timeout == before
