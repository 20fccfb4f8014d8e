"""The guide to curation runs as it stands: its commands, and then its Python."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from thresher.app.cli import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "curation.md").read_text(encoding="utf-8")
WORDS = ["pay", "card", "bill", "lost", "phone", "weather", "book", "table", "music", "song"]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 9)) for _ in range(60)]
    texts[10], texts[20] = texts[3], texts[4] + " now"
    stars = [i % 3 for i in range(60)]
    rows = pd.DataFrame({"text": texts, "stars": stars})
    rows.to_csv("reviews.csv", index=False)
    rows[:40].to_csv("train.csv", index=False)
    rows[40:].to_csv("test.csv", index=False)
    np.save("vectors.npy", rng.normal(size=(60, 8)))
    np.save("probs.npy", np.eye(3)[stars] * 0.7 + 0.1)
    for number in range(20):
        image = cv2.resize(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), (32, 32))
        file = Path("photos", "cat" if number % 2 else "dog", f"{number}.png")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return tmp_path


def test_every_command_and_every_block_runs(folder, monkeypatch, capsys):
    lines = [line for block in blocks("console") for line in block.strip().splitlines()]
    assert len(lines) > 10
    for line in lines:
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        main_without_exit(line)
    assert Path("reviews-again.csv").read_text() == Path("reviews.csv").read_text()
    exec(compile("\n".join(blocks("python")), "docs/curation.md", "exec"), {})


def main_without_exit(line):
    code: object = 0
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code or 0
    assert code == 0, line
