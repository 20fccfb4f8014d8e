"""What every adapter to a file format or a labeling tool must do, whatever it speaks.

A test module says how its adapter is reached (`Adapter`) and runs `CHECKS` over `CASES`:

    @pytest.mark.parametrize("case", CASES, ids=str)
    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_contract(check, case, tmp_path):
        check(ADAPTER, case, tmp_path)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from active_learning import SKIP, UNDO, Session
from active_learning.adapters.records import Imported
from thresher.core.errors import InputError
from thresher.core.labels import latest

Content = Mapping[str, Mapping[str, Any]]
Said = dict[tuple[str, str], tuple[str, str | None]]
ROWS, PEOPLE = 1_000, ("ann", "bob", "Zoë Ω")


@dataclass(frozen=True)
class Case:
    """One kind of labels: a task, its classes, and labels of it."""

    task: str
    classes: tuple[str, ...]
    labels: tuple[Any, ...]
    wrong: Any

    def __str__(self) -> str:
        return self.task


@dataclass(frozen=True)
class Adapter:
    """How the contract reaches an adapter; `place` is a file, a folder or a server.

    Attributes
    ----------
    send : callable
        Write the answers of a session to a place, with the content of the rows.
    fetch : callable
        Record what is at the place: ``fetch(session, place, overwrite=…)``.
    change : callable
        Do in the tool what a person does there: ``change(place, row_id, annotator, label)``, where
        the label may be `SKIP`, or `UNDO` for "delete my answer".
    place : callable
        Make a place of a folder for tests and a task.
    bad : str
        What a message about the wrong label of the second row says of its place.
    deletes, keeps_seconds : bool
        Whether an answer can be deleted there, and whether it says how long it took.
    sets_aside : bool
        Whether what cannot be used is set aside and named in ``set_aside``, instead of refusing all
        that is at the place. Rows of other pools are left out then.
    """

    name: str
    place: Callable[[Path, str], Any]
    send: Callable[[Session, Any, Content], None]
    fetch: Callable[..., Imported]
    change: Callable[[Any, str, str, Any], None]
    bad: str
    deletes: bool = True
    keeps_seconds: bool = True
    sets_aside: bool = False


MARKS = ("per", "org")
CASES = (
    Case("classification", ("good", "bad", "so so"), ("good", "bad", "so so"), "ugly"),
    Case(
        "multi_label", ("cat", "dog", "owl"), ((), ("cat",), ("cat", "owl"), ("dog",)), ("horse",)
    ),
    Case("regression", (), (0.1, -2.5, 3.0, 1e-7, 12345.678), "much"),
    Case(
        "spans",
        MARKS,
        (
            [],
            [{"start": 0, "end": 4, "label": "per"}],
            [
                {"start": 0, "end": 4, "label": "org"},
                {"start": 2, "end": 8, "label": "per"},
            ],
        ),
        [{"start": 0, "end": 4, "label": "loc"}],
    ),
    Case(
        "boxes",
        MARKS,
        (
            [],
            [{"x": 1.5, "y": 2.0, "width": 30.25, "height": 4.0, "label": "per"}],
            [
                {"x": 0.0, "y": 0.0, "width": 10.0, "height": 10.0, "label": "org"},
                {"x": 5.0, "y": 5.0, "width": 20.0, "height": 7.5, "label": "per"},
            ],
        ),
        [{"x": 0.0, "y": 0.0, "width": 1.0, "height": 1.0, "label": "loc"}],
    ),
)
HOSTILE_IDS = (
    "007",
    "0x1F",
    "1e5",
    "=cmd|' /C calc'!A0",
    "+1",
    "@id",
    "-2",
    "'quoted'",
    'say "hi"',
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "a,b;c\td",
    "two\nlines",
    "\u202egnp.exe",
    "Zoë 😀",
    "null",
    "skip",
    "%s %d {x}",
    "x" * 300,
)
HOSTILE_CLASSES = (
    "skip",
    "undo",
    "=1+1",
    "'=1+1",
    "-x",
    "@b",
    'a "b" c',
    "<b>bold</b>",
    "one;two",
    "[x]",
    "naïve, größer",
    "\u202egnp",
    "accept",
    "reject",
    "ignore",
    "007",
    "null",
)
HOSTILE_TEXTS = (
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    '{"row_id": "other"}',
    "line\nbreak\r\nand\ttab",
    "\u202eright to left",
    "😀 beyond the basic plane",
    "long " * 5_000,
)


def session_of(
    path: Path, case: Case, row_ids: Sequence[str], classes: Sequence[str] | None = None
) -> Session:
    """Open a session of a task over rows with those ids."""
    options = {} if case.task == "regression" else {"classes": list(classes or case.classes)}
    vectors = np.random.default_rng(0).normal(size=(len(row_ids), 3))
    return Session(
        path,
        embeddings=vectors,
        row_ids=list(row_ids),
        task=case.task,
        background=False,
        **options,
    )


def content_of(case: Case, row_ids: Sequence[str], texts: Sequence[str] = ()) -> Content:
    """Return what a person would look at."""
    if case.task == "boxes":
        return {row: {"image": f"images/{place}.png"} for place, row in enumerate(row_ids)}
    shown = texts or ("some longer text",)
    return {row: {"text": shown[place % len(shown)]} for place, row in enumerate(row_ids)}


def tell_all(session: Session, case: Case, row_ids: Sequence[str]) -> None:
    """Let three people label, skip and correct rows, each with a time of their own."""
    for turn, person in enumerate(PEOPLE):
        labels: dict[str, Any] = {}
        seconds: dict[str, float] = {}
        for place, row in enumerate(row_ids):
            if turn and (place + turn) % 3:
                continue
            skipped = (place + turn) % 7 == 0
            labels[row] = SKIP if skipped else case.labels[(place + turn) % len(case.labels)]
            if place % 5:
                seconds[row] = 0.25 + place / 8
        session.tell(labels, annotator=person, seconds=seconds)


def said_in(session: Session) -> Said:
    """Return kind and label that count now, by row and annotator."""
    return {
        (answer.row_id, answer.annotator): (answer.kind, answer.label)
        for answer in latest(session.history())
    }


def seconds_in(session: Session) -> dict[tuple[str, str], float | None]:
    """Return the seconds of what counts now, by row and annotator."""
    return {
        (answer.row_id, answer.annotator): answer.seconds for answer in latest(session.history())
    }


def _check_round_trip(
    adapter: Adapter, case: Case, folder: Path, row_ids: Sequence[str], **options: Any
) -> None:
    classes, texts = options.get("classes"), options.get("texts", ())
    place = adapter.place(folder, case.task)
    with session_of(folder / "first.db", case, row_ids, classes) as first:
        tell_all(first, case, row_ids)
        adapter.send(first, place, content_of(case, row_ids, texts))
        said, seconds = said_in(first), seconds_in(first)
    with session_of(folder / "second.db", case, row_ids, classes) as second:
        found = adapter.fetch(second, place)
        assert (found.new, found.repeated, found.conflicts) == (len(said), 0, ())
        assert said_in(second) == said
        assert seconds_in(second) == (seconds if adapter.keeps_seconds else dict.fromkeys(seconds))
        again = adapter.fetch(second, place)
        assert (again.new, again.repeated, again.conflicts) == (0, len(said), ())
        assert len(second.history()) == len(said)


def the_round_trip_of_1000_rows_is_the_identity(adapter: Adapter, case: Case, folder: Path) -> None:
    """Ids, labels, annotators, skips and seconds come back; coming twice makes nothing double."""
    row_ids = [f"row {place}" for place in range(ROWS)]
    _check_round_trip(adapter, case, folder, row_ids)


def hostile_ids_classes_and_texts_come_back(adapter: Adapter, case: Case, folder: Path) -> None:
    """Nothing in a name or a text is taken for anything else."""
    classes = None if case.task == "regression" else (*case.classes, *HOSTILE_CLASSES)
    labels = {
        "classification": HOSTILE_CLASSES,
        "multi_label": (HOSTILE_CLASSES[:3], HOSTILE_CLASSES[8:9], HOSTILE_CLASSES[9:]),
        "regression": case.labels,
        "spans": [[{"start": 0, "end": 3, "label": name}] for name in HOSTILE_CLASSES],
        "boxes": [
            [{"x": 0.0, "y": 0.0, "width": 3.0, "height": 3.0, "label": name}]
            for name in HOSTILE_CLASSES
        ],
    }[case.task]
    hostile = Case(case.task, case.classes, tuple(labels), case.wrong)
    row_ids = [*HOSTILE_IDS, *(f"r{place}" for place in range(30))]
    _check_round_trip(adapter, hostile, folder, row_ids, classes=classes, texts=HOSTILE_TEXTS)


def edits_and_deletions_end_in_the_same_labels(adapter: Adapter, case: Case, folder: Path) -> None:
    """What was changed there is the same here, however often it is fetched."""
    row_ids = [f"row {place}" for place in range(8)]
    place = adapter.place(folder, case.task)
    with session_of(folder / "first.db", case, row_ids) as first:
        first.tell(dict.fromkeys(row_ids, case.labels[0]), annotator="ann")
        first.tell({row_ids[0]: case.labels[1]}, annotator="bob")
        adapter.send(first, place, content_of(case, row_ids))
        wanted = said_in(first)
    text = ("label", first.task.encode(case.labels[1]))
    with session_of(folder / "second.db", case, row_ids) as second:
        adapter.fetch(second, place)
        adapter.change(place, row_ids[1], "ann", case.labels[1])
        adapter.change(place, row_ids[2], "ann", SKIP)
        wanted |= {(row_ids[1], "ann"): text, (row_ids[2], "ann"): ("skip", None)}
        if adapter.deletes:
            adapter.change(place, row_ids[3], "ann", UNDO)
            del wanted[row_ids[3], "ann"]
        for _ in range(2):
            adapter.fetch(second, place, overwrite=True)
            assert said_in(second) == wanted
        told = len(second.history())
        adapter.change(place, row_ids[2], "ann", case.labels[1])
        wanted[row_ids[2], "ann"] = text
        adapter.fetch(second, place, overwrite=True)
        assert said_in(second) == wanted
        assert len(second.history()) == told + 1


def one_wrong_label_is_named_and_never_recorded(adapter: Adapter, case: Case, folder: Path) -> None:
    """A label that the task does not know is refused or set aside with its place."""
    row_ids = [f"row {place}" for place in range(4)]
    place = adapter.place(folder, case.task)
    with session_of(folder / "first.db", case, row_ids) as first:
        first.tell(dict.fromkeys(row_ids, case.labels[1]), annotator="ann")
        adapter.send(first, place, content_of(case, row_ids))
    adapter.change(place, row_ids[1], "ann", case.wrong)
    with session_of(folder / "second.db", case, row_ids) as second:
        if adapter.sets_aside:
            found: Any = adapter.fetch(second, place)
            (named,) = found.set_aside
            assert re.search(adapter.bad, named), named
            assert {row for row, _ in said_in(second)} == {*row_ids} - {row_ids[1]}
            return
        with pytest.raises(InputError, match=adapter.bad):
            adapter.fetch(second, place)
        assert second.history() == []


def rows_of_another_pool_are_refused(adapter: Adapter, case: Case, folder: Path) -> None:
    """Answers about unknown rows are never taken for those of others."""
    place = adapter.place(folder, case.task)
    with session_of(folder / "first.db", case, ["a", "b", "c"]) as first:
        first.tell(dict.fromkeys("abc", case.labels[1]), annotator="ann")
        adapter.send(first, place, content_of(case, "abc"))
    with session_of(folder / "second.db", case, ["a", "b", "d"]) as second:
        if adapter.sets_aside:
            adapter.fetch(second, place)
            assert {row for row, _ in said_in(second)} == {"a", "b"}
            return
        with pytest.raises(InputError, match="The row id 'c' is not in the pool"):
            adapter.fetch(second, place)
        assert second.history() == []


CHECKS: tuple[Callable[[Adapter, Case, Path], None], ...] = (
    the_round_trip_of_1000_rows_is_the_identity,
    hostile_ids_classes_and_texts_come_back,
    edits_and_deletions_end_in_the_same_labels,
    one_wrong_label_is_named_and_never_recorded,
    rows_of_another_pool_are_refused,
)
