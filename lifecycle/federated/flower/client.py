"""A client: trains on its own rows and sends what changed, packed, as floats or masked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_count

from ..packing import UpdatePacker
from ..weighting import reach
from .library import load_flower

# With two clients, each gets the other's update by taking its own from the sum.
FEWEST_MASKED = 3
LARGEST = 8.0  # of a masked number
_OWED = "thresher.owed"


@dataclass(frozen=True)
class LocalTask:
    """What a client is asked to do in a round.

    Attributes
    ----------
    number : int
        Of the round, from 1.
    steps : int
        Of the optimizer; a slow client does fewer and says so.
    learning_rate, proximal : float
        Of plain gradient descent, and of the FedProx term.
    node : dict
        Flower's settings of this client, such as ``partition-id``.

    Examples
    --------
    >>> from lifecycle import LocalTask
    >>> LocalTask(1, steps=20, learning_rate=0.1).proximal
    0.0
    """

    number: int
    steps: int
    learning_rate: float
    proximal: float = 0.0
    node: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class LocalResult:
    """What a client has trained.

    Attributes
    ----------
    weights : dict of str to ndarray
        Of the names and shapes that it was given.
    rows, steps : int
        That it trained on, and that it did.

    Examples
    --------
    >>> import numpy as np
    >>> from lifecycle import LocalResult
    >>> LocalResult({"head": np.zeros((3, 2))}, rows=120, steps=20).rows
    120
    """

    weights: Mapping[str, np.ndarray]
    rows: int
    steps: int


Training = Callable[[dict[str, np.ndarray], LocalTask], LocalResult]


def flower_client(train: Training, *, masked: bool = False, random_state: int = 0) -> Any:
    """Return Flower's ``ClientApp`` of a client that trains a head or an adapter on its own rows.

    What rounding takes away from an update is kept in Flower's state of the client and sent with
    the next one.

    Parameters
    ----------
    train : callable
        Takes the common weights by name and a `LocalTask`, returns a `LocalResult`.
    masked : bool
        Take part in secure aggregation, and in nothing else: a server that asks for an update that
        it can read, or for a sum over fewer than three clients, gets none.
    random_state : int
        Of the rounding.

    Raises
    ------
    InputError
        When `train` is no function.
    MissingExtraError
        Without Flower.

    Examples
    --------
    >>> from lifecycle import flower_client
    >>> try:
    ...     flower_client("train.py")
    ... except ValueError as error:
    ...     print(error)
    `train` must be a function, got 'train.py'.
    """
    if not callable(train):
        raise InputError(f"`train` must be a function, got {train!r:.80}.")
    check_count("random_state", random_state, low=0)
    flower = load_flower()
    app = flower.ClientApp(mods=[_mask] if masked else [])

    def answer(message: Any, context: Any) -> Any:
        if not masked and flower.secure.RECORD_KEY_CONFIGS in message.content.config_records:
            raise InputError(
                "The server asks for masked updates, this client sends others; start it masked."
            )
        asked = flower.compat.recorddict_to_fitins(message.content, True)
        names = json.loads(str(asked.config["names"]))
        given = dict(zip(names, flower.to_arrays(asked.parameters), strict=True))
        told = {key: asked.config[key] for key in ("number", "steps", "learning_rate", "proximal")}
        task = LocalTask(**told, node=dict(context.node_config))
        done = train({name: array.copy() for name, array in given.items()}, task)
        change = _change(done, given)
        if masked:
            sent = flower.to_parameters([_for_masks(change, done, task)])
        elif asked.config["sending"] == "floats":
            sent = flower.Parameters([change.astype("<f4").tobytes()], "floats")
        else:
            who = int(context.node_config.get("partition-id", context.node_id))
            rng = np.random.default_rng([random_state, task.number, who])
            kept = context.state.array_records
            owed = kept[_OWED].to_numpy_ndarrays()[0] if _OWED in kept else None
            share = float(asked.config["share"])
            packer = UpdatePacker(change.size, share=share, random_state=rng, owed=owed)
            sent = flower.Parameters([packer.pack(change).to_bytes()], "packed")
            kept[_OWED] = flower.ArrayRecord([packer.owed])
        rows = min(done.rows, int(asked.config["max_rows"]))
        result = flower.FitRes(flower.done, sent, rows, {} if masked else {"steps": done.steps})
        return flower.Message(flower.compat.fitres_to_recorddict(result, True), reply_to=message)

    app.train()(answer)
    return app


def _change(done: object, given: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what a client's weights moved by, shape (n,), if they are what was asked for."""
    if not isinstance(done, LocalResult):
        raise InputError(f"`train` must return a LocalResult, got {type(done).__name__}.")
    shapes = {name: np.shape(array) for name, array in given.items()}
    if (got := {name: np.shape(array) for name, array in done.weights.items()}) != shapes:
        raise InputError(f"`train` must return weights of shapes {shapes}, got {got}.")
    if done.rows < 1 or done.steps < 1:
        raise InputError(
            f"The client trained {counted(done.steps, 'step')} on {counted(done.rows, 'row')}."
        )
    parts = [np.asarray(done.weights[name]) - array for name, array in given.items()]
    change = np.concatenate([part.ravel() for part in parts]).astype(np.float32)
    if not np.isfinite(change).all():
        raise InputError("The trained weights are not finite; ask for a smaller learning rate.")
    return change


def _for_masks(change: np.ndarray, done: LocalResult, task: LocalTask) -> np.ndarray:
    """Return numbers whose mean by rows tells what `combine_updates` needs, and no more."""
    pull = task.learning_rate * task.proximal
    share = reach(done.steps, proximal=pull) / reach(task.steps, proximal=pull)
    numbers = np.append(change / share, share)
    if np.abs(numbers).max() > LARGEST:
        raise InputError(
            f"An update reaches {np.abs(numbers).max():.3g}, masks hold numbers up to {LARGEST:g}; "
            "ask for fewer steps or a smaller learning rate."
        )
    return numbers


def _mask(message: Any, context: Any, call_next: Any) -> Any:
    """Do a client's part of SecAgg+ as Flower does it, in half the bytes and telling no rows."""
    flower = load_flower()
    key, records = flower.secure.RECORD_KEY_CONFIGS, message.content.config_records
    if key not in records:
        raise InputError("The server asks for an update that it can read; this client masks all.")
    asked, names = records[key], flower.secure.Key
    fewest = min(asked.get(name, FEWEST_MASKED) for name in (names.SAMPLE_NUMBER, names.THRESHOLD))
    if fewest < FEWEST_MASKED:
        raise InputError(
            f"The server asks for a sum over {counted(fewest, 'client')}. With fewer than "
            f"{FEWEST_MASKED} each could take its own update from it and read the other's."
        )
    reply = flower.mask(message, context, call_next)
    answer = reply.content.config_records[key]
    if names.MASKED_PARAMETERS in answer:
        # Masked numbers are below 2^32; Flower sends 64 bits of each.
        arrays = [flower.from_bytes(data) for data in answer[names.MASKED_PARAMETERS]]
        short = [flower.to_bytes(array.astype(np.uint32)) for array in arrays]
        answer[names.MASKED_PARAMETERS] = short
        for record in reply.content.metric_records.values():
            record["num_examples"] = 1
    return reply
