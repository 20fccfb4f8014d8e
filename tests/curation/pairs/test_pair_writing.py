"""Ids, weights and shards of the chosen pairs; a run that was killed goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.pairs import pair_weights, score_pairs, write_ids, write_pair_shards
from thresher.core.errors import InputError

from .conftest import members, picture, write_tar


def test_ids_are_those_of_datacomp(shards, tmp_path):
    scores = score_pairs(shards, tmp_path / "work")
    counts = np.array([0, 2, 0, 0, 1, 0, 0, 0, 0, 3])
    stored = np.load(write_ids(scores, counts, tmp_path / "ids.npy"))
    assert stored.dtype == np.dtype("u8,u8")
    assert stored.tolist() == [(0, 1), (0, 1), (0, 4), (1, 4), (1, 4), (1, 4)]
    place = np.searchsorted(stored, np.array([(1, 4)], stored.dtype))
    assert place == [3]  # as their reader looks ids up


def test_other_ids_are_refused(tmp_path):
    path = write_tar(tmp_path / "a.tar", members("k", picture(0), "some words of a scene"))
    scores = score_pairs([path], tmp_path / "work")
    with pytest.raises(InputError, match="32 hexadecimal digits, a pair here is called 'k'"):
        write_ids(scores, np.array([1]), tmp_path / "ids.npy")
    assert not (tmp_path / "ids.npy").exists()


def test_weights_name_pair_and_shard(shards, tmp_path):
    scores = score_pairs(shards, tmp_path / "work")
    counts = np.array([0, 2, 0, 0, 0, 0, 0, 0, 0, 1])
    table = pair_weights(scores, counts, np.arange(10) / 10)
    assert table["shard"].to_pylist() == ["00000.tar", "00001.tar"]
    assert table["weight"].to_pylist() == [2, 1]
    assert table["score"].to_pylist() == [0.1, 0.9]


def test_new_shards_hold_the_kept_members_as_they_were(shards, tmp_path):
    table = pa.table(
        {"image": [picture(7), picture(8)], "caption": ["one of them", "and another"], "x": [1, 2]}
    )
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=1)
    scores = score_pairs([*shards, tmp_path / "t.parquet"], tmp_path / "work")
    kept = np.zeros(12, bool)
    kept[[1, 3, 5, 11]] = True
    written = write_pair_shards(scores, kept, tmp_path / "new", work_folder=tmp_path / "work")
    assert [path.name for path in written] == ["00000.tar", "00001.tar", "t.parquet"]
    contents = {}
    for source, target in zip(shards, written, strict=False):
        with tarfile.open(source) as old, tarfile.open(target) as new:
            names = new.getnames()
            assert [old.extractfile(n).read() for n in names] == [
                new.extractfile(n).read() for n in names
            ]
            contents[target.name] = {name.partition(".")[0] for name in names}
    assert contents == {"00000.tar": {"001", "003"}, "00001.tar": {"000"}}
    assert pq.read_table(written[2]).equals(table.slice(1))
    again = score_pairs(written, tmp_path / "again")
    assert again.table["id"].to_pylist() == [f"{0:016x}{1:016x}", f"{0:016x}{3:016x}",
                                             f"{1:016x}{0:016x}", "row 1"]  # fmt: skip
    with pytest.raises(InputError, match="would replace the sources"):
        write_pair_shards(scores, kept, shards[0].parent, work_folder=tmp_path / "work")


def test_new_shards_of_an_earlier_call_do_not_stay(shards, tmp_path):
    for sources in (shards, shards[:1]):
        scores = score_pairs(sources, tmp_path / "work")
        kept = np.ones(len(scores), bool)
        written = write_pair_shards(scores, kept, tmp_path / "new", work_folder=tmp_path / "work")
        if len(sources) > 1:
            (tmp_path / "new" / "notes.txt").write_text("of the user")
            write_pair_shards(scores, kept, tmp_path / "more", work_folder=tmp_path / "work")
    assert [path.name for path in written] == ["00000.tar"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["00000.tar", "notes.txt"]
    assert len(list((tmp_path / "more").iterdir())) == len(shards)


PROGRAM = """
import sys, time
from pathlib import Path
from curation.pairs import score_pairs
from curation.pairs import scoring
slow = scoring._Block.table
scoring._Block.table = lambda block: (time.sleep(0.1), slow(block))[1]
score_pairs(sorted(Path(sys.argv[1]).glob("*.tar")), sys.argv[2])
"""


def test_a_killed_run_goes_on_and_gives_the_same(tmp_path):
    for shard in range(8):
        inside = members(f"{shard}", picture(shard), f"scene {shard} told in words")
        write_tar(tmp_path / f"{shard}.tar", inside)
    work = tmp_path / "work"
    running = subprocess.Popen([sys.executable, "-c", PROGRAM, tmp_path, work])
    while len(list(work.glob("score-*/[!.]*.tar-*"))) < 3:
        assert running.poll() is None
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    done = {path: path.stat().st_mtime_ns for path in work.glob("score-*/[!.]*.tar-*")}
    assert 3 <= len(done) < 8
    paths = sorted(Path(tmp_path).glob("*.tar"))
    scores = score_pairs(paths, work)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in done.items())
    assert scores.table.equals(score_pairs(paths, tmp_path / "whole").table)
