"""What is kept, for how many bytes, and under which key."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from lifecycle import load_served
from lifecycle.serving.cache import OVERHEAD, Cache, Keys

LOGITS = np.arange(3, dtype=np.float32)


def test_the_oldest_use_goes_first_and_bytes_are_bounded() -> None:
    size = LOGITS.nbytes + OVERHEAD
    cache = Cache(3 * size)
    for name in (b"a", b"b", b"c"):
        cache.put(name, LOGITS, 0)
    assert cache.bytes == 3 * size
    assert cache.get(b"a") is not None
    cache.put(b"d", LOGITS, 0)
    assert cache.get(b"b") is None
    assert [cache.get(name) is not None for name in (b"a", b"c", b"d")] == [True] * 3
    assert len(cache) == 3
    assert cache.bytes == 3 * size


def test_what_is_too_large_is_not_kept_and_nothing_is_counted_twice() -> None:
    cache = Cache(1000)
    cache.put(b"large", np.zeros(1000, np.float32), 0)
    assert cache.bytes == len(cache) == 0
    cache.put(b"a", LOGITS, 0)
    cache.put(b"a", LOGITS + 1, 0)
    assert len(cache) == 1
    assert cache.bytes == LOGITS.nbytes + OVERHEAD


def test_what_is_kept_is_a_copy() -> None:
    cache, logits = Cache(10_000), LOGITS.copy()
    cache.put(b"a", logits, 1)
    logits[:] = 9
    kept = cache.get(b"a")
    assert kept is not None
    assert kept.logits.tolist() == LOGITS.tolist()
    assert kept.stage == 1


def test_the_overhead_is_what_python_takes() -> None:
    cache = Cache(10**9)
    n = 20_000
    for at in range(n):
        cache.put(at.to_bytes(16, "little"), LOGITS, 0)
    kept = cache.get((5).to_bytes(16, "little"))
    assert kept is not None
    own = sys.getsizeof(bytes(16)) + sys.getsizeof(kept.logits) + sys.getsizeof(kept)
    table = sys.getsizeof(cache._kept) / n
    assert 0.7 <= (own + table) / (OVERHEAD + LOGITS.nbytes) <= 1.3


def test_keys_differ_by_model_preparation_kind_and_input(models: Path) -> None:
    small, large = (load_served(models / name, threads=1) for name in ("small", "large"))
    other = replace(small, preprocessing={**small.preprocessing, "columns": list("fedcba")})
    row = np.zeros((1, 6), np.float32)
    keys = [
        Keys(small, "array").of(row)[0],
        Keys(large, "array").of(row)[0],
        Keys(other, "array").of(row)[0],
        Keys(small, "text").of([row[0].tobytes()])[0],
        Keys(small, "array").of(row + 1)[0],
        Keys(small, "array").of(-row)[0],  # −0.0 has other bytes
    ]
    assert len(set(keys)) == 6
    assert Keys(small, "array").of(row.copy()) == keys[:1]
