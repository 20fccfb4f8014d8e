import dataclasses
import json
import multiprocessing
import os
import signal
import sqlite3
import threading
from contextlib import closing

import numpy as np
import pytest

from active_learning import SKIP, UNDO, Desk, Session, SklearnLearner
from active_learning.sessions import replay as replaying
from active_learning.sessions.batch_choice import choose_batch
from active_learning.sessions.state import State
from active_learning.sessions.store import Ask, AskedRow
from active_learning.tasks.classification import Classification
from thresher.core.errors import InputError, ThresherError
from thresher.core.labels import Answer

RNG = np.random.default_rng(0)
CENTERS = RNG.normal(size=(3, 5)) * 3
CODES = RNG.integers(3, size=120)
VECTORS = CENTERS[CODES] + RNG.normal(size=(120, 5))
IDS = np.array([f"r{k}" for k in range(120)])
CLASSES = ["ant", "bee", "cat"]
TRUTH = dict(zip(IDS.tolist(), np.array(CLASSES)[CODES].tolist(), strict=True))


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def start(path, **options):
    given = {"background": False, "classes": CLASSES, "row_ids": IDS, "clock": Clock()} | options
    return Session(path / "s.db", embeddings=VECTORS, **given)


def label(session, batch):
    return session.tell({row: TRUTH[row] for row in batch.row_ids}, annotator=batch.annotator)


def test_rows_are_leased_once_and_again_after_expiry(tmp_path):
    clock = Clock()
    with start(tmp_path, clock=clock) as session:
        first = session.ask(60, annotator="ann", lease="1m")
        second = session.ask(60, annotator="bob", lease="1m")
        assert not set(first.row_ids) & set(second.row_ids)
        with pytest.raises(InputError, match="0 rows available, 1 asked"):
            session.ask(1, annotator="cy")
        label(session, second)
        clock.now += 61
        third = session.ask(60, annotator="cy")
        assert set(third.row_ids) == set(first.row_ids)


def test_tell_is_idempotent_and_takes_any_subset(tmp_path):
    with start(tmp_path) as session:
        batch = session.ask(10, annotator="ann")
        some = {row: TRUTH[row] for row in batch.row_ids[3:7]}
        assert [session.tell(some, annotator="ann") for _ in range(2)] == [4, 0]
        assert session.tell({"r0": "bee"}, annotator="someone else") == 1
        assert len(session.open_leases()) == 6


def test_rows_for_nobody_in_particular_are_back_when_anybody_answers(tmp_path):
    with start(tmp_path) as session:
        batch = session.ask(4)
        session.tell({row: TRUTH[row] for row in batch.row_ids[:3]}, annotator="ann")
        assert set(session.open_leases()) == {batch.row_ids[3]}
        session.tell({batch.row_ids[3]: SKIP}, annotator="bo")
        assert session.open_leases() == {}
        named = session.ask(2, annotator="ann")
        session.tell({row: TRUTH[row] for row in named.row_ids}, annotator="bo")
        assert set(session.open_leases()) == set(named.row_ids)  # ann may still answer


def test_rows_that_went_to_a_server_are_back_when_a_person_there_answers(tmp_path):
    with start(tmp_path) as session:
        batch = session.ask(3, annotator="server")
        said = [Answer(row, TRUTH[row], "ann", "label") for row in batch.row_ids[:2]]
        assert session.record(said, handed_to="server") == 2
        assert set(session.open_leases()) == {batch.row_ids[2]}
        assert session.record(said, handed_to="server") == 0
        session.record([Answer(batch.row_ids[2], None, "bo", "skip")], handed_to="server")
        assert set(session.open_leases()) == {batch.row_ids[2]}  # others there may know it


def test_skip_undo_and_correction(tmp_path):
    with start(tmp_path) as session:
        batch = session.ask(3, annotator="ann")
        a, b, c = batch.row_ids.tolist()
        session.tell({a: SKIP, b: "bee", c: "cat"}, annotator="ann")
        session.tell({b: "ant", c: UNDO}, annotator="ann")
        assert session.recorded() == {(a, "ann"): SKIP, (b, "ann"): "ant"}
        rest = session.ask(118, annotator="ann").row_ids.tolist()
        assert a not in rest
        assert b not in rest
        assert c in rest
        assert session.ask(1, annotator="bob").row_ids.tolist() == [a]


