"""Rows that the peers keep: imagehash or SemHash, cleanlab, scikit-activeml."""

from __future__ import annotations

import warnings

import imagehash
import numpy as np
from cleanlab.filter import find_label_issues
from PIL import Image
from semhash import SemHash
from skactiveml.classifier import SklearnClassifier
from skactiveml.pool import UncertaintySampling
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

BITS = 4
THRESHOLD = {"text": 0.9, "features": 0.9995}
FOLDS, ROUNDS, STRENGTH = 5, 5, 20.0


def without_copies(near: np.ndarray, *, modality: str) -> np.ndarray:
    """Return the places of the rows that are no copy of an earlier one."""
    if modality == "image":
        return _unlike(near)
    records = [str(at) for at in range(len(near))]
    index = SemHash.from_embeddings(near, records, model=None)
    found = index.self_deduplicate(threshold=THRESHOLD[modality])
    return np.sort(np.array([int(row) for row in found.selected]))


def _unlike(images: np.ndarray) -> np.ndarray:
    hashes = [imagehash.phash(Image.fromarray(image)).hash.ravel() for image in images]
    packed = np.packbits(np.stack(hashes), axis=1).view(np.uint64)[:, 0]
    kept: list[int] = []
    seen = np.empty(0, np.uint64)
    for at, value in enumerate(packed):
        if not len(seen) or np.bitwise_count(seen ^ value).min() > BITS:
            kept.append(at)
            seen = np.append(seen, value)
    return np.array(kept)


def without_wrong_labels(
    vectors: np.ndarray, codes: np.ndarray, kept: np.ndarray, *, seed: int
) -> np.ndarray:
    """Return the places that cleanlab's default filter does not flag."""
    present, inner = np.unique(codes[kept], return_inverse=True)
    many = np.bincount(inner)[inner] >= FOLDS
    rows, labels = kept[many], np.unique(inner[many], return_inverse=True)[1]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        probs = cross_val_predict(
            _logistic(), vectors[rows], labels, cv=folds, method="predict_proba"
        )
        wrong = find_label_issues(labels, probs, n_jobs=1)
    assert len(present) > 1
    return np.sort(np.concatenate([rows[~wrong], kept[~many]]))


def ask(
    vectors: np.ndarray, codes: np.ndarray, pool: np.ndarray, *, budget: int, seed: int
) -> np.ndarray:
    """Return the places that margin sampling asks for: at random, then in rounds that double."""
    rng = np.random.default_rng(seed)
    known = np.full(len(pool), np.nan)
    known[rng.choice(len(pool), budget >> (ROUNDS - 1), replace=False)] = 0
    known[~np.isnan(known)] = codes[pool][~np.isnan(known)]
    strategy = UncertaintySampling(method="margin_sampling", random_state=seed)
    for number in range(1, ROUNDS):
        count = (budget >> (ROUNDS - 1 - number)) - int((~np.isnan(known)).sum())
        classifier = SklearnClassifier(_logistic(), classes=np.unique(codes), random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picked = strategy.query(vectors[pool], known, clf=classifier, batch_size=count)
        known[picked] = codes[pool][picked]
    return pool[~np.isnan(known)]


def _logistic() -> LogisticRegression:
    return LogisticRegression(C=STRENGTH, max_iter=200)
