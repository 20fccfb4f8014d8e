"""A Label Studio server for the tests: in this process, and the real one where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("httpx", reason="needs thresher[labelstudio]")

import httpx

for name in ("fake_label_studio", "people_of_label_studio"):
    pytest.register_assert_rewrite(name)
sys.path.insert(0, str(Path(__file__).parent))

from fake_label_studio import URL, FakeLabelStudio  # noqa: E402
from label_studio_server import real_url  # noqa: E402, F401 -- a fixture
from people_of_label_studio import Place  # noqa: E402


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
