"""Text pairs against Jaccard by Python sets; short, long, empty, equal texts."""

import numpy as np
import pytest

from curation.duplicates.texts import graph as text_duplicates
from curation.duplicates.texts import set_join
from curation.duplicates.texts.graph import text_graph
from curation.duplicates.texts.set_join import choose_bands
from curation.duplicates.texts.shingles import character_shingles, normalized, word_shingles
from thresher.core.errors import InputError

VOCABULARY = "the a cat dog bird sat ran on under mat tree hill quick lazy brown old"
WORDS = np.array(VOCABULARY.split(" "))


def corpus(n=150, *, low=3, high=12, seed=0):
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, rng.integers(low, high))) for _ in range(n)]
    for row in range(0, n, 3):
        words = texts[rng.integers(n)].split()
        words[rng.integers(len(words))] = str(rng.choice(WORDS))
        texts[row] = " ".join(words)
    return texts


def sets(texts, n, *, words):
    parts = [text.split() if words else text for text in map(normalized, texts)]
    return [
        {tuple(part[i : i + n]) for i in range(max(1, len(part) - n + 1))} if part else set()
        for part in parts
    ]


def brute(shingles, threshold):
    pairs = {}
    for i, left in enumerate(shingles):
        for j in range(i + 1, len(shingles)):
            both = left | shingles[j]
            if both and (score := len(left & shingles[j]) / len(both)) >= threshold:
                pairs[i, j] = score
    return pairs


def as_pairs(graph):
    first, second, scores = graph.expand().pairs()
    return dict(
        zip(zip(first.tolist(), second.tolist(), strict=True), scores.tolist(), strict=True)
    )


@pytest.mark.parametrize("method", ["exact", "minhash"])
@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_short_texts_equal_brute_force(method, threshold):
    texts = corpus(low=12, high=25)
    graph = text_graph(texts, threshold=threshold, method=method)
    expected = brute(sets(texts, 5, words=False), threshold)
    found = as_pairs(graph)
    assert set(found) <= set(expected)
    assert len(found) >= (1 if method == "exact" else 0.98) * len(expected) > 10
    assert all(found[pair] == pytest.approx(expected[pair]) for pair in found)
    assert graph.exact == (method == "exact")
    assert (graph.recall is None) == graph.exact


@pytest.mark.parametrize("block", [7, 1000])
def test_measured_recall_is_the_share_of_true_pairs_found(block, monkeypatch):
    monkeypatch.setattr(set_join, "choose_bands", lambda _: (2, 6))  # which miss many pairs
    monkeypatch.setattr(text_duplicates, "ROWS_PER_PRODUCT", block)
    texts = list(dict.fromkeys(corpus(low=12, high=25)))  # few enough for all to be sampled
    graph = text_graph(texts, threshold=0.5, method="minhash")
    expected = brute(sets(texts, 5, words=False), 0.5)
    share = len(as_pairs(graph)) / len(expected)
    assert 0.2 < share < 0.98
    assert graph.recall.estimate == pytest.approx(share)
    assert graph.recall.low < share < graph.recall.high


def test_long_texts_are_compared_by_words():
    texts = corpus(40, low=70, high=80)
    expected = brute(sets(texts, 5, words=True), 0.7)
    assert as_pairs(text_graph(texts, threshold=0.7)) == pytest.approx(expected)


def test_a_short_and_a_long_text_can_meet():
    long = " ".join(np.random.default_rng(0).choice(WORDS, 62))
    short = " ".join(long.split()[:57])
    expected = brute(sets([long, short], 5, words=False), 0.8)
    assert as_pairs(text_graph([long, short, "x"], threshold=0.8)) == pytest.approx(expected)


def test_case_and_punctuation_do_not_count():
    graph = text_graph(["Hello,  World!", "hello world", "HELLO — world", "bye"], threshold=0.9)
    assert graph.same_as.tolist() == [0, 0, 0, 3]
    assert graph.pair_count == 3


def test_very_short_texts_match_as_wholes_and_empty_ones_never():
    graph = text_graph(["ok", "OK!", "no", "", "...", ""], threshold=0.5)
    assert as_pairs(graph) == {(0, 1): 1.0}


def test_a_hundred_thousand_equal_texts_take_no_pairs():
    graph = text_graph(["the same text again"] * 100_000 + ["another one"], threshold=0.8)
    assert len(graph.indices) == 0
    assert graph.pair_count == 100_000 * 99_999 // 2


@pytest.mark.parametrize("texts", [[], ["one"], ["", ""]])
def test_tiny_inputs(texts):
    graph = text_graph(texts)
    assert len(graph) == len(texts)
    assert graph.pair_count == 0


def test_bands_catch_pairs_at_the_threshold():
    for threshold in (0.3, 0.5, 0.7, 0.8, 0.9, 0.95):
        bands, rows = choose_bands(threshold)
        assert bands * rows <= 128
        assert 1 - (1 - threshold**rows) ** bands >= 0.99


def test_shingles_equal_python_sets():
    texts = [*map(normalized, corpus(30)), "", "ab"]
    for make, words in ((word_shingles, True), (character_shingles, False)):
        expected = [len(part) for part in sets(texts, 4, words=words)]
        assert make(texts, 4).sizes.tolist() == expected


def test_unknown_method():
    with pytest.raises(InputError, match="Did you mean 'minhash'"):
        text_graph(["a"], method="min_hash")


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_texts_made_by_a_pattern_are_too_many_pairs_and_what_to_do_is_said(monkeypatch, method):
    monkeypatch.setattr(set_join, "MAX_PAIRS", 20)
    texts = [f"please book the usual room for the night of day {at}" for at in range(40)]
    with pytest.raises(
        InputError, match=r"similarity of 0\.5, .*a higher `threshold`, such as 0\.75"
    ):
        text_graph(texts, threshold=0.5, method=method)
    assert text_graph(texts, threshold=0.99, method="exact").pair_count == 0
