"""A threshold for texts: as high as look-alikes demand, as low as edits allow."""

import datasets
import numpy as np
import pytest

from curation import Curator, find_near_duplicates
from curation.duplicates.planted_edits import TEXT_EDITS
from curation.duplicates.texts.graph import text_graph
from curation.duplicates.texts.likeness import nearest_jaccard, paired_jaccard
from curation.duplicates.texts.thresholds import choose_text_threshold, suggest_text_threshold
from thresher.core.counted import percent
from thresher.core.errors import InputError

RNG = np.random.default_rng(0)
SYLLABLES = np.array([consonant + vowel for consonant in "klmnrstv" for vowel in "ai"])


def word():
    return "".join(RNG.choice(SYLLABLES, RNG.integers(2, 5)))


VOCABULARY = np.array([word() for _ in range(800)])


def sentences(n, *, words=14):
    return [" ".join(RNG.choice(VOCABULARY, words)) for _ in range(n)]


def products(n):
    """Make names that differ in a number alone, the worst case for a low threshold."""
    return [f"washing machine series deluxe model {number:05d}" for number in range(n)]


def test_sentences_allow_a_lower_threshold_than_products():
    plain = suggest_text_threshold(sentences(300))
    alike = suggest_text_threshold(products(300))
    assert plain.threshold < 0.6 < alike.threshold
    assert plain.reached
    assert plain.recall > 0.9 > alike.recall


def test_the_expected_recall_and_precision_hold_on_edits_planted_anew():
    texts, rng = sentences(400), np.random.default_rng(5)
    change = TEXT_EDITS["dropped word"]
    copies = [change(text, rng) for text in texts[:200]]
    suggested = suggest_text_threshold(texts)
    found = find_near_duplicates(text_graph([*texts, *copies], threshold=suggested.threshold))
    pairs = [tuple(sorted(group.tolist())) for group in found.groups()]
    true = sum(pair in {(row, row + 400) for row in range(200)} for pair in pairs)
    assert true / len(pairs) >= suggested.precision - 0.05
    assert true / 200 >= suggested.recall_by_edit["dropped word"] - 0.05


def test_similarities_are_those_of_the_graph():
    texts = [*sentences(20), *sentences(4, words=70), "one two", ""]
    edited = [TEXT_EDITS["typo"](text, np.random.default_rng(1)) for text in texts]
    expected = {}
    first, second, scores = text_graph([*texts, *edited], threshold=0.01).expand().pairs()
    for a, b, score in zip(first.tolist(), second.tolist(), scores.tolist(), strict=True):
        expected[a, b] = score
    n = len(texts)
    paired = paired_jaccard(texts, edited)
    assert paired == pytest.approx([expected.get((row, row + n), 0) for row in range(n)])
    rows = np.arange(n)
    nearest, copied = nearest_jaccard([*texts, *edited], rows, count=1)
    best = [max([s for p, s in expected.items() if row in p], default=0) for row in range(n)]
    assert nearest[:, 0] == pytest.approx(best)
    assert not copied.any()


@pytest.mark.parametrize("count", [1, 3, 50])
def test_the_most_similar_texts_come_first(count):
    texts = [
        f"pay my {['card', 'phone', 'gas'][i % 3]} bill {'now ' * (i % 7)}{i}" for i in range(40)
    ]
    nearest, _ = nearest_jaccard(texts, np.arange(40), count=count)
    for row in range(40):
        others = paired_jaccard([texts[row]] * 39, [*texts[:row], *texts[row + 1 :]])
        expected = np.zeros(count, np.float32)
        expected[: min(count, 39)] = np.sort(others)[::-1][:count]
        np.testing.assert_allclose(nearest[row], expected, rtol=1e-6)


def test_equal_texts_count_as_one():
    nearest, copied = nearest_jaccard(["same words", "Same words!", "other"], np.arange(3), count=2)
    assert copied.tolist() == [True, True, False]
    assert (nearest[:, 1] == 0).all()


def test_too_little_is_refused():
    with pytest.raises(InputError, match="20 texts with words or more, got 2"):
        suggest_text_threshold(["a", "b", "", "..."])
    with pytest.raises(InputError, match="`duplicate_rate` must be between 0 and 1"):
        suggest_text_threshold(sentences(30), duplicate_rate=0)


def editions(n):
    """Make products, each in three editions that differ by a word, with no duplicate among them."""
    names = sentences(n, words=7)
    return [f"{name} {color}" for name in names for color in ("black", "brown", "green")]


def test_rows_that_stand_out_count_when_the_target_is_judged():
    texts = [*editions(100), *sentences(60, words=8)]
    nearest, _ = nearest_jaccard(texts, np.arange(len(texts)), count=50)
    assert ((1 - nearest[:, 0]) < 0.5 * (1 - nearest[:, 1:]).mean(axis=1)).mean() > 0.7
    suggested = suggest_text_threshold(texts)
    assert suggested.threshold > np.median(nearest[:, 0])
    assert suggested.recall < 0.5  # no level that finds most edits is said to be safe
    low = suggest_text_threshold(texts, target_precision=0.5)
    assert low.threshold > 0.7  # nor one where most of what is found are editions


def test_how_many_are_taken_for_copies_is_said():
    texts, rng = sentences(300), np.random.default_rng(3)
    copies = [TEXT_EDITS["dropped word"](text, rng) for text in texts[:60]]
    suggested = suggest_text_threshold([*texts, *copies])
    assert suggested.reached
    assert suggested.set_aside == pytest.approx(120 / 360, abs=0.02)
    assert f"{percent(suggested.set_aside, digits=1)} of rows" in suggested.reason


def test_the_default_threshold_is_chosen_and_held_with_its_reason():
    texts, rng = sentences(300), np.random.default_rng(4)
    texts += [TEXT_EDITS["dropped word"](text, rng) for text in texts[:60]]
    chosen = choose_text_threshold(texts)
    graph = text_graph(texts)
    assert graph.threshold == float(chosen.value) < 0.8
    assert chosen.reason in graph.method
    assert len(graph.pairs()[0]) == 60
    asked = text_graph(texts, threshold=0.8)
    assert asked.threshold == 0.8
    assert "threshold" not in asked.method


def test_few_texts_and_texts_nobody_can_judge_get_the_usual_threshold():
    few = choose_text_threshold(sentences(49))
    assert few.value == "0.8"
    assert "fewer than 50 texts" in few.reason
    wordless = choose_text_threshold(["..."] * 60)
    assert wordless.value == "0.8"
    assert float(choose_text_threshold(products(300)).value) > 0.8


def test_families_of_copies_do_not_raise_the_default():
    texts, rng = sentences(60), np.random.default_rng(7)
    change = TEXT_EDITS["dropped word"]
    texts += [change(text, rng) for _ in range(3) for text in texts[:60]]
    assert float(choose_text_threshold(texts).value) <= 0.8


def test_a_curator_follows_the_same_rule():
    texts, rng = sentences(200), np.random.default_rng(6)
    texts += [TEXT_EDITS["typo"](text, rng) for text in texts[:40]]
    chosen = choose_text_threshold(texts, target_precision=0.95, random_state=0)
    curator = Curator().fit(datasets.Dataset.from_dict({"text": texts}))
    assert curator.threshold_ == float(chosen.value)
    assert chosen.reason in curator.checks_.methods["near_duplicate"]


def test_another_word_for_a_threshold_is_refused():
    with pytest.raises(InputError, match="`threshold` must be a number or 'auto', got 'best'"):
        text_graph(["a", "b"], threshold="best")
