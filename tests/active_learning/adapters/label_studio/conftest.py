"""A Label Studio server for the tests: in this process, and the real one where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpx", reason="needs thresher[labelstudio]")

import httpx

for name in ("fake_label_studio", "people_of_label_studio"):
    pytest.register_assert_rewrite(name)
sys.path.insert(0, str(Path(__file__).parent))

from fake_label_studio import URL, FakeLabelStudio  # noqa: E402
from label_studio_server import real_url  # noqa: E402, F401 -- a fixture
from people_of_label_studio import Place  # noqa: E402

from active_learning import Session  # noqa: E402
from active_learning.adapters.label_studio.links import Links  # noqa: E402


@pytest.fixture
def fake() -> FakeLabelStudio:
    return FakeLabelStudio()


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.label_studio)])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Give a server: the one in this process, or the real one."""
    fake = FakeLabelStudio() if request.param == "fake" else None
    url = URL if fake else request.getfixturevalue("real_url")
    with fake.client() if fake else httpx.Client(timeout=120) as http:
        yield Place(url, http, fake)


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the files that a test opens, which Python 3.13 asks for."""
    opened: list[Links | Session] = []

    def remembering(make: Callable[..., None]) -> Callable[..., None]:
        def made(self: Any, *given: Any, **named: Any) -> None:
            make(self, *given, **named)
            opened.append(self)

        return made

    for kind in (Links, Session):
        monkeypatch.setattr(kind, "__init__", remembering(kind.__init__))
    yield
    for one in opened:
        one.close()
