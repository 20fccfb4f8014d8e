"""The guides to curation run as they stand: their commands, and the Python of the first."""

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

DOCS = Path(__file__).resolve().parents[2] / "docs"
WORDS = ["pay", "card", "bill", "lost", "phone", "weather", "book", "table", "music", "song"]


def blocks(page, language):
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


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
    for shop, form in (("a", "{} model {}"), ("b", "no. {1} {0}")):
        names = [form.format(texts[row][:20], 7919 * (row + 13)) for row in range(30)]
        pd.DataFrame({"name": names, "description": "new"}).to_csv(f"shop-{shop}.csv")
    for number in range(20):
        image = cv2.resize(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), (32, 32))
        split, kind = "test" if number % 5 == 4 else "train", "cat" if number % 2 else "dog"
        for file in (Path("photos", kind), Path("pictures", split, kind)):
            file.mkdir(parents=True, exist_ok=True)
            (file / f"{number}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    for name, part in (("train", rows[:40]), ("bench", rows[["text"]][40:])):
        part.to_json(f"{name}.jsonl", orient="records", lines=True)
    return tmp_path


@pytest.mark.parametrize(("page", "commands"), [("curation.md", 13), ("duplicates.md", 6)])
def test_every_command_runs(folder, monkeypatch, page, commands):
    lines = [line for block in blocks(page, "console") for line in block.strip().splitlines()]
    assert len(lines) >= commands
    for line in lines:
        monkeypatch.setattr(sys, "argv", shlex.split(line, comments=True))
        main_without_exit(line)
    if page == "curation.md":
        assert Path("reviews-again.csv").read_text() == Path("reviews.csv").read_text()
        exec(compile("\n".join(blocks(page, "python")), f"docs/{page}", "exec"), {})


def main_without_exit(line):
    code: object = 0
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code or 0
    assert code == 0, line
