"""Packed bodies: any number of members, read in time that grows with the body alone."""

from __future__ import annotations

import gzip
import time

import numpy as np
import pytest

from lifecycle.serving.content_coding import FIRST_PIECE, unpacked
from lifecycle.serving.refusal import Refusal

GZIP = {b"content-encoding": b"gzip"}


def test_members_of_all_lengths_come_out_whole() -> None:
    rng = np.random.default_rng(0)
    sizes = [0, 1, FIRST_PIECE - 30, FIRST_PIECE, 3 * FIRST_PIECE, 0, 50_000, 7]
    parts = [rng.integers(256, size=size, dtype=np.uint8).tobytes() for size in sizes]
    body, plain = b"".join(map(gzip.compress, parts)), b"".join(parts)
    assert unpacked(body, GZIP, most=len(plain)) == plain == gzip.decompress(body)
    with pytest.raises(Refusal):
        unpacked(body, GZIP, most=len(plain) - 1)
    for cut in (1, 100, FIRST_PIECE, 40_000):
        with pytest.raises(Refusal, match="is cut"):
            unpacked(body[:-cut], GZIP, most=len(plain))


def test_a_body_of_very_many_empty_members_does_not_hold_the_server_up() -> None:
    body = gzip.compress(b"") * 100_000
    start = time.process_time()
    assert unpacked(body, GZIP, most=10**7) == b""
    assert time.process_time() - start < 1.5  # what is behind a member copied whole: 4.8 s