def test_bad_answers_record_nothing(tmp_path):
    with start(tmp_path) as session:
        with pytest.raises(InputError, match="'nope' is not in the pool"):
            session.tell({"r1": "ant", "nope": "ant"})
        with pytest.raises(InputError, match="must be one of 'ant', 'bee', 'cat', got 'cta'"):
            session.tell({"r1": "ant", "r2": "cta"})
        assert session.recorded() == {}


def test_candidates_only(tmp_path):
    allowed = np.arange(120) < 30
    with start(tmp_path, candidates=allowed) as session:
        assert set(session.ask(30).row_ids) == set(IDS[:30])


def test_every_row_says_why(tmp_path):
    with start(tmp_path, audit=0.5) as session:
        label(session, session.ask(20))
        batch = session.ask(20)
        arms = [row.arm for row in batch.rows]
        assert set(arms) == {"strategy", "audit"}
        for row in batch.rows:
            assert row.suggestion in CLASSES
            assert 0 < row.confidence <= 1
            assert row.reason
            assert row.propensity == pytest.approx(1 / row.available if row.arm == "audit" else 1.0)


@pytest.mark.parametrize("strategy", ["auto", "badge", "bald", "drop_query", "balance(auto)"])
def test_replay_gives_every_batch_again(tmp_path, strategy):
    with start(tmp_path, strategy=strategy, audit=0.3) as session:
        for turn in range(5):
            batch = session.ask(8, annotator="ab"[turn % 2])
            label(session, batch)
            if turn == 2:
                session.tell({batch.row_ids[0]: UNDO}, annotator=batch.annotator)
        label(session, session.ask(3, annotator="c", mode="relabel"))
        session.ask(3, annotator="d", mode="mixed")
        assert session.replay() == []
    with start(tmp_path, learner=SklearnLearner(_naive_bayes())) as session:
        assert session.replay() != []


@pytest.mark.parametrize(("factor", "different"), [(1 + 1e-7, []), (1.01, [1, 2])])
def test_replay_tells_rounding_from_another_choice(tmp_path, monkeypatch, factor, different):
    def chosen(*given):
        rows = choose_batch(*given)
        return [dataclasses.replace(row, score=row.score * factor) for row in rows]

    monkeypatch.setattr(replaying, "choose_batch", chosen)
    with start(tmp_path) as session:
        label(session, session.ask(8))
        session.ask(8)
        assert session.replay() == different


def _naive_bayes():
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


def test_replay_in_the_background_mode(tmp_path):
    with start(tmp_path, background=True, audit=0.2) as session:
        for _ in range(6):
            label(session, session.ask(5))
        session.wait()
        session.ask(5)
        assert session.replay() == []


def test_audit_does_not_change_what_the_strategy_picks(tmp_path):
    """The strategy chooses as if the audit arm had drawn nothing."""
    chosen = []
    for seed, audit in ((1, 0.0), (1, 0.3)):
        (tmp_path / str(audit)).mkdir()
        with start(tmp_path / str(audit), audit=audit, random_state=seed) as session:
            for _ in range(5):
                label(session, session.ask(8))
            asks = session.asks()
        rows = [row for ask in asks for row in ask.rows]
        chosen.append([row.position for row in rows if row.arm in ("strategy", "claimed")])
    plain, audited = chosen
    # Same order up to where batches of different length saw another model.
    assert plain[:5] == audited[:5]


def test_other_settings_are_refused(tmp_path):
    start(tmp_path, random_state=3).close()
    for change, name in (
        ({"random_state": 4}, "random_state"),
        ({"classes": ["ant", "bee"]}, "classes"),
        ({"strategy": "margin"}, "strategy"),
        ({"audit": 0.5}, "audit"),
        ({"row_ids": IDS[::-1]}, "pool"),
    ):
        with pytest.raises(InputError, match=f"another `{name}`"):
            start(tmp_path, **change)
    with Session(tmp_path / "s.db", embeddings=VECTORS, row_ids=IDS) as session:
        assert session.classes == tuple(CLASSES)
        assert session.policy.seed == 3


def test_new_session_needs_classes(tmp_path):
    with pytest.raises(InputError, match="needs `classes`"):
        start(tmp_path, classes=None)
    with pytest.raises(InputError, match="two or more different"):
        start(tmp_path, classes=["a", "a"])


def test_other_session_format_is_refused(tmp_path):
    start(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "s.db")
    connection.execute("DROP TRIGGER settings_no_update")
    connection.execute(
        "UPDATE settings SET value = ? WHERE name = 'session_format'", (json.dumps("0"),)
    )
    connection.commit()
    connection.close()
    with pytest.raises(InputError, match=r"session of format 0.*thresher label export"):
        start(tmp_path)


