"""One step of the common model from the updates of unlike clients.

Clients that did more steps would pull the model to themselves. Each update is divided by how far
its steps reach and the mean is scaled back (Wang et al., "Tackling the Objective Inconsistency
Problem", FedNova, 2020), so that a client's say depends on its rows alone. With equal steps it is
FedAvg.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, ThresherError, check_count, check_number
from thresher.core.missing import read_numbers
from thresher.core.signatures import check_fields, checked


@dataclass(frozen=True, eq=False)
class ClientUpdate:
    """What a client sends.

    Attributes
    ----------
    client : str
    change : ndarray, shape (n,)
        Its weights less those that it was sent.
    rows : int
        That it trained on.
    steps : int
        Of its optimizer.
    seconds : float
        After the round began, when it arrived.
    size_bytes : int
        That were sent for it.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import ClientUpdate
    >>> ClientUpdate("clinic-1", np.zeros(10), rows=200, steps=20).seconds
    0.0
    """

    client: str
    change: np.ndarray
    rows: int
    steps: int
    seconds: float = 0.0
    size_bytes: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        change = read_numbers("change", self.change)
        if change.ndim != 1:
            raise InputError(f"`change` must have shape (n,), got {change.shape}.")
        object.__setattr__(self, "change", change)


@dataclass(frozen=True, eq=False)
class RoundResult:
    """The outcome of a round.

    Attributes
    ----------
    change : ndarray of float64, shape (n,)
        To be added to the common weights.
    used : list of str
    left_out : dict of str to str
        Clients that came, and why they do not count.
    size_bytes : int
        Received, of all that came.
    """

    change: np.ndarray
    used: list[str]
    left_out: dict[str, str]
    size_bytes: int


@checked
def reach(steps: int, *, momentum: float = 0.0, proximal: float = 0.0) -> float:
    """Return how many plain steps of gradient descent the steps of a client reach.

    Parameters
    ----------
    steps : int
    momentum : float
        Of the client's optimizer.
    proximal : float
        Learning rate times the weight of the FedProx term, which pulls a client back.

    Examples
    --------
    >>> from lifecycle import reach
    >>> reach(5), round(reach(2, momentum=0.9), 3), round(reach(1000, proximal=0.1), 3)
    (5.0, 2.9, 10.0)
    """
    check_count("steps", steps)
    check_number("momentum", momentum, low=0, high=0.9999)
    check_number("proximal", proximal, low=0, high=1)
    place = speed = 0.0
    for _ in range(steps):  # under a constant gradient of 1
        speed = momentum * speed + 1 - proximal * place
        place += speed
    return place


@checked
def combine_updates(
    updates: Sequence[ClientUpdate],
    *,
    quorum: int,
    deadline: float = float("inf"),
    momentum: float = 0.0,
    proximal: float = 0.0,
) -> RoundResult:
    """Combine what came into one change; who is late, missing or broken does not stop the round.

    Parameters
    ----------
    updates : sequence of ClientUpdate
    quorum : int
        Usable updates at least.
    deadline : float
        Seconds; later ones do not count.
    momentum, proximal : float
        As in `reach`.

    Raises
    ------
    ThresherError
        With fewer usable updates than the quorum; the weights are to stay as they are.
    InputError
        When updates of different sizes or two of one client came.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import ClientUpdate, combine_updates
    >>> updates = [
    ...     ClientUpdate("a", np.array([1.0]), rows=10, steps=1),
    ...     ClientUpdate("b", np.array([-9.0]), rows=10, steps=9),
    ... ]
    >>> combine_updates(updates, quorum=2).change
    array([0.])
    """
    check_count("quorum", quorum)
    check_number("deadline", deadline, low=0)
    for update in updates:
        if not isinstance(update, ClientUpdate):
            raise InputError(f"`updates` must be ClientUpdates, got {update!r:.80}.")
    names = [update.client for update in updates]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"Client {twice!r} sent more than one update in a round; keep its last.")
    left_out = {
        update.client: reason for update in updates if (reason := _unusable(update, deadline))
    }
    usable = [update for update in updates if update.client not in left_out]
    if len(usable) < quorum:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise ThresherError(
            f"{len(usable)} usable updates came, the quorum is {quorum}. Keep the weights and "
            "begin another round, or allow a lower quorum or a later deadline."
            f"{reasons and ' ' + reasons}"
        )
    if len(sizes := {len(update.change) for update in usable}) > 1:
        raise InputError(f"Updates of sizes {sorted(sizes)} came; all clients train one head.")
    share = np.array([update.rows for update in usable], dtype=np.float64)
    share /= share.sum()
    reached = [reach(each.steps, momentum=momentum, proximal=proximal) for each in usable]
    change = np.zeros(len(usable[0].change))
    for update, weight in zip(usable, share / reached, strict=True):
        change += weight * update.change
    total = sum(update.size_bytes for update in updates)
    used = [update.client for update in usable]
    return RoundResult(change * float(share @ reached), used, left_out, total)


def _unusable(update: ClientUpdate, deadline: float) -> str:
    if update.seconds > deadline:
        return f"came after {update.seconds:g} s, the deadline was {deadline:g} s"
    if update.rows < 1 or update.steps < 1:
        return f"trained {counted(update.steps, 'step')} on {counted(update.rows, 'row')}"
    if not np.isfinite(update.change).all():
        return "its update has values that are not finite"
    return ""
