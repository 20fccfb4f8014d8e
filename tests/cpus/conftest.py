"""Run a script in processes that see another processor each, and compare what they print.

The switches are read when a library is loaded, so that each needs a process of its own. They go
down from what the machine has, never up.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # tests are no packages

from switches import switches  # noqa: E402

PLAIN = "this machine, 1 thread"
SWITCHES = {switch.name: switch.variables for switch in switches()} | {
    PLAIN: {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    "Zen": {"OPENBLAS_CORETYPE": "Zen"},
    "SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "Sandybridge": {"OPENBLAS_CORETYPE": "Sandybridge"},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if platform.machine() not in ("x86_64", "AMD64"):
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="the switches are those of x86 processors"))


def run_under(switch: str, script: str, *arguments: str) -> dict[str, str]:
    """Run a script of this folder; return the JSON object that its last line holds."""
    environment = {**os.environ, **SWITCHES[PLAIN], **SWITCHES[switch]}
    command = [sys.executable, str(HERE / script), *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"under {switch}:\n{ended.stderr}"
    answer: dict[str, str] = json.loads(ended.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="session")
def plain_answer() -> Callable[..., dict[str, str]]:
    """Return what a script says on this machine as it is; asked once a session."""
    known: dict[tuple[str, ...], dict[str, str]] = {}

    def ask(script: str, *arguments: str) -> dict[str, str]:
        if (script, *arguments) not in known:
            known[script, *arguments] = run_under(PLAIN, script, *arguments)
        return known[script, *arguments]

    return ask


@pytest.fixture
def differing(plain_answer: Callable[..., dict[str, str]]) -> Callable[..., list[str]]:
    """Return which entries of a script's answer are others under a switch."""

    def compare(switch: str, script: str, *arguments: str) -> list[str]:
        expected = plain_answer(script, *arguments)
        found = run_under(switch, script, *arguments)
        assert found.keys() == expected.keys()
        assert expected
        return [name for name in expected if found[name] != expected[name]]

    return compare


@pytest.fixture
def answer_under() -> Callable[..., dict[str, str]]:
    """Return `run_under`, for answers that need not be equal to the last bit."""
    return run_under
