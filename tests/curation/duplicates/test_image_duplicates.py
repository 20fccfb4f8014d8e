"""Image pairs: edited and mirrored copies are found, look-alikes are not."""

import cv2
import numpy as np
import pytest

from curation import find_near_duplicates
from curation.duplicates.images.graph import image_graph
from curation.duplicates.planted_edits import IMAGE_EDITS
from thresher.core.errors import InputError


def photographs(n=60, *, seed=0):
    """Make random images with structure at every scale, less of it at the finer ones."""
    rng = np.random.default_rng(seed)
    total = np.zeros((n, 32, 32, 3))
    for size, strength in ((4, 40), (8, 25), (16, 12), (32, 4)):
        blocks = np.ones((1, 32 // size, 32 // size, 1))
        total += strength * np.kron(rng.normal(size=(n, size, size, 3)), blocks)
    return (total + 128).clip(0, 255).astype(np.uint8)


def pairs_of(graph):
    first, second, _ = graph.pairs()
    return set(zip(first.tolist(), second.tolist(), strict=True))


@pytest.mark.parametrize("edit", IMAGE_EDITS)
def test_edited_copies_are_found_and_nothing_else(edit):
    images = photographs()
    rng = np.random.default_rng(1)
    copies = np.stack([IMAGE_EDITS[edit](image, rng) for image in images[:30]])
    found = pairs_of(image_graph(np.concatenate([images, copies])))
    expected = {(row, row + 60) for row in range(30)}
    assert found <= expected
    assert len(found) >= 27


def larger(n=20, *, seed=3):
    rng = np.random.default_rng(seed)
    total = np.full((n, 80, 96, 3), 128.0)
    for size, strength in ((4, 30), (8, 25), (16, 20), (32, 15)):
        for image in total:
            layer = rng.normal(0, strength, (size, size, 3))
            image += cv2.resize(layer, (96, 80), interpolation=cv2.INTER_CUBIC)
    return total.clip(0, 255).astype(np.uint8)


CHANGES = {
    "corner crop": lambda im: im[:64, :78],
    "middle crop": lambda im: im[14:66, 16:80],
    "other aspect": lambda im: cv2.resize(im, (60, 90)),
    "bars": lambda im: np.pad(im, ((20, 20), (0, 0), (0, 0))),
    "caption": lambda im: np.concatenate([im[:64], np.zeros((16, 96, 3), np.uint8)]),
    "gray": lambda im: np.repeat(im.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8),
    "mirrored crop": lambda im: im[6:76, 90:10:-1],
    "quarter turn": lambda im: np.rot90(im),
}


@pytest.mark.parametrize("change", CHANGES)
def test_crops_bars_captions_and_turns_are_found(change):
    images = larger()
    copies = [CHANGES[change](image) for image in images[:10]]
    found = pairs_of(image_graph([*images, *copies], turned=change == "quarter turn"))
    assert found == {(row, row + 20) for row in range(10)}


@pytest.mark.parametrize("wide", [8, 12])
def test_a_frame_that_images_share_makes_no_copies(wide):
    tiles = np.random.default_rng(5).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    frame = np.kron(tiles, np.ones((4, 4, 1), np.uint8))
    framed = np.stack([frame] * 12)
    for image, inner in zip(framed, larger(12), strict=True):
        size = 96 - 2 * wide
        image[wide:-wide, wide:-wide] = cv2.resize(inner, (size, size))
    darker = (framed[:5] * 0.7).astype(np.uint8)
    assert pairs_of(image_graph([*framed, *darker])) == {(row, row + 12) for row in range(5)}


def test_crops_count_only_when_asked_for():
    images = larger()
    copies = [CHANGES["middle crop"](image) for image in images]
    assert len(pairs_of(image_graph([*images, *copies], crops=False))) < 5


@pytest.mark.parametrize("asked", [4, 24])
def test_a_query_is_found_as_a_crop_and_as_what_a_crop_shows(asked):
    images = [*larger(), *(CHANGES["middle crop"](image) for image in larger())]
    assert pairs_of(image_graph(images, queries=np.arange(40) == asked)) == {(4, 24)}


def test_a_partitioned_search_finds_the_same(monkeypatch):
    images = [*larger(), *(CHANGES["mirrored crop"](image) for image in larger()[:9])]
    plain = pairs_of(image_graph(images))
    monkeypatch.setattr("curation.duplicates.images.graph.CHEAP_SEARCH", 0)
    assert pairs_of(image_graph(images)) == plain == {(row, row + 20) for row in range(9)}


def test_what_cannot_be_read_and_single_pixels_are_similar_to_nothing():
    images = [*larger(4), None, None, np.zeros((1, 1, 3), np.uint8), np.ones((1, 900, 3), np.uint8)]
    assert pairs_of(image_graph(images, threshold=0.01)) == set()


def test_large_groups_of_copies_are_found_whole():
    images = larger(6)
    copies = [np.clip(images[0] * (0.7 + 0.01 * step), 0, 255) for step in range(30)]
    graph = image_graph([*images, *(copy.astype(np.uint8) for copy in copies)], candidates=2)
    assert graph.pair_count == 31 * 30 // 2


def test_mirror_images_count_only_when_asked_for():
    images = photographs(20)
    both = np.concatenate([images, images[:, :, ::-1]])
    assert len(pairs_of(image_graph(both))) == 20
    assert pairs_of(image_graph(both, mirror=False)) == set()


def test_equal_images_are_stored_once():
    images = np.repeat(photographs(5), [51, 1, 1, 1, 1], axis=0)
    graph = image_graph(images)
    assert graph.pair_count == 51 * 50 // 2
    assert len(graph.indices) == 0
    assert find_near_duplicates(graph).kept.sum() == 5


def test_only_queries_are_looked_up():
    images = np.concatenate([photographs(20), photographs(20)[:, :, ::-1]])
    graph = image_graph(images, queries=np.arange(40) == 33)
    assert pairs_of(graph) == {(13, 33)}


def test_one_color_is_similar_to_nothing_but_itself():
    images = np.repeat(np.array([0, 0, 255, 90], np.uint8), 32 * 32 * 3).reshape(4, 32, 32, 3)
    assert pairs_of(image_graph(images, threshold=0.01)) == {(0, 1)}


def test_order_does_not_matter():
    images = np.concatenate([photographs(30), photographs(30)[:, :, ::-1]])
    order = np.random.default_rng(0).permutation(60)
    plain, shuffled = image_graph(images), image_graph(images[order])
    back = {tuple(sorted((int(order[a]), int(order[b])))) for a, b in pairs_of(shuffled)}
    assert back == pairs_of(plain)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_inputs_of_any_size(n):
    assert len(image_graph(photographs(2)[:n, :20, :30])) == n


def test_wrong_arrays_are_explained():
    with pytest.raises(InputError, match="uint8 of shape"):
        image_graph(np.zeros((2, 32, 32, 3)))
    with pytest.raises(InputError, match="`queries` must have shape"):
        image_graph(photographs(2), queries=np.array([True]))
