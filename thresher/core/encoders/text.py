"""``builtin:text`` and ``builtin:text-hash``: spelling and wording, without a download.

Words and pairs of words, and characters within words, weighted by TF-IDF (K. Spärck Jones, 1972)
and reduced by a truncated SVD (S. Deerwester et al., "Indexing by Latent Semantic Analysis", 1990;
N. Halko et al., 2011, for the randomized algorithm). Banking77, train to test: 1-NN .82.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Self

import numpy as np
import scipy.sparse as sp
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer

from ..errors import check_count
from ..grid import on_column_grids, on_grid
from ..missing import text_list
from ..text_arrays import packed_texts, unpacked_texts
from .pieces import PieceVectorizer
from .projection import fix_signs
from .protocol import ON_CPU, Values
from .storage import StoredEncoder, not_fitted

VERSION = 2
VOCABULARY = {"word": 16_000, "char_wb": 32_000}
NGRAMS = {"word": (1, 2), "char_wb": (3, 5)}
# Banking77, train to test: 1-NN .822 with three, .821 with five.
POWER_ITERATIONS = 3
# Products of weights and components are exact in float64, see `thresher.core.grid`.
WEIGHT_BITS, COMPONENT_BITS = 24, 12


class TextEncoder:
    """TF-IDF of words (1, 2) and characters in words (3 to 5), projected to 256 dimensions.

    Parameters
    ----------
    dimensions : int
        The most components to keep; few or very short texts give fewer.
    random_state : int
        Of the randomized SVD.
    """

    name = "builtin:text"
    modality = "text"
    image_size = 0
    fit_rows = 50_000
    device = ON_CPU

    def __init__(self, *, dimensions: int = 256, random_state: int = 0) -> None:
        check_count("dimensions", dimensions, low=1)
        self.settings = {"dimensions": dimensions, "random_state": random_state}
        self.vectorizers_: tuple[TfidfVectorizer, ...] = ()
        self.basis_: np.ndarray | None = None

    @property
    def fitted(self) -> bool:
        """Whether `encode` can be called."""
        return self.basis_ is not None

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self._basis().shape[1])

    @property
    def fingerprint(self) -> str:
        """Identifies version, settings and fitted state."""
        return self.stored().fingerprint

    def fit(self, values: Values) -> Self:
        """Learn vocabulary, weights and components from texts."""
        texts = as_texts(values)
        self.vectorizers_ = tuple(
            vectorizer
            for analyzer in VOCABULARY
            if (vectorizer := _fit_vectorizer(texts, analyzer)) is not None
        )
        self.basis_ = _components(self._weigh(texts), **self.settings)
        return self

    def encode(self, values: Values) -> np.ndarray:
        """Encode texts; one without a known word or piece of a word gives zeros."""
        basis = self._basis()
        return np.asarray(self._weigh(as_texts(values)) @ basis.astype(np.float64), np.float32)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write settings, vocabulary, weights and components."""
        self.stored().write(folder)

    @classmethod
    def from_stored(cls, stored: StoredEncoder) -> TextEncoder:
        """Rebuild a saved encoder."""
        stored.check_version(VERSION)
        encoder = cls(**stored.settings)
        encoder.basis_ = stored.arrays["basis"]
        encoder.vectorizers_ = tuple(
            _restore(
                analyzer,
                unpacked_texts(stored.arrays[f"{analyzer}_terms"]),
                stored.arrays[f"{analyzer}_idf"],
            )
            for analyzer in VOCABULARY
            if f"{analyzer}_terms" in stored.arrays
        )
        return encoder

    def _weigh(self, texts: Sequence[str]) -> sp.csr_matrix:
        if not self.vectorizers_ or not texts:
            terms = sum(len(each.vocabulary_) for each in self.vectorizers_)
            return sp.csr_matrix((len(texts), terms))
        weights = sp.hstack([each.transform(texts) for each in self.vectorizers_], format="csr")
        weights.data = on_grid(weights.data, WEIGHT_BITS)
        return weights

    def _basis(self) -> np.ndarray:
        if self.basis_ is None:
            raise not_fitted(self.name)
        return self.basis_

    def stored(self) -> StoredEncoder:
        """Return what identifies the encoder and rebuilds it."""
        arrays = {"basis": self._basis()}
        for each in self.vectorizers_:
            arrays[f"{each.analyzer}_terms"] = packed_texts(each.get_feature_names_out())
            arrays[f"{each.analyzer}_idf"] = each.idf_
        return StoredEncoder(self.name, VERSION, self.settings, arrays)


