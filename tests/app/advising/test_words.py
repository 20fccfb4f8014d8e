"""TF-IDF without scikit-learn has the weights of scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from thresher.app.advising.words import tfidf

TEXTS = [
    "The card was lost, the CARD was stolen!",
    "a b  a\tb",
    "",
    "Straße und Ünïcode_9 — 3.14 und 42",
    "यह एक परीक्षण है",
    "...",
    "the card",
]
SIGNS = ["!?! ..", "??  ..  !!", "\n\t!", ""]


@pytest.mark.parametrize(
    ("texts", "how"),
    [(TEXTS, {"token_pattern": r"(?u)\b\w+\b"}), (SIGNS, {"analyzer": "char"})],
)
def test_inner_products_are_those_of_scikit_learn(texts, how):
    theirs = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, **how).fit_transform(texts)
    ours = tfidf(texts, most=20_000)
    assert ours.shape == theirs.shape
    # The same terms in another order: sums of float64 differ in their last bits.
    np.testing.assert_allclose(
        (ours @ ours.T).toarray(), (theirs @ theirs.T).toarray(), rtol=0, atol=1e-12
    )


def test_the_terms_that_come_most_often_are_kept():
    # y comes six times, x five, z four; pairs twice at most.
    texts = ["x y", "y x", "z y", "y z", "x", "x x", "z", "y", "y", "z"]
    how = {"token_pattern": r"(?u)\b\w+\b", "max_features": 3, "sublinear_tf": True}
    theirs = TfidfVectorizer(ngram_range=(1, 2), **how).fit_transform(texts)
    ours = tfidf(texts, most=3)
    np.testing.assert_allclose(
        (ours @ ours.T).toarray(), (theirs @ theirs.T).toarray(), rtol=0, atol=1e-12
    )


def test_of_terms_that_come_as_often_the_first_by_spelling_is_kept():
    kept = tfidf(["b", "a", "c"], most=1)
    np.testing.assert_array_equal(kept.toarray(), [[0.0], [1.0], [0.0]])