def test_a_file_of_format_1_is_brought_up_to_date(tmp_path):
    with start(tmp_path) as session:
        label(session, session.ask(10, annotator="ann"))
        rows = session.ask(10, annotator="bob").row_ids.tolist()
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection, connection:
        for statement in (
            "DROP TRIGGER settings_no_update",
            "DROP TRIGGER settings_no_delete",
            "DELETE FROM settings WHERE name IN ('task', 'task_options')",
            "UPDATE settings SET value = '\"1\"' WHERE name = 'session_format'",
            "ALTER TABLE asks DROP COLUMN uncertainty",
            "ALTER TABLE asks DROP COLUMN changes_seen",
            "ALTER TABLE asks DROP COLUMN desk",
            "DROP TABLE uncertainties",
            "DROP TABLE lease_changes",
            "DROP TABLE desk_answers",
        ):
            connection.execute(statement)
    connection.close()
    with start(tmp_path) as session:
        assert set(session.open_leases()) == set(rows)
        assert len(session.recorded()) == 10
        assert session.replay() == []
    with (
        closing(sqlite3.connect(tmp_path / "s.db")) as connection,
        connection,
        pytest.raises(sqlite3.DatabaseError),
    ):
        connection.execute("UPDATE settings SET value = 'x'")
    connection.close()


def test_a_file_of_format_2_gets_changes_of_leases(tmp_path):
    with start(tmp_path) as session:
        label(session, session.ask(10, annotator="ann"))
        rows = session.ask(10, annotator="bob").row_ids.tolist()
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection, connection:
        for statement in (
            "DROP TRIGGER settings_no_update",
            "UPDATE settings SET value = '\"2\"' WHERE name = 'session_format'",
            "ALTER TABLE asks DROP COLUMN changes_seen",
            "ALTER TABLE asks DROP COLUMN desk",
            "DROP TABLE lease_changes",
            "DROP TABLE desk_answers",
        ):
            connection.execute(statement)
    connection.close()
    with start(tmp_path) as session:
        assert set(session.open_leases()) == set(rows)
        assert [ask.desk for ask in session.asks()] == [0, 0]
        with Desk(session, batch=2) as desk:
            assert desk.undo("ann", lease="t", key="k") is None  # none was given at a desk
        assert set(session.open_leases()) == set(rows)
        assert session.replay() == []


def test_a_full_disk_takes_nothing_away(tmp_path):
    with start(tmp_path) as session:
        batch = session.ask(5, annotator="ann")
        label(session, batch)
        connection = session.engine.store.labels.connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(InputError, match=r"Nothing was written .*full.*safe"):
            session.tell(TRUTH, annotator="bob" * 5000)
        before = session.recorded()
        connection.execute("PRAGMA max_page_count = 1073741823")
        assert {row for row, person in before if person == "ann"} == set(batch.row_ids)
        assert session.tell({"r0": "ant"}, annotator="cy") == 1
    with start(tmp_path) as session:
        assert session.recorded() == before | {("r0", "cy"): "ant"}
        assert session.replay() == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"embeddings": np.where(np.arange(120)[:, None] == 7, np.nan, VECTORS)}, "row.* r7"),
        ({"row_ids": np.array(["r0", *IDS[:-1]])}, "'r0' is given twice"),
        ({"row_ids": IDS[:-1]}, "119 row ids .* 120 embeddings"),
        ({"costs": np.where(np.arange(120) == 7, 0.0, 1.0)}, "`costs` .* row 'r7'"),
        ({"candidates": np.ones(3, dtype=bool)}, "mask of 120 rows"),
        ({"audit": 1.5}, "`audit` must be in"),
        ({"strategy": "margn"}, "Did you mean 'margin'"),
    ],
)
def test_bad_pools_are_named(tmp_path, change, says):
    given = {"embeddings": VECTORS, "row_ids": IDS, "classes": CLASSES} | change
    with pytest.raises(InputError, match=says):
        Session(tmp_path / "s.db", **given)


def test_a_process_with_another_seed_is_refused_while_one_works(tmp_path):
    with start(tmp_path, random_state=1) as session:
        with pytest.raises(InputError, match="another `random_state`: 1 there, 2 now"):
            start(tmp_path, random_state=2)
        with start(tmp_path) as other:
            label(other, other.ask(5, annotator="bob"))
        assert not set(session.ask(5).row_ids) & {row for row, _ in session.recorded()}