class TextHashEncoder:
    """Signed hashes of characters in words (3 to 5), unit length; nothing is fitted.

    K. Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009. Better
    than `TextEncoder` at finding copies with typing errors, worse at topics.
    """

    name = "builtin:text-hash"
    modality = "text"
    image_size = 0
    fit_rows = 0
    device = ON_CPU
    fitted = True

    def __init__(self, *, dimensions: int = 512) -> None:
        check_count("dimensions", dimensions, low=1)
        self.dimensions = dimensions

    @property
    def fingerprint(self) -> str:
        """Identifies version and settings."""
        return self.stored().fingerprint

    def fit(self, values: Values) -> Self:  # noqa: ARG002
        """Return self: there is nothing to fit."""
        return self

    def encode(self, values: Values) -> np.ndarray:
        """Encode texts; an empty one gives zeros."""
        texts = as_texts(values)
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        vectorizer = HashingVectorizer(
            analyzer="char_wb",
            ngram_range=NGRAMS["char_wb"],
            n_features=self.dimensions,
            dtype=np.float32,
        )
        return np.asarray(vectorizer.transform(texts).toarray())

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the settings."""
        self.stored().write(folder)

    @classmethod
    def from_stored(cls, stored: StoredEncoder) -> TextHashEncoder:
        """Rebuild a saved encoder."""
        stored.check_version(VERSION)
        return cls(**stored.settings)

    def stored(self) -> StoredEncoder:
        """Return what identifies the encoder and rebuilds it."""
        return StoredEncoder(self.name, VERSION, {"dimensions": self.dimensions})


def as_texts(values: Values) -> list[str]:
    """Return the values as texts, missing ones empty."""
    return text_list("texts", values)


def _vectorizer(analyzer: str, vocabulary: list[str] | None) -> TfidfVectorizer:
    kind = PieceVectorizer if analyzer == "char_wb" else TfidfVectorizer
    return kind(
        analyzer=analyzer,
        ngram_range=NGRAMS[analyzer],
        max_features=None if vocabulary else VOCABULARY[analyzer],
        vocabulary=vocabulary,
        sublinear_tf=True,
    )


def _fit_vectorizer(texts: list[str], analyzer: str) -> TfidfVectorizer | None:
    """Fit TF-IDF, or return None when the texts hold nothing to count."""
    vectorizer = _vectorizer(analyzer, None)
    analyze = vectorizer.build_analyzer()
    if not any(analyze(text) for text in texts):
        return None
    return vectorizer.fit(texts)


def _restore(analyzer: str, terms: np.ndarray, idf: np.ndarray) -> TfidfVectorizer:
    vectorizer = _vectorizer(analyzer, terms.tolist())
    vectorizer.idf_ = idf
    return vectorizer


def _components(weights: sp.csr_matrix, *, dimensions: int, random_state: int) -> np.ndarray:
    """Return the map to the leading components, float32, shape (terms, d), each on a grid.

    Found in float64: processors differ by 1e-12 in an entry, which the grid hides; in float32 by
    2e-4, which none would.
    """
    n, terms = weights.shape
    most = min(dimensions, n, terms)
    if most < dimensions:
        # Too few rows or terms for the randomized algorithm: the rows' own directions, exactly.
        return _exact_components(weights, most)
    svd = TruncatedSVD(dimensions, n_iter=POWER_ITERATIONS, random_state=random_state)
    svd.fit(weights)
    return _on_grids(svd.components_)


def _exact_components(weights: sp.csr_matrix, most: int) -> np.ndarray:
    if most == 0:
        return np.zeros((weights.shape[1], 1), np.float32)
    _, values, directions = np.linalg.svd(weights.toarray(), full_matrices=False)
    kept = np.flatnonzero(values[:most] > 1e-6 * values[0])
    return _on_grids(fix_signs(directions[kept].T).T)


def _on_grids(directions: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(on_column_grids(directions.T, COMPONENT_BITS), np.float32)
