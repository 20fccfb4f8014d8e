"""``thresher curate``, killed half-way: the same command goes on to the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

ROWS = 3000
WORDS = np.array([a + b for a in ("ba", "do", "ki", "lu", "me") for b in ("ra", "ti", "so", "nel")])
TELLING = np.array(["awful broken refund", "fine usual decent", "great lovely happy"])


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """A table of texts with copies, near copies and wrong labels."""
    rng = np.random.default_rng(0)
    stars = np.arange(ROWS) % 3
    texts = [f"{' '.join(rng.choice(WORDS, 12))} {TELLING[star]}" for star in stars]
    texts[1::97] = texts[0::97][: len(texts[1::97])]
    texts[2::89] = [f"{text} again" for text in texts[3::89]][: len(texts[2::89])]
    stars[5::31] = (stars[5::31] + 1) % 3
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    pd.DataFrame({"text": texts, "stars": [f"s{star}" for star in stars]}).to_csv(path, index=False)
    return path


def command(*arguments):
    return [sys.executable, "-m", "thresher", "curate", *map(str, arguments)]


def go(*arguments):
    subprocess.run(command(*arguments), check=True, capture_output=True)


def kill_when(reached, *arguments):
    """Start a command and kill it as soon as a file or folder is there."""
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    limit = time.monotonic() + 600
    while not reached() and process.poll() is None:
        assert time.monotonic() < limit
        time.sleep(0.02)
    assert process.poll() is None, "the command ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["embeddings", "issues"])
def test_all_checks_go_on_to_the_same_manifest(reviews, tmp_path, stage):
    whole, killed = tmp_path / "whole.csv", tmp_path / "killed.csv"
    options = [reviews, "--label", "stars", "--text", "text", "--out"]
    go(*options, whole)
    run = tmp_path / "killed.csv.run"
    kill_when((run / stage).exists, *options, killed)
    assert not killed.exists()
    assert not (run / "report.html").exists()
    go(*options, killed)
    decisions = [files_of(tmp_path / f"{name}.csv.run" / "manifest" / "decisions")
                 for name in ("whole", "killed")]  # fmt: skip
    assert decisions[0]
    assert decisions[0] == decisions[1]
    assert whole.read_bytes() == killed.read_bytes()


@pytest.mark.slow
def test_a_single_check_goes_on_to_the_same_manifest(reviews, tmp_path):
    work = tmp_path / "work"
    options = ["labels", reviews, "--label", "stars", "--text", "text", "--action", "drop"]
    go(*options, "--manifest", tmp_path / "whole")
    again = [*options, "--manifest", tmp_path / "killed", "--work", work]
    kill_when(lambda: bool(list(work.glob("vectors-*"))), *again)
    assert not (tmp_path / "killed").exists()
    kept = files_of(work)
    go(*again)
    assert files_of(tmp_path / "whole") == files_of(tmp_path / "killed")
    assert files_of(work) == kept
