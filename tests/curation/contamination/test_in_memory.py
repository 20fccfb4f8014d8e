"""Contamination of texts in memory: shares, twins and sources against plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from curation import find_contamination


def test_contamination_by_ngrams():
    train = ["x y z a b c d e f g", "nothing here", "short one"]
    test = ["Z a b, c D e q", "Short one!", "short", "fresh words only in this", ""]
    found = find_contamination(test, train, n=4, threshold=0.5)
    assert found.share == pytest.approx([3 / 4, 1, 0, 0, 0])
    assert found.twin.tolist() == [0, 2, -1, -1, -1]
    assert [issue.twin for issue in found.to_issues()] == ["0", "2"]
    assert not find_contamination(test, [], n=4).contaminated.any()
    assert found.sources.tolist() == [0, -1, 1]
    assert found.source_share == pytest.approx([3 / 4, 0, 1])
    assert [issue.row_id for issue in found.source_issues()] == ["0", "2"]


def test_without_its_sources_no_text_is_contaminated():
    rng = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(40)])
    test = [" ".join(rng.choice(words, 12)) for _ in range(30)]
    train = [" ".join(rng.choice(words, 5)) for _ in range(50)]
    for text in test[:20]:  # whole, in halves, and in parts that only together say enough
        parts = text.split()
        cut = int(rng.integers(3, 10))
        train += [text] if cut == 3 else [" ".join(parts[:cut]), " ".join(parts[cut - 2 :])]
    for threshold in (0.3, 0.5, 0.8, 1.0):
        found = find_contamination(test, train, n=3, threshold=threshold)
        left = [text for text, source in zip(train, found.sources, strict=True) if source < 0]
        assert found.contaminated.sum() >= 2
        assert len(left) >= 45  # and little beside what holds them goes
        assert not find_contamination(test, left, n=3, threshold=threshold).contaminated.any()


def test_shares_are_those_of_python_sets():
    rng = np.random.default_rng(1)
    words = np.array([f"w{i}" for i in range(6)])
    test = [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(60)]
    train = [" ".join(rng.choice(words, rng.integers(1, 30))) for _ in range(40)]
    found = find_contamination(test, train, n=4, threshold=0.5)

    def grams(text: str) -> set[tuple[str, ...]]:
        parts = text.split()
        return {tuple(parts[at : at + 4]) for at in range(max(1, len(parts) - 3))}

    known = set().union(*map(grams, train))
    expected = [len(grams(text) & known) / len(grams(text)) for text in test]
    assert found.share == pytest.approx(expected)
    assert (found.twin >= 0).tolist() == [share > 0 for share in expected]
    for text, twin in zip(test, found.twin.tolist(), strict=True):
        assert twin < 0 or grams(text) & grams(train[twin])
