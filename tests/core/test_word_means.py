"""Means of word vectors against the encoder on the same words; exact sums; a full cache."""

from __future__ import annotations

import numpy as np
import pytest

from thresher.core.encoders import shipped, word_means
from thresher.core.encoders.meaning_text import token_sums
from thresher.core.encoders.word_means import WordMeans
from thresher.core.word_hashes import hash_words

LACKING = shipped.lacking((shipped.TOKEN_VECTORS, shipped.TOKENS), runtime=("tokenizers",))
pytestmark = pytest.mark.skipif(bool(LACKING), reason=f"{LACKING}; {shipped.INSTALL}")

TEXTS = ["The red car stops.", "a red CAR", "", "Größe der Kessel", "the the car", "stops, car!"]


def test_sums_are_those_of_the_words() -> None:
    found = WordMeans().sums(hash_words(TEXTS))
    for text, row in zip(TEXTS, found, strict=True):
        words = [word.strip(".,!").casefold() for word in text.split()]
        expected = token_sums(words).sum(axis=0) if words else np.zeros(256)
        assert row == pytest.approx(expected, abs=1e-3 * max(1, len(words)))


def test_vectors_have_unit_length_and_like_texts_are_close() -> None:
    vectors = WordMeans().encode(TEXTS)
    lengths = np.linalg.norm(vectors, axis=1)
    assert lengths == pytest.approx(np.array([1, 1, 0, 1, 1, 1]), abs=5e-3)
    assert vectors[0] @ vectors[1] > 0.6 > vectors[0] @ vectors[3]


def test_the_same_bits_in_any_order_and_with_a_full_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = WordMeans().encode(TEXTS)
    kept = WordMeans()
    one_by_one = np.concatenate([kept.encode([text]) for text in TEXTS[::-1]])[::-1]
    assert np.array_equal(whole, one_by_one)
    monkeypatch.setattr(word_means, "_MOST_WORDS", 3)
    small = WordMeans()
    assert np.array_equal(whole, np.concatenate([small.encode([text]) for text in TEXTS]))


def test_words_are_met_again_whatever_their_hashes() -> None:
    words = [f"word{number}" for number in range(20)]
    assert (hash_words(words).hashes > 2**63).any()
    for word in words:
        means = WordMeans()
        first = means.encode([word])
        assert np.array_equal(means.encode([word, "car"])[:1], first)
