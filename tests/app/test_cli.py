"""The command line: exit codes, one-line errors, JSON, dry runs."""

from __future__ import annotations

import json
import platform
import re
import sys
from pathlib import Path
from unittest.mock import ANY

import pytest

import thresher
from thresher.app.cli import main
from thresher.app.installation import EXTRAS, REQUIRED
from thresher.core.cpu import saturates_int8


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command in this process and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["thresher", *arguments])
    try:
        main()
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


def test_version_and_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.strip() == thresher.__version__
    assert call(monkeypatch, "run", "--help") == 0
    assert "--dry-run" in capsys.readouterr().out


@pytest.mark.train
def test_doctor_names_versions_and_the_device(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    assert call(monkeypatch, "doctor", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["packages"]["numpy"]
    # A build for CUDA says so after its version, which its package may not.
    assert found["extras"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert found["torch_build"] == ("for processors" if torch.version.cuda is None else ANY)
    assert found["device"]["reason"]
    machine = {finding["name"]: finding for finding in found["machine"]}
    assert machine["8-bit kernels"]["found"].startswith(
        "saturating" if saturates_int8() else "exact"
    )
    assert "oneDNN" in machine["gradients"]["found"]
    assert all(finding["found"] and finding["follows"] for finding in machine.values())
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")  # the probe is a process of its own
    assert call(monkeypatch, "doctor") == 0
    shown = capsys.readouterr().out
    assert "device" in shown
    assert all(re.search(rf"^  {name} {{2,}}\S", shown, re.M) for name in (*REQUIRED, *EXTRAS))
    assert "OPENBLAS_CORETYPE=Haswell" in shown
    if platform.machine() in ("x86_64", "AMD64"):
        assert "seen here: uxlfoundation/oneDNN#6035" in shown


def test_a_dry_run_does_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "r"
    code = call(
        monkeypatch, "run", "digits", "--out", str(out), "--dry-run", "--json", "--rows", "9"
    )
    assert code == 0
    shown = json.loads(capsys.readouterr().out)
    assert "core set" in shown["stages"]
    assert shown["settings"]["budget"]["rows"] == 9
    assert (shown["rows"], shown["set_aside"]) == (1797, 0)
    assert not out.exists()


@pytest.mark.parametrize(
    ("command", "content", "says"),
    [
        pytest.param("run", None, "rows.csv", marks=pytest.mark.train),
        pytest.param(
            *("run", "text,label\nhello there,a\nbye now,a\n", "at least two classes"),
            marks=pytest.mark.train,
        ),
        pytest.param(
            *("train", "text\nhello there\nbye now\n", "Training needs labels"),
            marks=pytest.mark.train,
        ),
        ("curate", None, "rows.csv"),
    ],
)
def test_a_dry_run_refuses_what_a_run_refuses(
    command: str,
    content: str | None,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    data, said = tmp_path / "rows.csv", []
    if content is not None:
        data.write_text(content)
    for dry in (["--dry-run"], []):
        assert call(monkeypatch, command, str(data), "--out", str(tmp_path / "r"), *dry) == 2
        said.append(capsys.readouterr().err.strip().splitlines()[-1])
    assert says in said[0]
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "nowhere/at/all.parquet", "--out", "OUT"], "nowhere/at/all.parquet"),
        (["run", "digits", "--out", "OUT", "--set", "teacher.epoch=1"], "Did you mean 'epochs'"),
        (["run", "digits", "--out", "OUT", "--label", "lable"], "Did you mean 'label'"),
        (["run", "digits", "--out", "OUT", "--where", "x"], "column=value"),
        (["run", "digits", "--out", "OUT", "--config", "none.toml"], "none.toml"),
        (["report", "OUT"], "not the folder of a finished run"),
    ],
)
@pytest.mark.train
def test_a_mistake_gives_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    says: str,
) -> None:
    given = [str(tmp_path / "r") if item == "OUT" else item for item in arguments]
    assert call(monkeypatch, *given) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("Error: ")
    assert says in error


@pytest.mark.train
def test_a_device_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code = call(monkeypatch, "run", "digits", "--out", str(tmp_path / "r"), "--device", "cuda")
    assert code == 2
    assert "Use 'cpu' or 'auto'" in capsys.readouterr().err


def test_an_unknown_option_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(monkeypatch, "run", "digits", "--uot", "x") == 2
