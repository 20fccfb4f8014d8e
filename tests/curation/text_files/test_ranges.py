"""Ranges joined, against a mask of every place."""

from __future__ import annotations

import numpy as np

from curation.text_files.ranges import joined_ranges


def test_ranges_of_a_key_are_joined() -> None:
    rng = np.random.default_rng(0)
    keys, starts = rng.integers(0, 5, 300), rng.integers(0, 400, 300)
    ends = starts + rng.integers(1, 6, 300)
    covered = [np.zeros(500, bool) for _ in range(5)]
    for key, start, end in zip(keys, starts, ends, strict=True):
        covered[key][start:end] = True
    found = list(zip(*(each.tolist() for each in joined_ranges(keys, starts, ends)), strict=True))
    expected = []
    for key, mask in enumerate(covered):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
        expected += [(key, a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    assert found == expected