def test_failure_in_the_background_is_told(tmp_path):
    def broken(vectors, codes, *, num_classes, random_state):
        raise ValueError("no way")

    session = start(tmp_path, background=True, learner=broken)
    session.tell({"r0": "ant"})
    session.wait()
    with pytest.raises(ThresherError, match="no way"):
        session.ask(1)
    session.close()


def test_suspects_are_the_wrong_labels(tmp_path):
    with start(tmp_path) as session:
        wrong = {"r5": next(name for name in CLASSES[::-1] if name != TRUTH["r5"])}
        session.tell(TRUTH | wrong, annotator="ann")
        assert "r5" in [row for row, _ in session.suspects(3)]


def test_relabel_serves_only_what_others_labeled(tmp_path):
    with start(tmp_path) as session:
        label(session, session.ask(10, annotator="ann"))
        with pytest.raises(InputError, match="0 rows available"):
            session.ask(1, annotator="ann", mode="relabel")
        again = session.ask(4, annotator="bob", mode="relabel")
        assert {(row, "ann") for row in again.row_ids} <= set(session.recorded())


def test_a_second_opinion_about_a_row_that_measures_the_model_is_blind(tmp_path):
    with start(tmp_path, audit=0.5) as session:
        for _ in range(3):
            batch = session.ask(10, annotator="ann")
            session.tell({row: TRUTH[row] for row in batch.row_ids}, annotator="ann")
        drawn = {row.position for ask in session.asks() for row in ask.rows if row.arm == "audit"}
        again = session.ask(30, annotator="bob", mode="relabel").rows
        assert {row.arm for row in again} == {"relabel"}
        assert 0 < len(drawn) < 30
        for row in again:
            assert (row.suggestion is None) == (row.position in drawn)
            assert (row.confidence is None) == (row.position in drawn)
        assert session.replay() == []


def test_report(tmp_path):
    with start(tmp_path, audit=0.4) as session:
        assert session.report().accuracy is None
        for _ in range(4):
            batch = session.ask(15, annotator="ann")
            session.tell(
                {row: TRUTH[row] for row in batch.row_ids},
                annotator="ann",
                seconds=dict.fromkeys(batch.row_ids.tolist(), 2.0),
            )
        report = session.report(target=0.5)
        assert (report.labeled, report.answers, report.pool) == (60, 60, 120)
        assert report.labels_per_hour == 1800
        assert sum(report.classes.values()) == 60
        assert report.accuracy.low <= 1.0 <= report.accuracy.high + 0.05
        assert report.advice.stop


def test_drawn_rows_stand_for_the_pool_whatever_the_strategy_took():
    """Weighted, the sum of any number over them is that over the pool, on average."""
    size, sums, plain = 60, [], []
    for seed in range(400):
        task = Classification(tuple(CLASSES))
        state = State(IDS[:size], task, candidates=np.ones(size, dtype=bool))
        rng, taken = np.random.default_rng(seed), np.zeros(size, dtype=bool)
        for number in (1, 2, 3):
            open_rows = np.flatnonzero(~taken)
            drawn = rng.choice(open_rows, 5, replace=False)
            taken[drawn] = True
            # The strategy takes the next ten rows, as if none had been drawn.
            wanted = np.arange(10 * (number - 1), 10 * number)
            rows = [
                AskedRow(int(row), "audit", 1.0, 1 / 5, len(open_rows) - k, None, None, "random")
                for k, row in enumerate(drawn)
            ] + [
                AskedRow(
                    int(row),
                    "claimed" if taken[row] else "strategy",
                    1.0,
                    1.0,
                    size,
                    None,
                    None,
                    "",
                )
                for row in wanted
            ]
            taken[wanted] = True
            ask = Ask(number, "ann", "new", 15, 0.3, 0.0, 1.0, 0, 0, 0, 0, rows=tuple(rows))
            state.apply_ask(ask)
        state.apply_answers([Answer(IDS[row], "ant", "ann", id=row + 1) for row in range(size)])
        places, weights = state.drawn_first()
        sums.append([weights.sum(), float(weights @ places)])
        plain.append(float(state.audited().mean()))
    error = np.std(sums, axis=0) / np.sqrt(len(sums))
    wanted = [size, size * (size - 1) / 2]
    assert (np.abs(np.mean(sums, axis=0) - wanted) < 3 * error).all()
    assert (error < np.array(wanted) / 20).all()
    assert np.mean(plain) > 44  # those that the strategy left are the last rows


