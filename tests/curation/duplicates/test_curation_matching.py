"""Records of two sources are matched one to one, as brute force finds them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from curation import match_records
from thresher.core.errors import InputError

MAKERS = ["acme", "bolt", "corex", "delta", "exxo"]
THINGS = ["speaker", "toaster", "monitor", "camera", "printer", "router"]
COLORS = ["black", "white", "silver"]


def catalog(n: int, seed: int) -> tuple[list[str], list[str]]:
    """Return n products as two shops describe them; look-alikes differ by number and color."""
    rng = np.random.default_rng(seed)
    left, right = [], []
    for _ in range(n):
        maker, thing, color = (str(rng.choice(names)) for names in (MAKERS, THINGS, COLORS))
        number = f"{rng.choice(list('abcdef'))}{rng.integers(1000, 9999)}"
        left.append(f"{maker} {thing} in {color} - {number} | free delivery")
        right.append(f"{thing} {number.upper()} by {maker} {color}, two years guarantee")
    return left, right


def test_all_products_are_found_and_none_twice() -> None:
    left, right = catalog(200, seed=0)
    order = np.random.default_rng(1).permutation(200)
    found = match_records(left, [right[row] for row in order], right_ids=order.astype(str))
    matched = found.matched
    assert matched.mean() > 0.95
    assert (found.left_ids[matched] == found.right_ids[matched]).mean() > 0.98
    assert len(set(found.left_ids)) == len(set(found.right_ids)) == len(found)


def test_products_without_a_counterpart_stay_alone() -> None:
    left, right = catalog(300, seed=2)
    found = match_records(left[:200], right[100:], right_ids=np.arange(100, 300).astype(str))
    right_ones = found.left_ids == found.right_ids
    precision = right_ones[found.matched].mean()
    assert right_ones[found.matched].sum() > 90
    assert precision > 0.9
    assert found.expected_precision == pytest.approx(precision, abs=0.1)


def test_pairs_are_those_of_brute_force() -> None:
    left, right = catalog(60, seed=3)
    right = right[20:]
    weights = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    both = weights.fit_transform([*left, *right]).toarray()
    cosine = both[:60] @ both[60:].T
    expected = {}
    for row in range(60):
        column = int(cosine[row].argmax())
        if cosine[:, column].argmax() == row:
            others = np.append(np.delete(cosine[row], column), np.delete(cosine[:, column], row))
            expected[str(row), str(column)] = cosine[row, column], others.max()
    found = match_records(left, right)
    pairs = list(zip(found.left_ids, found.right_ids, strict=True))
    assert set(pairs) == set(expected)
    similarity, runner_up = np.array([expected[pair] for pair in pairs]).T
    np.testing.assert_allclose(found.similarity, similarity, atol=1e-5)
    np.testing.assert_allclose(found.lead, similarity - runner_up, atol=1e-5)
    assert (np.diff(found.probability) <= 0).all()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = catalog(50, seed=4)
    whole = match_records(left, right)
    monkeypatch.setattr("curation.duplicates.closest_pairs.BLOCK_CELLS", 120)
    parts = match_records(left, right)
    np.testing.assert_array_equal(parts.left_ids, whole.left_ids)
    np.testing.assert_array_equal(parts.right_ids, whole.right_ids)


def test_another_threshold_takes_other_pairs() -> None:
    left, right = catalog(150, seed=5)
    found = match_records(left[:100], right[60:])
    assert found.at(0.99).matched.sum() <= found.at(0.01).matched.sum() <= len(found)
    assert found.at(0).matched.all()
    with pytest.raises(InputError, match="threshold"):
        found.at(1.5)


def test_texts_without_a_word_match_nothing() -> None:
    left, right = catalog(30, seed=6)
    found = match_records([*left, "", "..."], [*right, "", "--"])
    assert not {"30", "31"} & set(found.left_ids[found.matched])


def test_too_few_records_are_refused() -> None:
    left, right = catalog(12, seed=7)
    with pytest.raises(InputError, match="`right` has 9 records"):
        match_records(left, [*right[:9], "", "?"])
    with pytest.raises(InputError, match="left_ids"):
        match_records(left, right, left_ids=np.array(["a"] * 12))


def people(n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    parts = ["ka", "ro", "mi", "tan", "bel", "son", "ler", "vi", "do", "gra", "ste", "wil"]
    names = ["".join(rng.choice(parts, 2)) for _ in range(80)]
    return [
        f"{rng.choice(names)} {rng.choice(names)}, {rng.integers(1, 99)} {rng.choice(names)} street"
        for _ in range(n)
    ]


def mistyped(text: str, rng: np.random.Generator) -> str:
    place = int(rng.integers(len(text) - 1))
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_equally_worded_sources_show_what_wrong_pairs_are_like(share: float) -> None:
    rng = np.random.default_rng(1)
    left, others = people(400, seed=8), people(400, seed=9)
    shared = round(400 * share)
    right = [mistyped(text, rng) for text in left[:shared]] + others[shared:]
    found = match_records(left, right)
    right_ones = found.left_ids == found.right_ids
    right_ones &= found.left_ids.astype(int) < shared
    matches = found.matched
    precision = right_ones[matches].mean()
    assert right_ones[matches].sum() >= 0.8 * shared
    assert precision >= 0.7
    if found.expected_precision is not None:
        assert found.expected_precision == pytest.approx(precision, abs=0.1)


def test_a_precision_that_nothing_shows_is_not_given() -> None:
    left, right = catalog(40, seed=10)
    few = match_records(left, right)
    assert few.expected_precision is None
    assert few.doubt is not None
    assert "pairs are each other's closest" in few.doubt
    left, right = catalog(600, seed=11)
    none = match_records(left[:300], right[300:])
    assert none.expected_precision is None
    assert none.doubt is not None
    sure = match_records(left[:300], right[:300])
    assert sure.doubt is None
    assert sure.expected_precision == pytest.approx(1, abs=0.1)
    assert sure.at(1.0).matched.sum() == 0 or sure.at(1.0).expected_precision == 1.0
