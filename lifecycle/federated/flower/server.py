"""A server that leads rounds until their number is reached, whoever is missing."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import (
    InputError,
    ThresherError,
    check_choice,
    check_count,
    check_number,
)
from thresher.core.ledger import CostLedger

from .client import FEWEST_MASKED
from .counting import CountedGrid
from .library import load_flower
from .rounds import RoundOptions, masked_round, open_round
from .weights_file import check_weights, read_weights, write_weights

SENDING = ("packed", "floats", "masked")
_POLL_S = 0.2


def flower_server(
    start: Mapping[str, np.ndarray],
    *,
    folder: str | os.PathLike[str],
    rounds: int,
    clients: int,
    quorum: int,
    deadline: float = 600.0,
    steps: int = 20,
    learning_rate: float = 0.1,
    proximal: float = 0.0,
    sending: str = "packed",
    share: float = 1.0,
    max_rows: int = 100_000,
) -> Any:
    """Return Flower's ``ServerApp``, which leads rounds and keeps weights and costs in a folder.

    ``weights.npz`` has the weights after the last round by name, ``ledger.jsonl`` a line for each
    round: bytes both ways, who counted, who did not and why. A server that was stopped goes on
    from there.

    Parameters
    ----------
    start : dict of str to ndarray
        Common weights before the first round: of a head or an adapter.
    folder : path
    rounds : int
        In all, those before a stop included.
    clients : int
        To wait for before the first round, until the deadline.
    quorum : int
        Usable updates at least; a round with fewer leaves the weights as they are.
    deadline : float
        Seconds in which a round's updates must come; with masks, those of each of four exchanges.
    steps, learning_rate, proximal : int, float, float
        Asked of the clients, see `LocalTask`.
    sending : str
        ``packed``: 8-bit numbers; ``floats``; or ``masked``: the server learns the sum alone.
    share : float
        Of the numbers of an update that are sent, the largest; only when they are packed.
    max_rows : int
        A client counts for so many rows at most. Far more than any has makes masked sums coarse.

    Raises
    ------
    InputError
        For weights that are not finite, weights of another start in the folder, or masks with
        fewer than three clients.
    MissingExtraError
        Without Flower.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import flower_server
    >>> try:
    ...     flower_server({"head": np.zeros((3, 2))}, folder="rounds", rounds=5, clients=2,
    ...                   quorum=2, sending="masked")
    ... except ValueError as error:
    ...     print(str(error)[:69])
    Secure aggregation needs 3 clients and a quorum of 3 at least, got 2
    """
    check_count("rounds", rounds)
    check_count("clients", clients)
    check_count("quorum", quorum, high=clients)
    check_number("deadline", deadline, low=0, low_open=True)
    if check_choice("sending", sending, SENDING) == "masked" and quorum < FEWEST_MASKED:
        raise InputError(
            f"Secure aggregation needs {FEWEST_MASKED} clients and a quorum of {FEWEST_MASKED} at "
            f"least, got {clients} and {quorum}: with two, each takes its own update from the sum "
            "and has the other's. Wait for more clients, or send without masks."
        )
    if share != 1 and sending != "packed":
        raise InputError(f"`share` is of packed updates; these are sent as {sending!r}.")
    options = RoundOptions(
        steps=check_count("steps", steps),
        learning_rate=float(check_number("learning_rate", learning_rate, low=0, low_open=True)),
        proximal=float(check_number("proximal", proximal, low=0, high=1 / learning_rate)),
        sending=sending,
        share=float(check_number("share", share, low=0, high=1, low_open=True)),
        max_rows=check_count("max_rows", max_rows, high=2**31 - 1),
        quorum=quorum,
        deadline=float(deadline),
    )
    home = Path(folder)
    weights, done = read_weights(home, start=check_weights(start))
    app = load_flower().ServerApp()

    def lead(grid: Any, context: Any) -> None:
        _Lead(home, weights, done, options).run(grid, context, rounds=rounds, clients=clients)

    app.main()(lead)
    return app


class _Lead:
    """Common weights and how many rounds they have seen."""

    def __init__(
        self, folder: Path, weights: dict[str, np.ndarray], done: int, options: RoundOptions
    ) -> None:
        self.folder, self.weights, self.done, self.options = folder, weights, done, options
        self.ledger = CostLedger(folder / "ledger.jsonl")

    def run(self, grid: Any, context: Any, *, rounds: int, clients: int) -> None:
        """Lead the rounds that are left.

        Raises
        ------
        ThresherError
            When not one of them counted.
        """
        finished = failed = 0
        reason = ""
        _wait(grid, clients, self.options.deadline)
        while self.done < rounds:
            reason = self._round(grid, context)
            finished, failed = finished + (not reason), failed + bool(reason)
        if failed and not finished:
            raise ThresherError(f"None of {counted(failed, 'round')} counted; the last: {reason}")

    def _round(self, grid: Any, context: Any) -> str:
        """Lead one round; return why it does not count, if so."""
        number, options, failed = self.done + 1, self.options, ""
        with self.ledger.stage(f"round {number}") as cost:
            nodes = _wait(grid, options.quorum, options.deadline)
            watched = CountedGrid(grid)
            one = masked_round if options.sending == "masked" else open_round
            try:
                if len(nodes) < options.quorum:
                    raise ThresherError(
                        f"{counted(len(nodes), 'client is', 'clients are')} connected, the quorum "
                        f"is {options.quorum}. Start more of them."
                    )
                result = one(watched, context, nodes, self.weights, number=number, options=options)
            except ThresherError as error:
                failed = cost.extra["failed"] = str(error)
            else:
                self.weights = _moved(self.weights, result.change)
                cost.extra |= {"used": result.used, "left_out": result.left_out}
            cost.extra |= {"bytes_down": watched.down, "bytes_up": watched.up}
            write_weights(self.folder, self.weights, done=number)
        self.done = number
        return failed


def _wait(grid: Any, wanted: int, deadline: float) -> list[int]:
    """Return the clients that are connected, once they are enough or the deadline has passed."""
    end = time.monotonic() + deadline
    while len(nodes := sorted(grid.get_node_ids())) < wanted and time.monotonic() < end:
        time.sleep(_POLL_S)
    return nodes


def _moved(weights: Mapping[str, np.ndarray], change: np.ndarray) -> dict[str, np.ndarray]:
    ends = np.cumsum([array.size for array in weights.values()])
    parts = np.split(change.astype(np.float32), ends[:-1])
    return {
        name: array + part.reshape(array.shape)
        for (name, array), part in zip(weights.items(), parts, strict=True)
    }
