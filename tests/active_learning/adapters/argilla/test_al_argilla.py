"""Argilla through its SDK, against a server of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contract import CASES, CHECKS, PEOPLE, Adapter
from fake_argilla import KEY, FakeArgilla, serving

from active_learning import SKIP, Session
from active_learning.adapters.argilla.connection import Server
from active_learning.adapters.argilla.exchange import ArgillaDataset
from active_learning.sessions.batch import Mark

pytestmark = pytest.mark.skipif(
    find_spec("argilla") is None or find_spec("requests") is None,
    reason="needs Argilla's SDK: pip install 'thresher[argilla]'",
)

IDS = [f"r{place}" for place in range(60)]
X = np.random.default_rng(0).normal(size=(60, 2))


@pytest.fixture
def fake() -> Iterator[FakeArgilla]:
    with serving() as server:
        for name in PEOPLE:
            server.add_user(name)
        yield server


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(
        tmp_path / "s.db", embeddings=X, row_ids=IDS, classes=["good", "bad"], audit=0.5,
        background=False,
    ) as opened:  # fmt: skip
        yield opened


def opened(session: Session, fake: FakeArgilla, folder: Path, **options: Any) -> ArgillaDataset:
    server = Server(url=fake.url, key=KEY)
    return ArgillaDataset(
        session, "labels", memory=folder / "argilla.json", server=server, **options
    )


@dataclass
class Place:
    """The server as the contract sees it, and what each session has read of it."""

    fake: FakeArgilla
    folder: Path
    known: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What the contract asks of an import."""

    new: int
    repeated: int
    set_aside: tuple[str, ...]
    conflicts: tuple[Any, ...] = ()


def memory_of(session: Session) -> Path:
    path = session._engine.store.labels.path if hasattr(session, "_engine") else None
    path = path or session.engine.store.labels.path
    return path.with_suffix(".argilla.json")


def send(session: Session, place: Place, content: Any) -> None:
    server = Server(url=place.fake.url, key=KEY)
    there = ArgillaDataset(session, "labels", memory=memory_of(session), server=server)
    _, unknown = there.send_answers(content=content)
    assert unknown == ()


def fetch(session: Session, place: Place, *, overwrite: bool = False) -> Found:
    del overwrite
    server = Server(url=place.fake.url, key=KEY)
    there = ArgillaDataset(session, "labels", memory=memory_of(session), server=server)
    found = there.pull()
    return Found(found.new, found.known, found.set_aside)


def change(place: Place, row_id: str, annotator: str, label: Any) -> None:
    if isinstance(label, Mark):
        status = "discarded" if label is SKIP else "deleted"
        place.fake.respond(row_id, annotator, status)
        return
    value = list(label) if isinstance(label, tuple) else label
    value = str(value) if isinstance(value, float) else value
    place.fake.respond(row_id, annotator, "submitted", value)


@pytest.mark.parametrize("case", CASES[:4], ids=str)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check: Any, case: Any, tmp_path: Path, fake: FakeArgilla) -> None:
    adapter = Adapter(
        name="argilla",
        place=lambda folder, _: Place(fake, folder),
        send=send,
        fetch=fetch,
        change=change,
        bad="row 'row 1', answer of ann: .*(must be|got)",
        keeps_seconds=False,
        sets_aside=True,
    )
    check(adapter, case, tmp_path)
