"""What a desk writes into the log, inside the transaction of its writer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from thresher.core.errors import InputError
from thresher.core.labels import Answer

from .desk_log import DeskLog
from .desk_rows import DeskRow, Taken, desk_row
from .state import State
from .store import AskedRow, LeaseChange, Store


@dataclass(frozen=True)
class Told:
    """One answer, or one that was taken back, as it is on disk."""

    annotator: str
    row_id: str
    taken: Taken
    label: bool = False
    again: DeskRow | None = None


def write_answer(
    store: Store, state: State, answer: Answer, *, key: str, late: bool, row: DeskRow | None
) -> Told:
    """Append an answer unless its key is there already.

    Parameters
    ----------
    store : Store
    state : State
        As of this transaction.
    answer : Answer
        Without its round.
    key : str
        Given by the page, one for each answer.
    late : bool
        Whether the tab was given up before.
    row : DeskRow or None
        The row as it was handed out, where that is known.
    """
    log = DeskLog(store)
    known = _known(log, answer, key=key)
    if known is not None:
        return Told(answer.annotator, answer.row_id, known)
    place = state.position(answer.row_id)
    lease = state.leases.get(place)
    mine = lease is not None and lease.annotator == answer.annotator
    batch = row.batch if row else lease.ask if lease and mine else 0
    blind = row.blind if row else _was_blind(log, batch, place)
    late = late or _is_late(state, place, answer)
    number, new = store.labels.append(replace(answer, round=batch))
    log.insert(answer.annotator, key, answer=number, late=late, blind=blind)
    is_label = new and answer.kind == "label"
    return Told(answer.annotator, answer.row_id, Taken(number, new, late, False), is_label)


def write_undo(
    store: Store,
    state: State,
    annotator: str,
    *,
    row_id: str | None,
    key: str,
    expires: float,
    now: float,
) -> Told | None:
    """Take back the last answer that an annotator gave at a desk, and lease its row again.

    The last of all, or the last for a row. None when there is none left.
    """
    log = DeskLog(store)
    known = log.answer_of_key(annotator, key)
    if known is not None:
        row_id, batch = log.row_of(known[0])
        repeated = Taken(known[0], False, False, True)
    else:
        found = log.last_counting(annotator, row_id=row_id)
        if found is None:
            return None
        row_id, batch = found
        undo = Answer(row_id, None, annotator, "undo", round=batch, time=now)
        number, _ = store.labels.append(undo)
        log.insert(annotator, key, answer=number, late=False, blind=False)
        repeated = Taken(number, True, False, False)
    place = state.position(row_id)
    lease = state.leases.get(place)
    if lease is None or lease.annotator == annotator or lease.expires <= now:
        store.insert_changes([LeaseChange(batch, place, annotator, expires, now)])
    asked = log.asked(batch, place) or unasked(place)
    again = desk_row(state.task, str(state.row_ids[place]), asked, batch=batch)
    return Told(annotator, row_id, repeated, again=again)


def _known(log: DeskLog, answer: Answer, *, key: str) -> Taken | None:
    """Return what became of an answer that came before under its key."""
    known = log.answer_of_key(answer.annotator, key)
    if known is None:
        return None
    number, late = known
    row_id, _ = log.row_of(number)
    if row_id != answer.row_id:
        raise InputError(
            f"The key {key!r} was used for an answer to row {row_id!r} before, now for row "
            f"{answer.row_id!r}. Give each answer a key of its own."
        )
    return Taken(number, False, late, True)


def _is_late(state: State, place: int, answer: Answer) -> bool:
    """Whether somebody else may have been given the row, since the lease had run out."""
    if state.has_answer(place, answer.annotator):
        return False
    lease, now = state.leases.get(place), answer.time or 0.0
    if lease is None:
        return bool(state.labeled[place])
    return lease.annotator != answer.annotator or lease.expires <= now


def _was_blind(log: DeskLog, batch: int, place: int) -> bool:
    asked = log.asked(batch, place)
    return asked is not None and asked.arm == "audit"


def unasked(place: int) -> AskedRow:
    """Return a row that nobody asked for, as if it had been asked."""
    return AskedRow(place, "told", 0.0, 1.0, 0, None, None, "told without being asked")
