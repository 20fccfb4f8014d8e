"""A file of the user's that is called like one of the packages is named, or does no harm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from thresher.app.guard import PACKAGES

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("name", PACKAGES)
def test_a_file_that_hides_a_package_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.py").write_text("x = 1\n")
    for words in (["-c", "import thresher.app"], ["-m", "thresher.app.cli", "--version"]):
        done = run(tmp_path, *words)
        assert done.returncode == 1
        assert f"{tmp_path / name}.py hides Thresher's package '{name}'" in done.stderr
        assert "Rename that file, or run from another folder." in done.stderr


def test_a_folder_that_hides_a_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "__init__.py").write_text("")
    assert (
        "hides Thresher's package 'training'" in run(tmp_path, "-c", "import thresher.app").stderr
    )


def test_the_command_does_not_look_where_it_is_called(tmp_path: Path) -> None:
    for name in (*PACKAGES, "numpy"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('the wrong one')\n")
    command = Path(sys.executable).with_name("thresher")
    if not command.exists():
        pytest.skip("the command thresher is not beside this Python; pip install -e .")
    assert run(tmp_path, str(command), "--version").returncode == 0
