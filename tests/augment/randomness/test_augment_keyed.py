import numpy as np
import pytest

from augment.randomness.keyed import check_index, check_keys, check_seed, draw
from augment.randomness.stream import KeyedStream
from thresher.core.errors import InputError

N = 100_000


def test_a_draw_does_not_depend_on_other_rows():
    keys = np.arange(50, dtype=np.uint64)
    alone = np.concatenate([draw(3, keys[i : i + 1], epoch=2).uniform(5, 4) for i in range(50)])
    together = draw(3, keys, epoch=2).uniform(5, 4)
    assert np.array_equal(alone, together)
    assert np.array_equal(draw(3, keys, epoch=2).uniform(5, 4, rows=np.array([7]))[0], together[7])


def test_slots_are_the_same_one_by_one():
    draws = draw(0, np.arange(9, dtype=np.uint64))
    joined = np.concatenate([draws.uniform(slot, 1) for slot in range(6)], axis=1)
    assert np.array_equal(joined, draws.uniform(0, 6))


def test_draws_are_even_and_slots_epochs_views_and_seeds_are_independent():
    keys = np.arange(N, dtype=np.uint64)
    base = draw(1, keys).uniform(0, 12)
    columns = [base]
    columns += [draw(1, keys, epoch=1).uniform(0, 2), draw(1, keys, view=1).uniform(0, 2)]
    columns += [draw(2, keys).uniform(0, 2), draw(1, keys).lasting(0, 2)]
    table = np.concatenate(columns, axis=1)
    correlation = np.corrcoef(table, rowvar=False) - np.eye(table.shape[1])
    # 190 pairs of noise with standard deviation .0032: the largest stays below 4.5 of these.
    assert np.abs(correlation).max() < 0.0143
    assert np.abs(table.mean(axis=0) - 0.5).max() < 0.004
    assert np.abs(np.corrcoef(base[:-1, 0], base[1:, 0])[0, 1]) < 0.0143
    counts = np.histogram(base[:, 0], bins=100, range=(0, 1))[0]
    assert ((counts - N / 100) ** 2 / (N / 100)).sum() < 160


def test_lasting_draws_are_equal_in_every_epoch():
    keys = np.arange(9, dtype=np.uint64)
    first, later = draw(0, keys, epoch=0), draw(0, keys, epoch=7)
    assert np.array_equal(first.lasting(0, 3), later.lasting(0, 3))
    assert not np.array_equal(first.uniform(0, 3), later.uniform(0, 3))


def test_string_keys_are_stable():
    assert check_keys(["a", "b"]).tolist() == check_keys(np.array(["a", "b"])).tolist()
    assert check_keys(np.array([], dtype=float)).shape == (0,)


@pytest.mark.parametrize(
    ("keys", "words"),
    [([-1], "negative"), ([0.5], "integers or strings"), ([None], "integers or strings")],
)
def test_bad_keys_are_refused(keys, words):
    with pytest.raises(InputError, match=words):
        check_keys(keys)


def test_bad_counts_shapes_and_numbers_are_refused():
    with pytest.raises(InputError, match="3 images and 2 row ids"):
        check_keys([1, 2], n=3)
    with pytest.raises(InputError, match="shape"):
        check_keys([[1]])
    for bad in (-1, 0.5, True, 2**63):
        with pytest.raises(InputError):
            check_index("epoch", bad)
    with pytest.raises(InputError):
        check_seed("seed")


def test_seeds_are_kept_or_drawn():
    assert check_seed(7) == 7
    assert check_seed(np.random.default_rng(0)) == check_seed(np.random.default_rng(0))
    assert check_seed(None) != check_seed(None)


def test_a_stream_restarts_and_differs_by_row_epoch_and_view():
    stream = KeyedStream(5)

    def numbers(key, epoch, view):
        stream.rekey(key, epoch=epoch, view=view)
        drawn = (stream.python.random(), stream.generator.random(), stream.python.gauss(0, 1))
        return (*drawn, stream.python.randint(0, 10**6), stream.python.getrandbits(70))

    first = numbers(1, 0, 0)
    others = [numbers(2, 0, 0), numbers(1, 1, 0), numbers(1, 0, 1)]
    assert numbers(1, 0, 0) == first
    assert len({first, *others}) == 4
    assert 0 <= first[4] < 2**70
