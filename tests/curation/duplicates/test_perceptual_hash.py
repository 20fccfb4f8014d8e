"""Perceptual hashes: small edits within a few bits, pairs as by brute force."""

import cv2
import numpy as np
import pytest

from curation.duplicates.images.perceptual_hash import hash_graph, perceptual_hashes
from thresher.core.errors import InputError


def images(n=20, *, seed=0):
    rng = np.random.default_rng(seed)
    layers = rng.integers(0, 256, (n, 6, 6, 3)).astype(np.uint8)
    return [cv2.resize(layer, (90, 70), interpolation=cv2.INTER_CUBIC) for layer in layers]


def bits(a, b):
    return bin(int(a) ^ int(b)).count("1")


def test_resized_and_compressed_copies_are_close_and_others_are_not():
    plain = images()
    small = [cv2.resize(image, (50, 60), interpolation=cv2.INTER_AREA) for image in plain]
    a, b = perceptual_hashes(plain), perceptual_hashes(small)
    assert max(map(bits, a, b)) <= 6
    assert min(bits(a[i], a[j]) for i in range(20) for j in range(i)) > 10


def test_pairs_equal_brute_force_with_mirrors():
    rng = np.random.default_rng(1)
    hashes = rng.integers(1, 1 << 12, 700, dtype=np.uint64)
    flipped = rng.permutation(hashes)
    graph = hash_graph(hashes, mirrored=flipped, max_distance=2).expand()
    first, second, scores = graph.pairs()
    found = dict(zip(zip(first.tolist(), second.tolist(), strict=True), scores, strict=True))
    expected = {
        (i, j): min(bits(hashes[i], hashes[j]), bits(hashes[i], flipped[j]))
        for i in range(700)
        for j in range(i + 1, 700)
    }
    assert found == pytest.approx({p: 1 - d / 64 for p, d in expected.items() if d <= 2})


def test_mirror_images_are_found_by_their_hashes():
    plain = images()
    both = [*plain, *(image[:, ::-1] for image in plain)]
    hashes, mirrored = perceptual_hashes(both), perceptual_hashes([im[:, ::-1] for im in both])
    assert hash_graph(hashes).pair_count == 0
    first, second, _ = hash_graph(hashes, mirrored=mirrored).pairs()
    assert (second - first == 20).all()
    assert len(first) == 20


def test_blank_and_unreadable_images_are_similar_to_nothing():
    hashes = perceptual_hashes([None, np.full((9, 9, 3), 7, np.uint8), np.zeros((1, 1, 3), "u1")])
    assert hashes.tolist() == [0, 0, 0]
    assert hash_graph(hashes).pair_count == 0


def test_many_equal_hashes_take_no_pairs():
    graph = hash_graph(np.full(50_000, 99, np.uint64))
    assert len(graph.indices) == 0
    assert graph.pair_count == 50_000 * 49_999 // 2


def test_bad_input_is_named():
    with pytest.raises(InputError, match="`max_distance` must be from 0 to 31"):
        hash_graph(np.zeros(3, np.uint64), max_distance=40)
    with pytest.raises(InputError, match="`mirrored` must have shape"):
        hash_graph(np.zeros(3, np.uint64), mirrored=np.zeros(2, np.uint64))
    with pytest.raises(InputError, match="must be uint8 of shape"):
        perceptual_hashes([np.zeros((4, 4, 3))])
