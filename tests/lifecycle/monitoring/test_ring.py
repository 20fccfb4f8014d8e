"""The log of requests: whole, bounded, shared by servers, without what is personal."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lifecycle import RequestRing, read_requests
from thresher.core.errors import InputError

MODEL = SimpleNamespace(digest="0123456789abcdef", classes=["no", "yes"])


def served(rows: int, *, errors: dict[int, str] | None = None, content: Any = None) -> Any:
    logits = np.tile(np.array([0.0, 1.0], np.float32), (rows, 1))
    answers = SimpleNamespace(logits=logits, errors=errors or {})
    usable = np.array([at for at in range(rows) if at not in answers.errors])
    kept = SimpleNamespace(content=content, places=usable)
    return SimpleNamespace(model=MODEL, rows=kept, answers=answers, seconds=0.002)


def test_rows_come_back(tmp_path: Path) -> None:
    ring = RequestRing(tmp_path, clock=lambda: 1e9)
    for rows in (1, 3):
        ring(served(rows))
    ring(served(3, errors={1: "bad"}))
    ring.close()
    table = read_requests(tmp_path)
    assert table.num_rows == 6
    assert len(set(table["row_id"].to_pylist())) == 6
    assert set(table["answer"].to_pylist()) == {"yes"}
    assert table["confidence"][0].as_py() == pytest.approx(1 / (1 + np.exp(-1)))
    assert sum(table["probabilities"][5].as_py()) == pytest.approx(1)
    assert table["ms"][0].as_py() == pytest.approx(2)
    assert all(0 <= at - 1e9 < 60 for at in table["at"].to_pylist())
    assert "numbers" not in table.column_names


def test_content_is_kept_only_when_asked(tmp_path: Path) -> None:
    ring = RequestRing(tmp_path / "a", content=True)
    ring(served(3, errors={0: "bad"}, content=np.array([[1.0, 2.0], [3.0, 4.0]])))
    ring(served(1, content=[b"words"]))
    ring.close()
    table = read_requests(tmp_path / "a")
    assert table["numbers"].to_pylist() == [[1.0, 2.0], [3.0, 4.0], None]
    assert table["bytes"].to_pylist() == [None, None, b"words"]
    ring = RequestRing(tmp_path / "b")
    ring(served(1, content=[b"a secret of mine"]))
    ring.close()
    for file in (tmp_path / "b").rglob("*.parquet"):
        assert b"secret" not in file.read_bytes()


def test_the_folder_stays_within_its_limit_and_keeps_the_newest(tmp_path: Path) -> None:
    ring = RequestRing(tmp_path, limit_mb=0.05)
    for _ in range(40):
        ring(served(200))
        ring.flush()
    ring.close()
    sizes = [path.stat().st_size for path in tmp_path.glob("*.parquet")]
    assert sum(sizes) <= 0.05 * 2**20
    ids = read_requests(tmp_path)["row_id"].to_pylist()
    assert max(int(name.rsplit("-", 1)[1]) for name in ids) == 40 * 200 - 1


def test_two_servers_write_one_log(tmp_path: Path) -> None:
    rings = [RequestRing(tmp_path, rows_per_file=60) for _ in range(2)]
    for _ in range(50):
        for ring in rings:
            ring(served(3))
    for ring in rings:
        ring.close()
        assert ring.lost == 0
    table = read_requests(tmp_path)
    assert table.num_rows == 300
    assert len(set(table["row_id"].to_pylist())) == 300
    assert table["at"].to_pylist() == sorted(table["at"].to_pylist())


def test_a_clock_that_jumps_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = RequestRing(tmp_path)
    now = time.time()
    ring(served(1))
    monkeypatch.setattr(time, "time", lambda: now - 1e6)
    ring(served(1))
    ring.close()
    first, second = read_requests(tmp_path)["at"].to_pylist()
    assert 0 <= second - first < 60


def test_rows_are_written_while_no_request_comes(tmp_path: Path) -> None:
    ring = RequestRing(tmp_path, seconds_per_file=0.2)
    ring(served(3))
    until = time.monotonic() + 20
    while not read_requests(tmp_path).num_rows and time.monotonic() < until:
        time.sleep(0.05)
    assert read_requests(tmp_path).num_rows == 3  # a server that is killed now has lost nothing
    ring(served(2))
    ring.close()
    table = read_requests(tmp_path)
    assert table["row_id"].to_pylist() == [f"{ring.name}-{k}" for k in range(5)]


def test_a_full_disk_is_counted_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    ring = RequestRing(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", full)
        ring(served(5))
        ring.flush()
    assert (ring.lost, "No space left" in ring.reason) == (5, True)
    ring(served(2))
    ring.close()
    assert read_requests(tmp_path).num_rows == 2


def test_damaged_and_foreign_files_are_named(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pytest.raises(InputError, match="--record"):
        read_requests(tmp_path / "none")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match=r"a\.parquet is damaged"):
        read_requests(tmp_path)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="lacks"):
        read_requests(tmp_path)


def test_a_request_costs_little(tmp_path: Path) -> None:
    ring = RequestRing(tmp_path, rows_per_file=10**6)
    one = served(1)
    began = time.thread_time()
    for _ in range(2000):
        ring(one)
    assert (time.thread_time() - began) / 2000 < 50e-6
    ring.close()
