"""Rows of a session become tasks of a Label Studio project, each once."""

from __future__ import annotations

from thresher.core.counted import counted

from ...sessions.batch_choice import Request
from ...sessions.session import Session
from ...sessions.store import AskedRow, LeaseChange
from ..sheet_ids import SheetIds
from .connection import Connection, row_of
from .links import Handed
from .server import ServerError, UnclearError
from .tasks import predictions, task_data

ANNOTATOR = "label-studio"  # who rows are leased to until one of the server's people answers
CHUNK = 100
TRIES = 3


def push(
    connection: Connection, *, n: int, lease: float | str = "30d", mode: str = "new"
) -> list[str]:
    """Hand rows out until `n` tasks wait for an answer; return the ids of the new rows.

    What an interrupted call handed out is sent first. A row that is asked again while its task
    waits gets no second one.

    Parameters
    ----------
    connection : Connection
    n : int
    lease : float or str
        How long the rows are kept for the server; see `Session.ask`.
    mode : str
        See `Session.ask`.
    """
    session, links = connection.session, connection.links
    _note_asks(connection)
    send(connection)
    wanted = n - len(links.waiting())
    if wanted <= 0:
        return []
    _give_back(session)
    request = Request(ANNOTATOR, n=1, mode=mode, audit=session.audit, time=session.clock())
    number = min(wanted, session.engine.available(request))
    if not number:
        return []
    before = links.last_ask()
    session.ask(number, annotator=ANNOTATOR, lease=lease, mode=mode)
    _note_asks(connection)
    send(connection)
    return [row.row_id for row in links.handed(after=before)]


def _give_back(session: Session) -> None:
    """End the leases of rows that have a label, so that others can be asked about them.

    Rows are leased to the server, and one of its people answers under another name.
    """
    engine = session.engine
    with engine.lock:
        state, now = engine.refresh(), session.clock()
        engine.change_leases(
            [
                LeaseChange(lease.ask, place, ANNOTATOR, expires=0.0, time=now)
                for place, lease in state.leases.items()
                if lease.annotator == ANNOTATOR and lease.expires > now and state.labeled[place]
            ]
        )


def _note_asks(connection: Connection) -> None:
    """Note the rows of asks for the server: the session's log has them, whoever was killed."""
    session, last = connection.session, connection.links.last_ask()
    for ask in session.engine.store.asks_since(last):
        if ask.annotator == ANNOTATOR:
            ids = [str(session.state.row_ids[row.position]) for row in ask.rows if _served(row)]
            connection.links.hand_out([Handed(ask.id, slot, row) for slot, row in enumerate(ids)])


def _served(row: AskedRow) -> bool:
    return row.arm != "claimed"


def send(connection: Connection) -> None:
    """Make the tasks of all rows that have none.

    Raises
    ------
    ServerError
        When the server does not say, several times, whether tasks arrived.
    """
    links = connection.links
    for attempt in range(TRIES):
        if not links.unsent():
            return
        adopt(connection)
        _join_waiting(connection)
        unsent = links.unsent()
        try:
            for start in range(0, len(unsent), CHUNK):
                _import(connection, unsent[start : start + CHUNK])
        except UnclearError:
            if attempt == TRIES - 1:
                raise
    adopt(connection)
    if links.unsent():
        raise ServerError(
            f"Label Studio has not made {counted(len(links.unsent()), 'task')} yet. Give the same "
            "command again in a minute: no row is sent twice."
        )


def adopt(connection: Connection) -> None:
    """Note the tasks of our rows that the server has and the session does not know of."""
    find = SheetIds(connection.session.state).find
    known = max(connection.links.tasks(), default=0)
    found = [
        (int(task["id"]), row_of(find, task), task["data"].get("ask"))
        for task in connection.server.tasks(connection.project, above=known, brief=True)
    ]
    connection.links.match((task, row, ask) for task, row, ask in found if row is not None)


def _join_waiting(connection: Connection) -> None:
    """Give a row that was asked again the task that still waits for its answer."""
    waiting = {row: task for task, row in connection.links.waiting().items()}
    unsent = connection.links.unsent()
    connection.links.match(
        (waiting[row.row_id], row.row_id, row.ask) for row in unsent if row.row_id in waiting
    )


def _import(connection: Connection, rows: list[Handed]) -> None:
    session, server, control = connection.session, connection.server, connection.control
    asked = _asked(session, {row.ask for row in rows})
    cells = connection.shown.cells([row.row_id for row in rows])

    def address(name: str, data: bytes) -> str:
        return server.upload(connection.project, name, data)

    tasks = []
    for row in rows:
        data = task_data(
            row.row_id, cells[row.row_id], shown=connection.shown, control=control, address=address
        )
        found = predictions(asked[row.ask][row.slot], session.task, control, data=data)
        tasks.append({"data": data | {"ask": row.ask}, "predictions": found})
    numbers = server.import_tasks(connection.project, tasks)
    # A server that makes tasks later gives no numbers: `adopt` finds them.
    connection.links.match(
        (number, row.row_id, row.ask) for number, row in zip(numbers, rows, strict=False)
    )


def _asked(session: Session, numbers: set[int]) -> dict[int, list[AskedRow]]:
    return {
        ask.id: [row for row in ask.rows if _served(row)]
        for ask in session.engine.store.asks_since(min(numbers) - 1)
        if ask.id in numbers
    }
