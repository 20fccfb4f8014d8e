"""Integer files compute what was simulated, here and on a processor with AVX2 and nothing newer."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent / "parity.py"
FAMILIES = ("resnet8", "resnet20", "fast", "mobile", "hashed_embedding", "text_cnn")
FAMILIES += ("text_transformer",)  # its softmax and norms are float
pytestmark = pytest.mark.cpus


@pytest.fixture(
    scope="module",
    params=["mlp", *(pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES)],
)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return files of one family, with what was simulated."""
    folder = tmp_path_factory.mktemp(request.param)
    command = [sys.executable, str(SCRIPT), "write", str(folder), request.param]
    # The files and the check, not the training, are to be those of another processor.
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=280)
    return folder


def results(printed: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what came of portable files, and of files with whole 8 bits."""
    found = json.loads(printed.splitlines()[-1])
    assert len(found) == 5
    return [one for one in found if one["portable"]], [one for one in found if not one["portable"]]


def agree(found: list[dict[str, Any]]) -> bool:
    return all(one["agreement"] >= 0.9995 and one["within"] >= 0.995 for one in found)


def test_files_compute_what_was_simulated(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "check", str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert agree(results(done.stdout)[0])


def test_they_do_on_avx2(folder: Path, run_on_haswell: Callable[..., str]) -> None:
    portable, whole = results(run_on_haswell(SCRIPT, "check", folder))
    assert agree(portable)
    # Without the bound they would not: the check can fail.
    assert not agree(whole)


def test_they_do_in_another_version_of_the_runtime(folder: Path) -> None:
    other = os.environ.get("THRESHER_OTHER_PYTHON")
    if other is None:
        pytest.skip(
            "set THRESHER_OTHER_PYTHON to the interpreter of an environment with the oldest "
            "runtime: python -m venv old && old/bin/pip install onnxruntime==1.25.0 numpy"
        )
    bare = {key: os.environ[key] for key in os.environ if key != "PYTHONPATH"}
    done = subprocess.run(
        [other, str(SCRIPT), "check", str(folder)], capture_output=True, text=True, env=bare
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert agree(results(done.stdout)[0])
