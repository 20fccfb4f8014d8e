"""Known keys among others, against `numpy.isin`."""

from __future__ import annotations

import numpy as np
import pytest

from thresher.core.key_filter import KeyFilter


@pytest.mark.parametrize("count", [0, 1, 700, 100_000])
def test_no_key_is_missed_and_none_found_that_is_not_known(count: int) -> None:
    rng = np.random.default_rng(count)
    keys = np.unique(rng.integers(0, 2**64, count, np.uint64))
    wanted = np.concatenate([keys, rng.integers(0, 2**64, 50_000, np.uint64)])
    rng.shuffle(wanted)
    known = KeyFilter.of(keys)
    places, found = known.find(wanted)
    assert places.tolist() == np.flatnonzero(np.isin(wanted, keys, kind="sort")).tolist()
    assert (keys[found] == wanted[places]).all()
    if count > 1:
        others = wanted[~np.isin(wanted, keys)]
        bits = np.unpackbits(known.bits, bitorder="little")
        passed = bits[(others >> np.uint64(64 - int(np.log2(len(bits))))).astype(np.int64)].mean()
        assert passed < 0.13  # most are told by one bit
