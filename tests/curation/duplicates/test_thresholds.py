"""Suggested thresholds: between edits and look-alikes, honest where there is no such place."""

import numpy as np
import pytest

from curation.duplicates.planted_edits import IMAGE_EDITS, TEXT_EDITS
from curation.duplicates.texts.shingles import character_shingles, normalized
from curation.duplicates.thresholds import (
    chance_by_families,
    look_alike_similarities,
    suggest_threshold,
)
from thresher.core import Embeddings
from thresher.core.errors import InputError


def encode_pixels(images):
    flat = np.asarray(images, np.float32).reshape(len(images), -1)
    return flat - flat.mean(axis=1, keepdims=True)


def encode_text(texts):
    """Hash character trigrams into 256 counts."""
    shingles = character_shingles([normalized(text) for text in texts], 3)
    vectors = np.zeros((len(texts), 256))
    np.add.at(vectors, (shingles.owners, (shingles.hashes % 256).astype(int)), 1)
    return vectors


def pictures(n=120, *, seed=0, alike=0.0):
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (n, 4, 4, 3)) * (1 - alike) + alike * rng.uniform(
        0, 255, (4, 4, 3)
    )
    return np.kron(coarse, np.ones((1, 4, 4, 1))).astype(np.uint8)


def suggest(values, kind, encode, **options):
    embeddings = Embeddings.from_vectors(encode(values))
    return suggest_threshold(values, embeddings, encode=encode, kind=kind, **options)


def test_a_threshold_between_edits_and_look_alikes():
    found = suggest(pictures(), "image", encode_pixels, duplicate_rate=0.1, floor=0.5)
    nearest, _ = look_alike_similarities(
        pictures(), Embeddings.from_vectors(encode_pixels(pictures())), np.random.default_rng(0)
    )
    assert found.threshold > nearest.max()
    assert found.reached
    assert found.precision >= 0.95
    assert found.recall > 0.8
    assert set(found.recall_by_edit) == {"jpeg", "brightness", "resize", "shift"}


def test_look_alikes_raise_the_threshold():
    options = {"duplicate_rate": 0.1, "floor": 0.5}
    far, near = (
        suggest(pictures(alike=share), "image", encode_pixels, **options) for share in (0, 0.7)
    )
    assert near.threshold > far.threshold


def test_no_threshold_is_admitted_where_all_look_alike():
    found = suggest(pictures(alike=0.995), "image", encode_pixels)
    assert not found.reached
    assert "best to be had" in found.reason


def test_true_copies_do_not_raise_the_threshold():
    images = pictures(200)
    copies = np.stack([IMAGE_EDITS["jpeg"](image, np.random.default_rng(0)) for image in images])
    options = {"duplicate_rate": 0.1, "floor": 0.5}
    plain = suggest(images, "image", encode_pixels, **options)
    doubled = suggest(np.concatenate([images, copies[:60]]), "image", encode_pixels, **options)
    assert doubled.set_aside > 0.4
    assert doubled.threshold <= plain.threshold + 0.05


def test_equal_vectors_of_unlike_texts_are_look_alikes():
    texts = [f"word{i}" for i in range(30)]
    same = Embeddings.from_vectors(np.ones((30, 3)))
    nearest, set_aside = look_alike_similarities(texts, same, np.random.default_rng(0))
    assert set_aside == 0
    assert nearest == pytest.approx(1)
    equal, set_aside = look_alike_similarities(["w"] * 30, same, np.random.default_rng(0))
    assert set_aside == 1
    assert len(equal) == 0


def test_texts_and_mirror_images():
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz      "))
    texts = ["".join(rng.choice(letters, 60)) for _ in range(200)]
    found = suggest(texts, "text", encode_text, duplicate_rate=0.1, floor=0.5)
    assert found.recall_by_edit.keys() == TEXT_EDITS.keys()
    assert found.reached
    mirrored = suggest(pictures(40), "image", encode_pixels, mirror=True)
    assert mirrored.recall_by_edit["mirror"] < 0.5


def test_same_seed_gives_the_same_suggestion():
    assert suggest(pictures(), "image", encode_pixels) == suggest(
        pictures(), "image", encode_pixels
    )


@pytest.mark.parametrize("edit", IMAGE_EDITS)
def test_image_edits_change_little_and_keep_the_shape(edit):
    image = pictures(1)[0]
    changed = IMAGE_EDITS[edit](image, np.random.default_rng(0))
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, image)


def test_text_edits_survive_tiny_texts():
    rng = np.random.default_rng(0)
    for edit in TEXT_EDITS.values():
        for text in ("", "a", "two words"):
            assert isinstance(edit(text, rng), str)


def test_bad_options_are_explained():
    with pytest.raises(InputError, match="20 or more"):
        suggest(pictures(5), "image", encode_pixels)
    with pytest.raises(InputError, match="`target_precision` must be between"):
        suggest(pictures(), "image", encode_pixels, target_precision=1)
    with pytest.raises(InputError, match="`kind` must be one of"):
        suggest(pictures(), "sound", encode_pixels)


def test_the_target_is_not_reached_by_setting_look_alikes_aside():
    rng = np.random.default_rng(3)
    products = pictures(60, seed=1)
    # Three editions of each product, about as alike as edited copies of one.
    shift = rng.integers(-40, 41, (3, *products.shape))
    editions = (products + shift).clip(0, 255).astype(np.uint8)
    editions = np.concatenate([*editions, pictures(200, seed=2)])
    options = {"duplicate_rate": 0.1, "floor": 0.5}
    found = suggest(editions, "image", encode_pixels, **options)
    plain = suggest(pictures(200, seed=2), "image", encode_pixels, **options)
    assert plain.reached
    assert found.precision >= 0.95
    assert found.set_aside > 0.4
    assert not found.reached
    assert "counting these, about" in found.reason


def test_chance_lies_between_independent_look_alikes_and_families():
    first, second = np.linspace(0, 1, 1000), np.zeros(1000)
    second[-30:] = first[-30:]
    level = np.array([0.5, 0.9701, 1.1])
    chance = chance_by_families(first, second, level)
    assert chance[0] == pytest.approx((30.25 / 1000) ** (2 / 3))
    assert 0.03 < chance[0] < (2 * 0.03) ** 0.5
    assert chance[1] == pytest.approx(30.5 / 1001, rel=0.04)  # no more than were found
    assert chance[2] == pytest.approx(0.5 / 1001)
