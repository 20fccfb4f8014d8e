"""Answers that come from outside: what is the same for all files and tools.

An adapter reads its own format and calls `Inbox.add` once for each answer. Which row an id names,
what a missing label, a mark, a number of seconds and a repetition are is decided here, and all
that was read is recorded together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from thresher.core.errors import InputError, check_number
from thresher.core.labels import Answer, latest
from thresher.core.missing import is_missing

from ..sessions.batch import NoLabel
from ..sessions.session import Session
from ..tasks import Task
from .sheet_ids import SheetIds

Key = tuple[str, str]
Content = tuple[str, str | None]
SHOWN = 5
# Milliseconds since 1970 are none of the seconds that are meant.
LONGEST = 1e11
_NOTHING: Content = (NoLabel.UNDO.value, None)
_MARKS = {NoLabel.SKIP.value: NoLabel.SKIP, NoLabel.UNDO.value: NoLabel.UNDO}


@dataclass(frozen=True)
class Conflict:
    """An imported label that differs from the one recorded for the same row and annotator."""

    row_id: str
    annotator: str
    recorded: str
    imported: str


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes
    ----------
    new : int
        Answers recorded.
    repeated : int
        Answers that were there already.
    empty : int
        Rows whose label was left empty.
    conflicts : tuple of Conflict
        Left as recorded, unless the import was told to overwrite.
    """

    new: int
    repeated: int
    empty: int
    conflicts: tuple[Conflict, ...]


class Inbox:
    """Answers for a session, checked as they come and recorded together.

    Parameters
    ----------
    session : Session
    source : str
        The file or the server, for messages.
    annotator : str, optional
        Who answered all of them; default what each answer says, else unnamed.
    names : mapping of str to str, optional
        What people are called here, by what the source calls them.
    """

    def __init__(
        self,
        session: Session,
        *,
        source: str,
        annotator: str | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.task: Task = session.task
        self._session, self._source, self._annotator = session, source, annotator
        self._names = names or {}
        self._ids = SheetIds(session.state)
        self._answers: dict[Key, Answer] = {}
        self._wrong: list[str] = []
        self._empty = 0

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Say where what is read in this block stands; what is wrong there is kept for `record`."""
        try:
            yield
        except InputError as error:
            self._wrong.append(f"{self._source}, {place}: {error}")

    def add(
        self,
        row_id: Any,
        label: Any,
        *,
        annotator: Any = None,
        seconds: Any = None,
        time: Any = None,
        log_id: Any = None,
    ) -> None:
        """Take one answer in.

        Parameters
        ----------
        row_id : str or number
        label : label, `SKIP`, `UNDO` or None
            A label of the session's task; `UNDO` for one that was deleted there; None for a row
            that was not answered, which is counted.
        annotator : str, optional
        seconds : float, optional
            Time the annotator took.
        time : float, datetime or str, optional
            When, in seconds since 1970 or as ISO 8601.
        log_id : int, optional
            Place in the log that it comes from.

        Raises
        ------
        InputError
            For an unknown row, a wrong label, and another answer of the same annotator for the
            row, unless both say when: then the later one counts, by `log_id` before `time`.
        """
        if label is None:
            self._empty += 1
            return
        given = annotator if self._annotator is None else self._annotator
        person = "" if is_missing(given) else str(given)
        mark = label if isinstance(label, NoLabel) else None
        answer = Answer(
            self._ids.find(row_id),
            None if mark else self.task.encode(label),
            self._names.get(person, person),
            mark.value if mark else "label",
            seconds=None if is_missing(seconds) else _number("seconds", seconds),
            time=None if is_missing(time) else _moment(time),
            id=0 if is_missing(log_id) else int(_number("log_id", log_id)),
        )
        key = answer.row_id, answer.annotator
        self._answers[key] = _later(self._answers.get(key, answer), answer)

    def record(self, *, overwrite: bool = False) -> Imported:
        """Record what was taken in, all or nothing.

        Parameters
        ----------
        overwrite : bool
            Record labels that differ from the recorded ones as corrections; otherwise they are
            only reported. An undo is never a conflict.

        Raises
        ------
        InputError
            When something could not be taken in; each place is named, nothing is recorded.
        """
        if self._wrong:
            more = len(self._wrong) - SHOWN
            rest = [f"… and {more} more"] if more > 0 else []
            raise InputError("\n".join([*self._wrong[:SHOWN], *rest, "Nothing was recorded."]))
        recorded = self._recorded()
        fresh, conflicts, repeated = [], [], 0
        for key, answer in self._answers.items():
            before = recorded.get(key, _NOTHING)
            if _content(answer) == before:
                repeated += 1
                continue
            if before != _NOTHING and answer.kind != NoLabel.UNDO.value:
                conflicts.append(Conflict(*key, recorded=_shown(*before), imported=said(answer)))
                if not overwrite:
                    continue
            fresh.append(answer)
        new = self._session.record(fresh)
        return Imported(new, repeated, self._empty, tuple(conflicts))

    def _recorded(self) -> dict[Key, Content]:
        """Return what counts now by row and annotator, under the ids that the rows have today."""
        find = self._session.state.find
        counting = latest(self._session.history())
        return {(find(told.row_id), told.annotator): _content(told) for told in counting}


def _content(answer: Answer) -> Content:
    return answer.kind, answer.label


def _shown(kind: str, label: str | None) -> str:
    return kind if label is None else label


def said(answer: Answer) -> str:
    """Return the label of an answer as text, or its mark."""
    return _shown(answer.kind, answer.label)


def mark_of(word: Any) -> NoLabel | None:
    """Return the mark that a word of a file names, None for any other value."""
    return _MARKS.get(word.strip().lower()) if isinstance(word, str) else None


def _later(above: Answer, here: Answer) -> Answer:
    """Return the later of two answers of one annotator for one row."""
    if _content(above) == _content(here):
        return here
    if above.id and here.id:
        return max(above, here, key=lambda answer: answer.id)
    if above.time is not None and here.time is not None:
        return above if here.time < above.time else here
    raise InputError(
        f"row {here.row_id!r} is {said(here)!r} here and {said(above)!r} above. Leave one of them."
    )


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"`{name}` must be a number, got {value!r:.60}.") from error
    return check_number(name, number, low=0, high=LONGEST)


def _moment(value: Any) -> float:
    """Return seconds since 1970 of a number, a datetime or ISO 8601; without a zone it is UTC."""
    if isinstance(value, datetime):
        when = value
    else:
        try:
            return _number("time", value)
        except ValueError:
            pass
        try:
            when = datetime.fromisoformat(str(value).strip())
        except ValueError as error:
            raise InputError(
                "`time` must be seconds since 1970 or like 2026-11-30T12:00:00Z, got "
                f"{value!r:.60}."
            ) from error
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
