"""The main job end to end, small: what it writes, what it finds, and that it resumes."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import PIL.Image
import pyarrow.parquet as pq
import pytest

from thresher.app.pipeline import run
from thresher.app.result import RunResult
from thresher.app.settings import Settings, resolve, to_toml
from thresher.core.issues import Issues
from thresher.core.manifest import Manifest

SMALL = {
    "threads": 1,
    "data": {"limit": 400},
    "plant": {"copies": 0.03, "near_copies": 0.03, "swapped_labels": 0.03, "leaked": 0.03},
    "augment": {"policy": "none"},
    "teacher": {"epochs": 3, "width": 8},
    "student": {"epochs": 3, "width": 8},
    "quantize": {"epochs": 1, "calibration_rows": 100},
    # Three epochs are not meant to give a good model.
    "gate": {"max_accuracy_drop": 0.2, "min_agreement": 0.9},
}


def small(**more: Any) -> Settings:
    return resolve(values={**SMALL, **more})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run("digits", out=tmp_path_factory.mktemp("run") / "r", settings=small())


def decisions(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = Manifest.load(folder / "manifest" / "decisions").table.to_pylist()
    return rows


def test_the_folder_holds_what_is_promised(finished: RunResult) -> None:
    expected = [
        "config.toml",
        "metrics.json",
        "result.json",
        "ledger.jsonl",
        "report.html",
        "issues/issues.parquet",
        "manifest/decisions/manifest.parquet",
        "embeddings/vectors/vectors.npy",
        "dataset/rows",
        "models/onnx/int8/model.onnx",
        "models/onnx/student/model.onnx",
    ]
    for name in expected:
        assert (finished.folder / name).exists(), name
    assert (finished.folder / "report.html").stat().st_size < 1_000_000


def test_planted_copies_and_leaks_are_found(finished: RunResult) -> None:
    for kind in ("copy", "leak"):
        found = finished.metrics["planted"][kind]
        assert found["planted"] > 5
        assert found["recall"] >= 0.95, kind
        assert found["precision"] >= 0.90, kind


def test_test_rows_are_only_ever_reviewed(finished: RunResult) -> None:
    rows = pq.read_table(finished.folder / "issues" / "issues.parquet")
    assert rows.num_rows
    ids = {row["row_id"]: row["action"] for row in decisions(finished.folder)}
    import datasets

    loaded = datasets.load_from_disk(str(finished.folder / "planted" / "rows"))
    splits = dict(zip(loaded["row_id"], loaded["split"], strict=True))
    tested = {ids[row_id] for row_id, split in splits.items() if split == "test"}
    assert tested <= {"keep", "review"}
    clean = datasets.load_from_disk(str(finished.folder / "dataset" / "rows"))
    assert sum(split == "test" for split in clean["split"]) == sum(
        split == "test" for split in splits.values()
    )


def test_the_exported_model_runs_without_thresher(finished: RunResult) -> None:
    path = finished.folder / "models" / "onnx" / "int8" / "model.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert given.type == "tensor(uint8)"
    logits = session.run(None, {given.name: np.zeros((2, 3, 8, 8), np.uint8)})[0]
    assert logits.shape == (2, 10)


def test_metrics_and_lines_agree(finished: RunResult) -> None:
    by_stage = {line.stage: line for line in finished.lines}
    assert by_stage["curated"].rows < by_stage["as given"].rows
    assert by_stage["int8"].accuracy == finished.metrics["verification"]["int8"]["accuracy"]
    assert by_stage["int8"].megabytes < by_stage["student"].megabytes
    assert "seconds" not in json.dumps(finished.metrics)


def test_a_second_run_reuses_everything(finished: RunResult) -> None:
    before = (finished.folder / "ledger.jsonl").read_text()
    again = run("digits", out=finished.folder, settings=small())
    assert again.metrics == finished.metrics
    assert (finished.folder / "ledger.jsonl").read_text() == before


def test_a_new_gate_is_checked_without_training_again(finished: RunResult) -> None:
    strict = small(gate={"max_size_ratio": 0.001})
    again = run("digits", out=finished.folder, settings=strict)
    assert any("size" in gate for gate in again.missed_gates)
    assert again.metrics == finished.metrics


PROGRAM = """
import sys
from thresher.app.pipeline import run
from thresher.app.settings import resolve
run("digits", out=sys.argv[1], settings=resolve(config=sys.argv[2]))
"""


def kill_when(folder: Path, config: Path, *, reached: str, then_s: float) -> None:
    """Start a run and kill it some seconds after a stage's folder appears."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder), str(config)])
    limit = time.monotonic() + 240
    while not (folder / reached).exists() and process.poll() is None:
        assert time.monotonic() < limit
        time.sleep(0.05)
    time.sleep(then_s)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("reached", ["issues", "models/teacher/checkpoints"])
