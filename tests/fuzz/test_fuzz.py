"""Changed arguments give worded errors or right results; the caller's arrays and state stay."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fuzz_calls.py")
PACKAGES = ("core", "curation", "active_learning", "augment", "training", "lifecycle")


def fuzz(package: str, *options: str) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), package, *options],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.parametrize("package", PACKAGES)
def test_some_calls(package: str) -> None:
    if package in ("training", "augment"):
        pytest.importorskip("torch")
    fuzz(package, "--calls", "150", "--seed", "7")


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_ten_thousand_calls(package: str) -> None:
    if package in ("training", "augment"):
        pytest.importorskip("torch")
    fuzz(package, "--calls", "10000", "--seed", "0")
