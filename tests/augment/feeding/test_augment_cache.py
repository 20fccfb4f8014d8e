import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from augment import cache_decoded, open_cache
from augment.feeding import cache as caching
from thresher.core.errors import InputError, ThresherError

IDS = [f"row-{number}" for number in range(300)]
SIZE = (4, 4, 3)


def decode(row):
    return np.full(SIZE, int(row.split("-")[1]) % 251, dtype=np.uint8)


@pytest.fixture
def often_marked(monkeypatch):
    monkeypatch.setattr(caching, "_MARK_BYTES", 1)


def whole(cache):
    return np.array_equal(cache.images[:, 0, 0, 0], np.arange(300) % 251)


def test_a_stopped_run_goes_on(tmp_path, often_marked):
    asked = []

    def breaks(row):
        asked.append(row)
        if len(asked) == 200:
            raise KeyboardInterrupt
        return decode(row)

    with pytest.raises(KeyboardInterrupt):
        cache_decoded(tmp_path / "cache", IDS, breaks, size=SIZE)
    assert not (tmp_path / "cache").exists()
    cache = cache_decoded(tmp_path / "cache", IDS, breaks, size=SIZE)
    assert whole(cache)
    assert len(asked) < 400
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [
        "images.npy",
        "rows.json",
    ]
    assert not (tmp_path / "cache.partial").exists()


def test_other_rows_or_a_cut_file_start_again(tmp_path, often_marked):
    def breaks(row):
        if row == IDS[250]:
            raise ValueError("broken")
        return decode(row)

    for change in ("rows", "file"):
        folder = tmp_path / change
        with pytest.raises(ValueError, match="broken"):
            cache_decoded(folder, IDS, breaks, size=SIZE)
        if change == "file":
            (tmp_path / "file.partial" / "images.npy").write_bytes(b"")
            assert whole(cache_decoded(folder, IDS, decode, size=SIZE))
        else:
            cache = cache_decoded(folder, IDS[::-1], decode, size=SIZE)
            assert np.array_equal(cache.images[:, 0, 0, 0], (np.arange(300) % 251)[::-1])


def test_a_full_disk_keeps_what_is_written(tmp_path, often_marked, monkeypatch):
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 8:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(caching.os, "fsync", full)
    with pytest.raises(ThresherError, match="Make room and call again"):
        cache_decoded(tmp_path / "cache", IDS, decode, size=SIZE)
    asked = []
    cache = cache_decoded(
        tmp_path / "cache", IDS, lambda row: asked.append(row) or decode(row), size=SIZE, threads=2
    )
    assert whole(cache)
    assert 0 < len(asked) < 300


WRITER = """
import sys, time, numpy as np
from augment.feeding import cache as caching
caching._MARK_BYTES = 1
def decode(row):
    print(row, flush=True)
    time.sleep(0.002)
    return np.full((4, 4, 3), int(row.split("-")[1]) % 251, dtype=np.uint8)
ids = [f"row-{number}" for number in range(300)]
caching.cache_decoded(sys.argv[1], ids, decode, size=(4, 4, 3))
"""


def start(folder):
    return subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE)


def test_kill_9_and_two_processes_at_once(tmp_path):
    folder = tmp_path / "cache"
    killed = start(folder)
    for _ in range(150):
        killed.stdout.readline()
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    assert not folder.exists()
    both = [start(folder), start(folder)]
    counts = [len(process.communicate(timeout=60)[0].split()) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    # One goes on behind the last whole block, the other waits and opens.
    assert min(counts) == 0
    assert 0 < max(counts) < 300
    assert whole(open_cache(folder))


def test_damage_is_named(tmp_path):
    cache_decoded(tmp_path / "cache", IDS, decode, size=SIZE)
    (tmp_path / "cache" / "images.npy").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read"):
        open_cache(tmp_path / "cache")
    (tmp_path / "cache" / "rows.json").write_text("[]")
    with pytest.raises(InputError, match="no image cache"):
        open_cache(tmp_path / "cache")
    with pytest.raises(InputError, match="size"):
        cache_decoded(tmp_path / "x", IDS, decode, size=(4, 4))


def test_a_gather_is_a_copy(tmp_path):
    cache = cache_decoded(tmp_path / "cache", IDS, decode, size=SIZE)
    start_s = time.process_time()
    part = cache.gather(np.array([5, 1]))
    assert time.process_time() - start_s < 5
    part += 1
    assert whole(cache)
