"""One round over the clients that are connected, open or with masks.

Masks are those of SecAgg+ (Bell et al., "Secure Single-Server Aggregation with (Poly)Logarithmic
Overhead", 2020), in Flower's implementation: every two clients agree on numbers that cancel in the
sum; who drops out is taken out of it again by shares that the others hold. The server learns the
mean over clients of update ÷ share of the work and of that share, weighted by rows. Their product
is what `combine_updates` gives for updates that can be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, ThresherError

from ..packing import PackedUpdate
from ..weighting import ClientUpdate, RoundResult, combine_updates
from .client import FEWEST_MASKED, LARGEST
from .counting import CountedGrid
from .library import load_flower

_MODULUS_BITS = 32
_FINEST_BITS = 30  # Flower rounds to signed 32-bit integers


@dataclass(frozen=True)
class RoundOptions:
    """What is the same in all rounds; see `flower_server`."""

    steps: int
    learning_rate: float
    proximal: float
    sending: str
    share: float
    max_rows: int
    quorum: int
    deadline: float

    def task(self, number: int, names: Sequence[str]) -> dict[str, Any]:
        """Return what clients are told."""
        return {
            "number": number,
            "steps": self.steps,
            "learning_rate": self.learning_rate,
            "proximal": self.proximal,
            "sending": self.sending,
            "share": self.share,
            "max_rows": self.max_rows,
            "names": json.dumps(list(names)),
        }


def open_round(
    grid: CountedGrid,
    context: Any,  # noqa: ARG001 -- masks need it
    nodes: Sequence[int],
    weights: Mapping[str, np.ndarray],
    *,
    number: int,
    options: RoundOptions,
) -> RoundResult:
    """Ask for updates that the server reads, and combine those that came."""
    flower = load_flower()
    asked = flower.FitIns(
        flower.to_parameters(list(weights.values())), options.task(number, list(weights))
    )
    messages = [
        flower.Message(
            flower.compat.fitins_to_recorddict(asked, True),
            dst_node_id=node,
            message_type="train",
            group_id=str(number),
        )
        for node in nodes
    ]
    replies = grid.send_and_receive(messages, timeout=options.deadline)
    size = sum(array.size for array in weights.values())
    updates = []
    for reply in replies:
        client = str(reply.metadata.src_node_id)
        if not reply.has_error():
            try:
                updates.append(_read(reply.content, client, size=size, options=options))
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                grid.errors[client] = f"sent what cannot be read ({error})"
    pull = options.learning_rate * options.proximal
    try:
        found = combine_updates(updates, quorum=options.quorum, proximal=pull)
    except InputError:
        raise
    except ThresherError as error:
        raise ThresherError(f"{error} {_listed(grid.errors)}".strip()) from error
    return RoundResult(found.change, found.used, {**grid.errors, **found.left_out}, grid.up)


def masked_round(
    grid: CountedGrid,
    context: Any,
    nodes: Sequence[int],
    weights: Mapping[str, np.ndarray],
    *,
    number: int,
    options: RoundOptions,
) -> RoundResult:
    """Learn the mean of the updates, and none of them."""
    flower = load_flower()
    if len(nodes) < FEWEST_MASKED:
        raise ThresherError(
            f"{counted(len(nodes), 'client is', 'clients are')} connected, masks need "
            f"{FEWEST_MASKED} at least."
        )
    asked = _Asked(flower, nodes, options.task(number, list(weights)))
    context.state.config_records[flower.constant.MAIN_CONFIGS_RECORD] = flower.ConfigRecord(
        {flower.constant.Key.CURRENT_ROUND: number}
    )
    context.state.array_records[flower.constant.MAIN_PARAMS_RECORD] = flower.ArrayRecord(
        list(weights.values())
    )
    # More than half must stay, or a server could ask two halves for different sums.
    threshold = max(FEWEST_MASKED, options.quorum, len(nodes) // 2 + 1)
    protocol = _protocol(flower, len(nodes), threshold, options)
    protocol(grid, flower.LegacyContext(context, strategy=asked))
    if asked.mean is None:
        stayed = len(nodes) - len(grid.errors)
        raise ThresherError(
            f"Masks could not be taken off: {stayed} of {counted(len(nodes), 'client')} stayed to "
            "the end, "
            f"{threshold} are needed. {_listed(grid.errors)}".strip()
        )
    change = asked.mean[:-1] * asked.mean[-1]
    used = [str(node) for node in asked.used]
    left_out = {client: why for client, why in grid.errors.items() if client not in used}
    return RoundResult(change, used, left_out, grid.up)


def _protocol(flower: Any, clients: int, threshold: int, options: RoundOptions) -> Any:
    class Protocol(flower.SecAggPlusWorkflow):  # type: ignore[misc]
        """Flower's, which would ask for shares that a client gone early has never dealt."""

        def share_keys_stage(self, grid: Any, context: Any, state: Any) -> bool:
            went_on: bool = super().share_keys_stage(grid, context, state)
            here = state.sampled_node_ids = set(state.active_node_ids)
            known = state.nid_to_neighbours
            state.nid_to_neighbours = {node: known[node] & here for node in here}
            return went_on

    return Protocol(
        1.0,
        threshold,
        max_weight=float(options.max_rows),
        clipping_range=LARGEST,
        quantization_range=1 << min(_FINEST_BITS, _MODULUS_BITS - clients.bit_length()),
        modulus_range=1 << _MODULUS_BITS,
        timeout=options.deadline,
    )


class _Asked:
    """What Flower's protocol asks of a strategy: whom to ask what, and what to do with the mean."""

    def __init__(self, flower: Any, nodes: Sequence[int], task: Mapping[str, Any]) -> None:
        self._flower, self._nodes, self._task = flower, nodes, task
        self.mean: np.ndarray | None = None
        self.used: list[int] = []

    def configure_fit(self, _: int, parameters: Any, __: Any) -> list[Any]:
        """Return clients and what they are asked."""
        asked = self._flower.FitIns(parameters, dict(self._task))
        return [(SimpleNamespace(node_id=node), asked) for node in self._nodes]

    def aggregate_fit(self, _: int, results: Any, __: Any) -> tuple[None, dict[str, Any]]:
        """Keep the mean and whose it is."""
        self.used = [proxy.node_id for proxy, _ in results]
        self.mean = self._flower.to_arrays(results[0][1].parameters)[0]
        return None, {}


def _read(content: Any, client: str, *, size: int, options: RoundOptions) -> ClientUpdate:
    result = load_flower().compat.recorddict_to_fitres(content, True)
    (data,) = result.parameters.tensors
    if result.parameters.tensor_type != options.sending:
        raise InputError(f"{result.parameters.tensor_type!r} came for {options.sending!r}")
    packed = PackedUpdate.from_bytes(data) if options.sending == "packed" else None
    # Before any memory is taken for what a client says that it sent.
    came = len(data) // 4 if packed is None else packed.size or len(packed.numbers)
    if came != size:
        raise InputError(f"{counted(came, 'number')} came, {size} were asked for")
    change = np.frombuffer(data, "<f4") if packed is None else packed.values()
    rows = min(int(result.num_examples), options.max_rows)
    return ClientUpdate(client, change, rows, int(result.metrics["steps"]), size_bytes=len(data))


def _listed(errors: Mapping[str, str]) -> str:
    return "; ".join(f"{client}: {why}" for client, why in errors.items())
