"""``thresher serve``: the plan, the script for LitServe, and the server itself."""

from __future__ import annotations

import ast
import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lifecycle import read_requests
from thresher.app.cli.commands import app
from thresher.core.errors import InputError
from training import compact_model, export


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve")
    how = {"kind": "features", "columns": list("abcd")}
    model = compact_model("mlp", num_classes=2, input_shape=(4,), width=8)
    export(model, folder / "model", classes=["no", "yes"], preprocessing=how)
    return folder


def call(*arguments: object) -> tuple[int, str, BaseException | None]:
    done = CliRunner().invoke(app, ["serve", *map(str, arguments)])
    return done.exit_code, done.stdout, done.exception


def test_the_plan_says_what_was_measured_and_why(folder: Path) -> None:
    code, out, _ = call(folder / "model", "--plan", "--json")
    assert code == 0
    found = json.loads(out)
    assert list(found["row_ms"]) == ["1", "16", "2", "32", "4", "64", "8"]
    assert found["threaded"] == {"value": False, "reason": found["threaded"]["reason"]}
    assert "one by one" in found["batch"]["reason"]
    assert min(found["request_ms"].values()) > 0
    assert found["request_ms"]["binary_rows"] < found["request_ms"]["binary_row"]
    code, out, _ = call(folder / "model", "--plan", "--batch", 4)
    assert code == 0
    assert "batches of at most 4 (asked for)" in out
    assert "A row that the cache knows costs" in out


def test_a_script_for_litserve(folder: Path) -> None:
    code, out, _ = call(folder / "model", "--write-litserve", folder / "serve_litserve.py")
    assert code == 0
    assert "serve_litserve.py" in out
    text = (folder / "serve_litserve.py").read_text()
    names = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
    assert names >= {"setup", "decode_request", "predict", "batch", "unbatch", "encode_response"}
    assert str((folder / "model" / "model.onnx").resolve()) in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--max-rows", 10, "--queue-rows", 5], "would always be refused"),
        (["--admin-token", "short"], "at least 16 characters"),
        (["--cache", -1], "`cache_mb`"),
        (["--port", 70000], "`port`"),
        (["--near", "nowhere.npy"], "nowhere.npy"),
    ],
)
def test_options_that_cannot_be_are_refused(folder: Path, arguments: list[str], text: str) -> None:
    code, _, error = call(folder / "model", *arguments)
    assert code
    assert isinstance(error, InputError)
    assert text in str(error)


def test_a_folder_without_a_model_is_named(folder: Path) -> None:
    _, _, error = call(folder)
    assert isinstance(error, InputError)
    assert "holds no model.onnx" in str(error)


def test_the_server_says_where_it_is_answers_and_stops(folder: Path) -> None:
    program = "from thresher.app.cli import main; main()"
    command = ["serve", str(folder / "model"), "--port", "0", "--log", str(folder / "log.jsonl")]
    command += ["--record", str(folder / "requests")]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *command], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    address = process.stderr.readline().split()[0]
    request = urllib.request.Request(
        f"{address}/predict",
        json.dumps({"rows": [{"a": 1, "b": 2, "c": 3, "d": 4}]}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert json.loads(answer.read())["labels"][0] in ("no", "yes")
    with urllib.request.urlopen(f"{address}/metrics", timeout=20) as answer:
        assert b"\nthresher_unrecorded_rows 0.0\n" in answer.read()
    process.send_signal(signal.SIGTERM)
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=30) == 0
    assert "batches of at most" in said
    assert "Traceback" not in said
    (line,) = (folder / "log.jsonl").read_text().splitlines()
    assert json.loads(line)["status"] == 200
    assert read_requests(folder / "requests").num_rows == 1
