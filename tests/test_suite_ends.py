"""A test that crashes or hangs ends the suite, and the suite says which one it was."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CRASHES = "import os\ndef test_first(): pass\ndef test_bad(): os.abort()\ndef test_last(): pass\n"
HANGS = "import time\ndef test_first(): pass\ndef test_bad(): time.sleep(600)\n"


def options_of_make_test() -> list[str]:
    """Return what `make test` hands to pytest, apart from the marks."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(r"^test:.*\n(?:.*\n)*?.*-m pytest (.*) -m ", makefile, re.MULTILINE)
    assert found
    return found.group(1).split()


@pytest.mark.parametrize("text", [CRASHES, HANGS], ids=["crash", "hang"])
def test_the_suite_ends_and_names_the_test(tmp_path: Path, text: str) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ours = settings["tool"]["pytest"]["ini_options"]
    assert 60 <= ours["faulthandler_timeout"] <= 600
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\naddopts = {ours['addopts']}\nfaulthandler_timeout = 4\n"
        f"faulthandler_exit_on_timeout = {ours['faulthandler_exit_on_timeout']}\n"
    )
    (tmp_path / "test_wrong.py").write_text(text)
    for name in "ab":
        (tmp_path / f"test_{name}.py").write_text("def test_one(): pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options_of_make_test(), "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if "PYTEST" not in name},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert re.search(r"^FAILED test_wrong.py::test_bad .*crashed", done.stdout, re.MULTILINE)
