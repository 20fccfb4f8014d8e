"""Runs rounds under Flower and in plain NumPy, and prints both as JSON; see test_flower.py.

Run in an environment that has Flower: python flower_trial.py FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import ConfigRecord, Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.secure_aggregation.secaggplus_constants import RECORD_KEY_CONFIGS, Key, Stage
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto
from flwr.simulation import run_simulation
from flwr.supercore.task_identity import TaskIdentity

from lifecycle import (
    ClientUpdate,
    LocalResult,
    LocalTask,
    UpdatePacker,
    combine_updates,
    dirichlet_split,
    flower_client,
    flower_server,
    train_head,
)
from thresher.core.errors import ThresherError

CLIENTS, CLASSES, WIDTH = 10, 4, 12
HOW = {"steps": 12, "learning_rate": 0.3, "proximal": 0.05}
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, CLASSES, 3000)
ROWS = (RNG.normal(size=(CLASSES, WIDTH))[LABELS] + RNG.normal(size=(3000, WIDTH))).astype("f4")
PARTS = dirichlet_split(LABELS, clients=CLIENTS, min_rows=20, random_state=0)
START = {
    "weight": np.zeros((WIDTH, CLASSES), np.float32),
    "bias": np.zeros(CLASSES, np.float32),
}


def head_of(weights: dict[str, np.ndarray]) -> np.ndarray:
    return np.vstack([weights["weight"], weights["bias"]])


def train_one(head: np.ndarray, number: int, who: int) -> tuple[np.ndarray, int]:
    """Train as a client does; every third is slow."""
    steps = HOW["steps"] // 4 if who % 3 == 0 else HOW["steps"]
    trained = train_head(
        head,
        ROWS[PARTS[who]],
        LABELS[PARTS[who]],
        steps=int(steps),
        learning_rate=HOW["learning_rate"],
        proximal=HOW["proximal"],
        random_state=np.random.default_rng([number, who]),
    )
    return trained, int(steps)


def dying(number: int, share: float) -> set[int]:
    """Return the clients that die in a round."""
    return set(np.random.default_rng(number).permutation(CLIENTS)[: round(share * CLIENTS)])


def trainer(share: float, fault: str) -> Callable[[dict[str, np.ndarray], LocalTask], LocalResult]:
    def train(weights: dict[str, np.ndarray], task: LocalTask) -> LocalResult:
        who = int(task.node["partition-id"])
        if who in dying(task.number, share):
            if fault == "late":
                time.sleep(9)
            if fault == "error":
                raise RuntimeError("out of memory")
            if fault == "gone":
                raise ConnectionError("no heartbeat")
        head, steps = train_one(head_of(weights), task.number, who)
        if who in dying(task.number, share) and fault == "nan":
            head[0, 0] = np.nan
        own = {"weight": head[:-1], "bias": head[-1]}
        return LocalResult(own, rows=len(PARTS[who]), steps=steps)

    return train


def expected(
    rounds: int, share: float = 0.0, *, packed: bool = False, without: int = 0, sent: float = 1.0
) -> np.ndarray:
    """Return the head after the same rounds without Flower."""
    head = head_of(START)
    owed: dict[int, np.ndarray | None] = dict.fromkeys(range(CLIENTS))
    for number in range(1, rounds + 1):
        updates = []
        for who in set(range(without, CLIENTS)) - dying(number, share):
            own, steps = train_one(head, number, who)
            change = np.concatenate([(own - head)[:-1].ravel(), (own - head)[-1]])
            if packed:
                rng = np.random.default_rng([0, number, who])
                packer = UpdatePacker(change.size, share=sent, random_state=rng, owed=owed[who])
                change, owed[who] = packer.pack(change).values(), packer.owed
            updates.append(ClientUpdate(str(who), change, len(PARTS[who]), steps))
        pull = HOW["learning_rate"] * HOW["proximal"]
        change = combine_updates(updates, quorum=3, proximal=pull).change
        head = head + np.vstack([change[:-CLASSES].reshape(WIDTH, CLASSES), change[-CLASSES:]])
    return head


class LocalGrid:
    """Hands messages to client apps in threads of this process, through the form on the wire."""

    def __init__(self, app: ClientApp) -> None:
        self._app = app
        self._contexts = {
            100 + who: Context(1, 100 + who, {"partition-id": who}, RecordDict(), {})
            for who in range(CLIENTS)
        }
        self._pool = ThreadPoolExecutor(CLIENTS)

    def get_node_ids(self) -> list[int]:
        """Return the numbers of all clients."""
        return list(self._contexts)

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        """Return what has come within the time."""
        messages = list(messages)
        for number, message in enumerate(messages):
            message.metadata.__dict__["_message_id"] = f"m{number}"  # as Flower does
        asked = [self._pool.submit(self._answer, message) for message in messages]
        done, _ = wait(asked, timeout=timeout)
        return [each.result() for each in asked if each in done]

    def _answer(self, message: Message) -> Message:
        message.content = recorddict_from_proto(recorddict_to_proto(message.content))
        try:
            reply = self._app(message, self._contexts[message.metadata.dst_node_id])
        except Exception as error:
            failed = Message(Error(1, f"{type(error)}:<'{error}'>"), reply_to=message)
            if isinstance(error, ConnectionError):  # told by the server for a lost client
                failed.metadata.__dict__["_src_node_id"] = 1
            return failed
        reply.content = recorddict_from_proto(recorddict_to_proto(reply.content))
        return reply


def simulate(
    folder: Path, client: ClientApp, *, under_ray: bool = False, **options: Any
) -> dict[str, Any]:
    """Run rounds in this process, or as Flower simulates them, in processes of Ray."""
    how = {"folder": folder, "clients": CLIENTS, "deadline": 300.0, **HOW, **options}
    server = flower_server(START, **how)
    said = ""
    try:
        if under_ray:
            cpus = {"client_resources": {"num_cpus": 0.5, "num_gpus": 0.0}}
            run_simulation(server, client, CLIENTS, backend_config=cpus)
        else:
            server(LocalGrid(client), Context(1, 1, {}, RecordDict(), {}))
    except ThresherError as error:
        said = str(error)
    with np.load(folder / "weights.npz") as stored:
        head, done = head_of(dict(stored)), int(stored["rounds_done"])
    lines = (folder / "ledger.jsonl").read_text().splitlines()
    ledger = [json.loads(line)["extra"] for line in lines]
    return {"head": head.tolist(), "done": done, "error": said, "ledger": ledger}


def leaving(stages: Sequence[str]) -> ClientApp:
    """Return a masked client app; the first clients leave at these stages, one at each."""
    masked, app = flower_client(trainer(0, ""), masked=True), ClientApp()

    @app.train()
    def leave(message: Message, context: Context) -> Message:
        stage = message.content.config_records[RECORD_KEY_CONFIGS][Key.STAGE]
        who = int(context.node_config["partition-id"])
        if who < len(stages) and stage == stages[who]:
            raise RuntimeError(f"left at {stage}")
        return masked(message, context)

    return app


def refusal(**asked: Any) -> str:
    """Return what a masked client says to a server that asks for something else."""
    app = flower_client(trainer(0, ""), masked=True)
    content = RecordDict({RECORD_KEY_CONFIGS: ConfigRecord(asked)} if asked else {})
    message = Message(content, dst_node_id=1, message_type="train")
    context = Context(1, 1, {"partition-id": 0}, RecordDict(), {})
    try:
        app(message, context)
    except ValueError as error:
        return str(error)
    return ""


def main(home: Path) -> None:
    # Flower sets these where it starts a server app.
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
    plain, masked = (flower_client(trainer(0, ""), masked=masked) for masked in (False, True))
    floats = {"quorum": 5, "sending": "floats"}
    found: dict[str, Any] = {
        "expected": {f"{n}": expected(n).tolist() for n in (2, 3)},
        "expected dying": expected(3, 0.3).tolist(),
        "expected packed": expected(3, packed=True).tolist(),
        "expected packed dying": expected(3, 0.3, packed=True).tolist(),
        "expected share": expected(3, packed=True, sent=0.2).tolist(),
        "expected without the first": expected(1, without=3).tolist(),
        "floats": simulate(home / "floats", plain, rounds=2, **floats),
        "resumed": simulate(home / "floats", plain, rounds=3, **floats),
        "packed": simulate(home / "packed", plain, rounds=3, quorum=5),
        "share": simulate(home / "share", plain, rounds=3, quorum=5, share=0.2),
        "masked": simulate(home / "masked", masked, rounds=2, quorum=3, sending="masked"),
        "left": simulate(
            home / "left",
            leaving([Stage.SETUP, Stage.SHARE_KEYS, Stage.COLLECT_MASKED_VECTORS, Stage.UNMASK]),
            rounds=1,
            quorum=3,
            sending="masked",
        ),
        "too few left": simulate(
            home / "few", leaving([Stage.SETUP] * 8), rounds=1, quorum=3, sending="masked"
        ),
        "one sort": simulate(home / "sort", masked, rounds=1, **floats),
        "asked for two": refusal(**{str(Key.SAMPLE_NUMBER): 2}),
        "asked in the open": refusal(),
    }
    for fault, deadline in (("error", 300.0), ("late", 3.0), ("nan", 300.0), ("gone", 300.0)):
        client = flower_client(trainer(0.3, fault))
        found[fault] = simulate(home / fault, client, rounds=3, deadline=deadline, **floats)
    client = flower_client(trainer(0.3, "error"))
    found["ray"] = simulate(home / "ray", client, under_ray=True, rounds=3, quorum=5)
    failing = {**floats, "quorum": 8}
    found["no quorum"] = simulate(home / "quorum", client, rounds=2, **failing)
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
