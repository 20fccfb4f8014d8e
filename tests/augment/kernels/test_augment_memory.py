"""Memory is used again only when nobody holds it; blocks change no result."""

import numpy as np
import pytest
import torch

from augment import Augmenter, Policy, Step, policies
from augment.kernels.buffers import LARGEST, SMALLEST, block_length, in_blocks, take_memory

SHAPE = (64, 40, 40, 3)


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_is_used_again_when_dropped():
    first = take_memory(SHAPE)
    place = address(first)
    del first
    assert address(take_memory(SHAPE)) == place


@pytest.mark.parametrize("hold", [lambda a: a[3:], lambda a: torch.from_numpy(a)[1], memoryview])
def test_memory_that_anyone_holds_is_left_alone(hold):
    first = take_memory(SHAPE)
    first[...] = 7
    held = hold(first)
    del first
    for _ in range(20):
        take_memory(SHAPE)[...] = 9
    assert (np.asarray(held) == 7).all()


@pytest.mark.parametrize("shape", [(0, 2, 2, 3), (1, SMALLEST - 1), (1, LARGEST + 1)])
def test_memory_of_any_size_has_the_shape_asked_for(shape):
    assert take_memory(shape).shape == shape


def test_results_of_earlier_batches_stay_as_they_were(pictures):
    images = pictures(n=200, side=32)
    aug = Augmenter(policies.trivial_augment(pad=2), random_state=3)
    results = [aug.batch(images, np.arange(200), epoch) for epoch in range(4)]
    copies = [aug.batch(images, np.arange(200), epoch).copy() for epoch in range(4)]
    assert all(np.array_equal(one, other) for one, other in zip(results, copies, strict=True))


@pytest.mark.parametrize(("side", "length"), [(32, 85), (224, 8), (600, 3), (2000, 1)])
def test_blocks_hold_several_images_unless_these_are_very_large(side, length):
    assert block_length(np.broadcast_to(np.uint8(0), (1, side, side, 3)), least=8) == length


@pytest.mark.parametrize("least", [1, 400])
@pytest.mark.parametrize("order", [np.arange(300), np.arange(300)[::-1], np.arange(0, 300, 7)])
def test_blocks_reach_every_image_once(order, least):
    source = np.random.default_rng(0).integers(0, 256, (300, 16, 16, 3), dtype=np.uint8)
    target = np.zeros_like(source)
    for places, read, write in in_blocks(source, target, order, least=least):
        assert np.array_equal(read, source[order[places]])
        write[...] = read + 1
    wanted = np.zeros_like(source)
    wanted[order] = source[order] + 1
    assert np.array_equal(target, wanted)


@pytest.mark.parametrize("op", ["equalize", "autocontrast", "random_erasing", "sharpness", "hflip"])
def test_an_image_comes_out_alike_alone_and_among_many(op, pictures):
    images, keys = pictures(n=200, side=32), np.arange(200)
    aug = Augmenter(Policy("one", (Step(op, p=0.7),)), random_state=1, backend="opencv")
    whole = aug.batch(images, keys)
    for row in (0, 57, 199):
        assert np.array_equal(aug(images[row], row_id=row), whole[row])


def test_narrow_ranges_are_stretched_as_the_table_says():
    levels = np.array([[low, low + width] for low in range(0, 240, 9) for width in (1, 2, 7, 15)])
    images = np.repeat(np.linspace(levels[:, 0], levels[:, 1], 64).T.round(), 3, axis=1)
    images = images.reshape(-1, 8, 8, 3).astype(np.uint8)
    policy, keys = Policy("one", (Step("autocontrast"),)), np.arange(len(images))
    found = [Augmenter(policy, backend=one).batch(images, keys) for one in ("opencv", "torch")]
    assert np.array_equal(*found)
