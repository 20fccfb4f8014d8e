"""What a curation says it takes is what it takes, and what does not fit is refused beforehand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from curation.sharded import curate_shards, memory
from curation.sharded.columns import PART_BLOCKS
from curation.sharded.memory import Need, part_blocks_for
from thresher.core.errors import InputError

BILLION = 10**9


def test_parts_shrink_to_what_there_is_and_the_rest_is_refused():
    need = Need(100_000_000, 4)
    assert part_blocks_for(need, 8) == PART_BLOCKS
    smaller = part_blocks_for(need, need.bytes(PART_BLOCKS) / BILLION - 0.01)
    assert smaller == PART_BLOCKS // 2
    assert need.bytes(smaller) < need.bytes(PART_BLOCKS)
    with pytest.raises(InputError, match=r"0\.50 GB are allowed: [\d,]+ rows") as found:
        part_blocks_for(need, 0.5)
    rows = int(re.search(r"([\d,]+) rows would fit", str(found.value))[1].replace(",", ""))
    assert part_blocks_for(need.with_rows(rows), 0.5) >= 1
    with pytest.raises(InputError):
        part_blocks_for(need.with_rows(rows + 1), 0.5)


def test_workers_that_would_fit_are_named():
    need = Need(1_000_000, 128, workers=8)
    two = Need(1_000_000, 128, workers=2).bytes(1) / BILLION
    with pytest.raises(InputError, match=r"or 2 worker\(s\)"):
        part_blocks_for(need, two + 0.01)


def test_a_hundred_million_rows_fit_into_four_gigabytes():
    assert Need(100_000_000, 128).bytes(1) < 4 * BILLION
    judged = Need(100_000_000, 128, judged=True).bytes(1)
    assert judged - Need(100_000_000, 128).bytes(1) == 70 * 100_000_000


def test_without_a_number_the_machine_is_asked(monkeypatch, tmp_path):
    np.save(tmp_path / "v.npy", np.eye(4))
    monkeypatch.setattr(memory, "available_memory", lambda: 0)
    with pytest.raises(InputError, match=r"4 rows of 4 numbers .* 0\.20 GB are free: no rows"):
        curate_shards([tmp_path / "v.npy"], tmp_path / "work", threshold=0.9)
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    assert part_blocks_for(Need(10**9, 1000), None) == PART_BLOCKS
    with pytest.raises(InputError, match="`memory` must be"):
        curate_shards([tmp_path / "v.npy"], tmp_path / "work", threshold=0.9, memory=0)


def test_the_limit_of_a_container_counts(tmp_path):
    assert memory._free_of_container(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("905\n")
    (tmp_path / "memory.stat").write_text("anon 5\nactive_file 600\ninactive_file 300\n")
    assert memory._free_of_container(tmp_path) is None
    (tmp_path / "memory.max").write_text("1000\n")
    assert memory._free_of_container(tmp_path) == 995
    assert memory.available_memory() > 0


# A process starts with the largest memory of the one that made it in `ru_maxrss`.
RUN = """
import json, re, sys
from pathlib import Path
import numpy as np
from curation.sharded import curate_shards
curate_shards(
    ["v.npy"], "work", threshold=0.9, method="partition", memory=float(sys.argv[1]),
)
status = Path("/proc/self/status").read_text()
print(json.dumps(int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux alone tells the peak")
@pytest.mark.parametrize("width", [32, 256])
def test_a_run_stays_below_what_was_said(tmp_path, width):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(66_000, width)).astype(np.float32)
    vectors[50_000:60_000] = vectors[:10_000] + 0.001
    np.save(tmp_path / "v.npy", vectors)
    said = Need(66_000, width).bytes(1)
    paths = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(said / BILLION + 0.001)],
        cwd=tmp_path, env=paths, check=True, capture_output=True, text=True,
    )  # fmt: skip
    peak = json.loads(done.stdout.splitlines()[-1])
    assert 0.2 * said < peak < said
