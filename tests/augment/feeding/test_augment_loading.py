import numpy as np
import pytest

from augment import (
    Augmenter,
    BatchLoader,
    cache_decoded,
    open_cache,
    policies,
)
from augment.feeding.workers import count_workers
from thresher.core.errors import InputError


def passes(loader, epochs):
    return [batch for _ in range(epochs) for batch in loader]


def test_a_loader_goes_on_where_it_stopped(pictures):
    images = pictures(30)

    def loader():
        aug = Augmenter(policies.standard(), random_state=1)
        return BatchLoader(images, np.arange(30), augmenter=aug, batch_size=8)

    whole = passes(loader(), 2)
    assert [len(batch.positions) for batch in whole] == [8, 8, 8, 6] * 2
    assert sorted(np.concatenate([batch.positions for batch in whole[:4]])) == list(range(30))
    assert not np.array_equal(whole[0].positions, whole[4].positions)
    first, second = loader(), loader()
    rows = iter(first)
    for _ in range(3):
        next(rows)
    second.load_state_dict(first.state_dict())
    rest = passes(second, 2)
    for mine, wanted in zip(rest, whole[3:], strict=True):
        assert np.array_equal(mine.images, wanted.images)
        assert np.array_equal(mine.positions, wanted.positions)
        assert mine.epoch == wanted.epoch


def test_batch_size_and_order_do_not_change_a_row(pictures):
    images = pictures(20)
    found = []
    for size, shuffle in ((3, True), (20, False)):
        aug = Augmenter(policies.trivial_augment(), random_state=1)
        loader = BatchLoader(
            images, np.arange(20), augmenter=aug, batch_size=size, shuffle=shuffle, random_state=2
        )
        result = np.empty_like(images)
        for batch in loader:
            result[batch.positions] = batch.images
        found.append(result)
    assert np.array_equal(*found)


def test_repeated_rows_get_different_views(pictures):
    images = pictures(3)
    aug = Augmenter(policies.crop_flip(), random_state=0)
    order = np.array([0, 1, 1, 2, 1])
    (batch,) = BatchLoader(images, [7, 8, 9], augmenter=aug, order=order, shuffle=False)
    assert np.array_equal(batch.images[2], aug(images[1], row_id=8, view=1))
    assert np.array_equal(batch.images[4], aug(images[1], row_id=8, view=2))
    assert np.array_equal(batch.images[3], aug(images[2], row_id=9))


def test_loader_arguments_are_checked(pictures):
    images = pictures(3)
    loader = BatchLoader(images, [1, 2, 3])
    with pytest.raises(InputError, match="seed 5"):
        loader.load_state_dict({"seed": 5, "epoch": 0, "batch": 0})
    with pytest.raises(InputError, match="batch_size"):
        BatchLoader(images, [1, 2, 3], batch_size=0)
    with pytest.raises(InputError, match="order"):
        BatchLoader(images, [1, 2, 3], order=np.array([3]))
    assert list(BatchLoader(images[:0], [])) == []


def test_a_cache_decodes_once_and_keeps_rows(pictures, tmp_path):
    images, ids, asked = pictures(4), ["a", "b", "c", "d"], []

    def decode(row):
        asked.append(row)
        return images[ids.index(row)]

    for _ in range(2):
        cache = cache_decoded(tmp_path / "cache", ids, decode, size=(24, 24, 3))
    assert asked == ids
    assert np.array_equal(cache.gather(np.array([2, 0])), images[[2, 0]])
    assert open_cache(tmp_path / "cache").row_ids.tolist() == ids
    with pytest.raises(InputError, match="other rows"):
        cache_decoded(tmp_path / "cache", ["a", "x"], decode, size=(24, 24, 3))
    with pytest.raises(InputError, match="unique"):
        cache_decoded(tmp_path / "two", ["a", "a"], decode, size=(24, 24, 3))
    with pytest.raises(InputError, match="Row 'a'"):
        cache_decoded(tmp_path / "two", ids, decode, size=(9, 9, 3))
    assert not (tmp_path / "two").exists()
    assert len(cache_decoded(tmp_path / "none", [], decode, size=(9, 9, 3))) == 0


def test_workers_are_chosen_by_what_loading_and_sending_take():
    quick = count_workers(100, seconds=0.001, sending=0.001, cpus=8)
    slow = count_workers(100, seconds=0.2, sending=0.001, cpus=8)
    heavy = count_workers(100, seconds=0.2, sending=0.2, cpus=8)
    assert [one.value for one in (quick, slow, heavy)] == ["0", "8", "0"]
    assert count_workers(100, seconds=0.2, sending=0.001, cpus=1).value == "0"
    assert count_workers(3, seconds=0.2, sending=0.001, cpus=8).value == "0"
    assert "200.0 ms to load" in slow.reason


def test_automatic_workers_load_the_same_batches(pictures):
    images, keys = pictures(n=30), np.arange(30)
    aug = Augmenter(policies.crop_flip(pad=2))
    options = {"augmenter": aug, "batch_size": 8}
    plain = BatchLoader(images, keys, **options)
    chosen = BatchLoader(images, keys, workers="auto", **options)
    for one, other in zip(plain, chosen, strict=True):
        assert np.array_equal(one.images, other.images)
    assert chosen.chosen_workers.value == "0"
    empty = BatchLoader(images[:0], keys[:0], workers="auto")
    assert list(empty) == []
    with pytest.raises(InputError, match="workers"):
        BatchLoader(images, keys, workers="many")
