"""Rounds of exchange with a Label Studio project: what came in, what went out, and again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..exchanged import Exchange
from .connection import Connection
from .incoming import pull
from .outgoing import push
from .server import UnreachableError

PAUSE_S = 15.0  # while the server is down


def exchange(
    connection: Connection,
    *,
    n: int,
    mode: str = "new",
    everything: bool = False,
    least: int | None = None,
) -> Exchange:
    """Read the answers, then hand rows out until `n` tasks wait.

    Parameters
    ----------
    connection : Connection
    n : int
    mode : str
        See `Session.ask`.
    everything : bool
        Read all tasks again, not only those that changed.
    least : int, optional
        Hand rows out only when no more than these wait; default whenever fewer than `n` do.
    """
    pulled = pull(connection, everything=everything)
    few = least is None or len(connection.links.waiting()) <= least
    handed = tuple(push(connection, n=n if few else 0, mode=mode))
    return Exchange(pulled, handed, len(connection.links.waiting()))


def watch(
    connection: Connection,
    *,
    n: int,
    mode: str = "new",
    every: float = 5.0,
    wake: threading.Event,
    stop: threading.Event,
    say: Callable[[Exchange | UnreachableError], object],
) -> None:
    """Exchange until `stop` is set: every few seconds, and at once when `wake` is set.

    Rows go out when half of the `n` tasks are answered, so that the model has learned from them.
    While the server is down it is asked again and again.

    Parameters
    ----------
    connection : Connection
    n : int
    mode : str
        See `Session.ask`.
    every : float
        Seconds.
    wake, stop : threading.Event
    say : callable
        Takes each round that did something, and the error when the server cannot be reached.
    """
    down = False
    while not stop.is_set():
        try:
            found = exchange(connection, n=n, mode=mode, least=n // 2)
        except UnreachableError as error:
            if not down:
                say(error)
            down = True
        else:
            if down or found.pulled.new or found.pulled.set_aside or found.handed:
                say(found)
            down = False
        wake.wait(PAUSE_S if down else every)
        wake.clear()
