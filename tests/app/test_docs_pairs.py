"""The guide to pairs runs as it stands, but for the encoder, which would be fetched."""

from __future__ import annotations

import glob
import re
import shlex
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from thresher.app.cli.commands import app

from ..curation.pairs.conftest import members, picture, write_onnx_clip, write_tar

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "pairs.md").read_text(encoding="utf-8")
FETCHED = "openclip:ViT-B-32@laion2b_s34b_b79k"
DRAWS = "1280000"


def commands() -> list[str]:
    found = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    return [block.replace("\\\n", " ").strip() for block in found]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("shards", "metadata", "clip", "imagenet/val"):
        Path(name).mkdir(parents=True)
    write_onnx_clip(Path("clip"))
    Path("imagenet/val/1.png").write_bytes(picture(1))
    for shard in "ab":
        inside = []
        for row in range(10):
            told = f"{shard * 16}{row:016x}"
            inside += members(f"{row}", picture(row), f"a red kettle {row} of it", uid=told)
        for path in (Path("shards"), Path()):
            write_tar(path / f"{shard}.tar", inside)
    rng = np.random.default_rng(0)
    uid = [f"{row:032x}" for row in range(40)]
    rows = {"uid": uid, "text": [f"scene {row} in words" for row in range(40)]}
    pq.write_table(pa.table(rows), "metadata/0.parquet")
    vectors = {name: rng.normal(size=(40, 8)).astype(np.float16) for name in ("l14_img", "l14_txt")}
    np.savez("metadata/0.npz", b32_img=vectors["l14_img"], b32_txt=vectors["l14_txt"], **vectors)
    return tmp_path


def run(command: str) -> None:
    words = shlex.split(command.replace(FETCHED, "onnx:clip").replace(DRAWS, "100"))
    spread = [
        each for word in words for each in (sorted(glob.glob(word)) if "*" in word else [word])
    ]
    result = CliRunner().invoke(app, spread[1:])
    assert result.exit_code == 0, (command, result.output, result.exception)


def test_the_commands_run(folder):
    first, second = commands()
    assert FETCHED in first
    assert DRAWS in second
    run(first)
    kept = np.load("kept.npy")
    assert 0 < len(kept) <= 6  # of 20 pairs the best 30 %, once each
    assert (0xAAAAAAAAAAAAAAAA, 1) not in kept.tolist()  # an image that is kept out
    run(second)
    assert len(np.load("kept.npy")) == 100
    assert sum(pq.read_table("weights.parquet")["weight"].to_pylist()) == 100


def test_the_python_runs(folder, capsys):
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(block, "pairs.md", "exec"), {})
    assert capsys.readouterr().out.endswith("10\n")  # the other shard has the same images
