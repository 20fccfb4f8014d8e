"""What several packages compute with, against published values, SciPy and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from thresher.core.numerics.hashing import STEP, mix64, mix_int, splitmix64
from thresher.core.numerics.ragged import place_in_group, place_in_run, positions
from thresher.core.numerics.softmax import log_softmax, softmax
from thresher.core.numerics.spacing import equally_spaced

# The first outputs of the authors' generator for two seeds.
OF_0 = (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F)
OF_1234567 = (6457827717110365317, 3203168211198807973, 9817491932198370423)


@pytest.mark.parametrize("copies", [1, 20], ids=["few", "many"])
@pytest.mark.parametrize(("seed", "outputs"), [(0, OF_0), (1234567, OF_1234567)])
def test_splitmix_gives_the_published_numbers(
    seed: int, outputs: tuple[int, ...], copies: int
) -> None:
    state = np.full(copies, seed, np.uint64)
    for steps, output in enumerate(outputs, start=1):
        found = splitmix64(state, steps=steps)
        assert found.dtype == np.uint64
        assert found.tolist() == [output] * copies
        assert mix_int(seed + steps * int(STEP)) == output


def test_mixing_keeps_shape_and_argument() -> None:
    values = np.arange(24, dtype=np.uint64).reshape(2, 3, 4)
    before = values.copy()
    found = mix64(values)
    assert found.shape == values.shape
    assert np.array_equal(values, before)
    assert found[1, 2, 3] == mix64(np.array(23, np.uint64)) == mix_int(23)
    assert len(np.unique(found)) == values.size  # one to one
    assert mix64(np.zeros(0, np.uint64)).shape == (0,)


@pytest.mark.parametrize("counts", [[], [0], [3], [2, 0, 1, 4, 0]], ids=str)
def test_places_and_positions_are_those_of_loops(counts: list[int]) -> None:
    sizes = np.array(counts, np.int64)
    starts = np.array([10 * at for at in range(len(counts))], np.int64)
    assert place_in_group(sizes).tolist() == [at for size in counts for at in range(size)]
    expected = [10 * group + at for group, size in enumerate(counts) for at in range(size)]
    assert positions(starts, sizes).tolist() == expected
    first = np.cumsum(sizes) - sizes
    found = place_in_run(first[sizes > 0], n=int(sizes.sum()))
    assert found.tolist() == place_in_group(sizes).tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_softmax_is_scipys(dtype: type, scale: float) -> None:
    logits = (scale * np.random.default_rng(0).normal(size=(3, 50, 7))).astype(dtype)
    before = logits.copy()
    tolerance = 1e-6 if dtype is np.float32 else 1e-14
    assert softmax(logits).dtype == log_softmax(logits).dtype == dtype
    np.testing.assert_allclose(softmax(logits), scipy.special.softmax(logits, axis=-1), tolerance)
    np.testing.assert_allclose(
        log_softmax(logits), scipy.special.log_softmax(logits, axis=-1), 10 * tolerance, tolerance
    )
    assert np.array_equal(logits, before)
    usual = softmax(logits)
    assert softmax(logits, out=logits) is not None
    assert np.array_equal(logits, usual)  # in its own place, the same bits


def test_equally_spaced_positions_reach_from_end_to_end() -> None:
    assert equally_spaced(9, 3).tolist() == [0, 4, 8]
    assert equally_spaced(11, 4).tolist() == [0, 3, 7, 10]
    assert equally_spaced(3, 5).tolist() == [0, 1, 2]
    assert equally_spaced(0, 5).tolist() == []
    assert equally_spaced(7, 1).tolist() == [0]