def test_a_killed_run_goes_on_to_the_same_result(
    finished: RunResult, tmp_path: Path, reached: str
) -> None:
    config = tmp_path / "c.toml"
    config.write_text(to_toml(small(), {}))
    kill_when(tmp_path / "r", config, reached=reached, then_s=0.3)
    assert not (tmp_path / "r" / "report.html").exists()
    resumed = run("digits", out=tmp_path / "r", settings=small())
    assert resumed.metrics == finished.metrics
    assert decisions(resumed.folder) == decisions(finished.folder)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_kills_at_random_moments_change_nothing(
    finished: RunResult, tmp_path: Path, seed: int
) -> None:
    config = tmp_path / "c.toml"
    config.write_text(to_toml(small(), {}))
    moments = np.random.default_rng(seed).uniform(1, 20, size=2)
    for moment in moments:
        kill_when(tmp_path / "r", config, reached="run.json", then_s=float(moment))
    resumed = run("digits", out=tmp_path / "r", settings=small())
    assert resumed.metrics == finished.metrics
    assert decisions(resumed.folder) == decisions(finished.folder)


def test_curation_alone_needs_no_labels(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    texts = [f"sentence number {n} about {'cats' if n % 2 else 'dogs'}" for n in range(40)]
    path.write_text("text\n" + "\n".join([*texts, texts[3]]) + "\n")
    result = run(str(path), out=tmp_path / "r", settings=Settings(), until="curate")
    assert result.metrics["found"]["exact_duplicate"] == 1
    assert (tmp_path / "r" / "report.html").exists()


def test_a_folder_with_ten_kinds_of_bad_files_names_all_ten(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    rng = np.random.default_rng(0)
    for kind, color in (("red", 0), ("blue", 2)):
        (photos / kind).mkdir(parents=True)
        for number in range(95):
            pixels = rng.integers(0, 90, (24, 24, 3), dtype=np.uint8)
            pixels[..., color] += 120
            PIL.Image.fromarray(pixels).save(photos / kind / f"{number}.png")
    names = make_bad_files(photos / "red", whole=(photos / "red" / "3.png").read_bytes())
    result = run(str(photos), out=tmp_path / "r", settings=Settings(), until="curate")
    named = {issue.row_id for issue in Issues.load(tmp_path / "r" / "loaded" / "set_aside.parquet")}
    assert named == {f"red/{name}" for name in names}
    report = (tmp_path / "r" / "report.html").read_text()
    assert all(f"red/{name}" in report for name in names)
    assert result.stages[0]["summary"]["rows"] == 190


def make_bad_files(folder: Path, *, whole: bytes) -> list[str]:
    """Write ten files that are no usable images, each for another reason."""
    files = {
        "truncated.png": whole[: len(whole) // 2],
        "empty.jpg": b"",
        "text.jpg": b"not a picture",
        "header.png": whole[:8],
        "zeros.jpg": bytes(5000),
        "flipped.png": whole[:60] + bytes(byte ^ 255 for byte in whole[60:90]) + whole[90:],
        "notes.pdf": b"%PDF-1.4",
        "bomb.png": png(width=60_000, height=60_000),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "folder.jpg").mkdir()
    (folder / "dangling.jpg").symlink_to("/nowhere/x.jpg")
    return [*files, "folder.jpg", "dangling.jpg"]


def png(*, width: int, height: int) -> bytes:
    """Return a PNG that claims a size and holds almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)