def test_a_row_that_the_strategy_showed_later_is_not_judged():
    """A draw that nobody answered comes again with a suggestion, so that it is not blind."""
    state = State(IDS[:10], Classification(tuple(CLASSES)), candidates=np.ones(10, dtype=bool))
    for number, arm in enumerate(("audit", "claimed", "strategy"), start=1):
        row = AskedRow(3, arm, 1.0, 0.1, 10, None, None, "random")
        state.apply_ask(Ask(number, "ann", "new", 1, 0.5, 0.0, 1.0, 0, 0, 0, 0, rows=(row,)))
        if arm == "claimed":
            state.apply_answers([Answer("r3", "ant", "ann", id=1)])
            places, weights = state.drawn_first()
            assert (places.tolist(), weights.tolist()) == ([3], [pytest.approx(10.0)])
    assert len(state.drawn_first()[0]) == 0


@pytest.mark.parametrize("pool", [60, 120])
def test_a_pool_labeled_to_the_end_has_an_accuracy(tmp_path, pool):
    """No row is left without a label: all that were drawn stand for rows of the same kind."""
    with start(tmp_path, audit=0.4, candidates=np.arange(120) < pool) as session:
        while not session.state.labeled[:pool].all():
            left = pool - int(session.state.labeled.sum())
            label(session, session.ask(min(10, left), annotator="ann"))
        report = session.report(target=0.5)
        assert report.accuracy_of == "rows like those of the pool"
        assert report.accuracy.low <= 1.0 <= report.accuracy.high + 0.05
        assert report.accuracy.labels == len(session.state.drawn)
        assert (report.audited_missing, report.why_unknown) == (0, None)
        assert report.advice.stop
        assert session.replay() == []


def test_an_accuracy_that_is_not_known_says_what_it_needs(tmp_path):
    with start(tmp_path, audit=0.0, candidates=np.arange(120) < 10) as session:
        label(session, session.ask(4, annotator="ann"))
        assert session.report().why_unknown == "5 more audited rows with a label needed"
        drawn = session.ask(4, annotator="ann", audit=1.0)
        label(session, drawn)
        assert session.report().why_unknown == "1 more audited row with a label needed"
        label(session, session.ask(2, annotator="ann"))
        assert "no row is left to draw" in session.report().why_unknown


def test_labels_make_a_consensus(tmp_path):
    with start(tmp_path) as session:
        with pytest.raises(InputError, match="Nothing is labeled"):
            session.labels()
        session.tell({"r0": "ant", "r1": "bee"}, annotator="a")
        session.tell({"r0": "ant", "r1": "bee"}, annotator="b")
        session.tell({"r0": "ant", "r1": "cat"}, annotator="c")
        found = session.labels(method="majority")
        assert dict(zip(found.row_ids, found.labels, strict=True)) == {"r0": "ant", "r1": "bee"}


def test_threads_share_a_session_without_double_leases(tmp_path):
    served, errors = [], []
    with start(tmp_path, background=True) as session:

        def work(name):
            try:
                for _ in range(5):
                    batch = session.ask(4, annotator=name)
                    served.extend(batch.row_ids.tolist())
                    label(session, batch)
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(served) == len(set(served)) == 80
        assert len(session.recorded()) == 80


def annotate(path, name, confirmed):
    """Ask and tell without end, and write down what was confirmed."""
    session = Session(path, embeddings=VECTORS, row_ids=IDS, background=False)
    with open(confirmed, "a", encoding="utf-8", buffering=1) as log:
        while True:
            try:
                batch = session.ask(2, annotator=name, lease=0.2)
            except InputError:
                return
            session.tell({row: TRUTH[row] for row in batch.row_ids}, annotator=name)
            log.write(" ".join(batch.row_ids) + "\n")


def test_killed_processes_lose_nothing(tmp_path):
    start(tmp_path, strategy="margin").close()
    context = multiprocessing.get_context("spawn")
    confirmed = tmp_path / "confirmed"
    workers = [
        context.Process(target=annotate, args=(tmp_path / "s.db", name, confirmed)) for name in "ab"
    ]
    for worker in workers:
        worker.start()
    for worker, after in zip(workers, (2.5, 0.4), strict=True):
        worker.join(after)
        if worker.is_alive():
            os.kill(worker.pid, signal.SIGKILL)
            worker.join()
    rows = set(confirmed.read_text().split()) if confirmed.exists() else set()
    with Session(tmp_path / "s.db", embeddings=VECTORS, row_ids=IDS, background=False) as session:
        told = {row for row, _ in session.recorded()}
        assert rows <= told
        assert session.replay() == []
        left = session.ask(1, annotator="last") if len(told) < 118 else None
        assert left is None or not set(left.row_ids) & told
