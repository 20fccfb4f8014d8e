"""The built-in encoders against plain reference computations, and on awkward values."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import KNeighborsClassifier

from thresher.core.encoders.color import layout, palette, to_lab
from thresher.core.encoders.features import FeatureEncoder
from thresher.core.encoders.hog import hog
from thresher.core.encoders.image import ImageEncoder, describe, is_constant
from thresher.core.encoders.pieces import PieceVectorizer
from thresher.core.encoders.projection import Projection
from thresher.core.encoders.text import TextEncoder, TextHashEncoder
from thresher.core.errors import InputError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def slow_hog(gray: np.ndarray, cells: int, orientations: int) -> np.ndarray:
    """One image, pixel by pixel."""
    side, width = len(gray), len(gray) / cells
    root = np.pad(np.sqrt(gray.astype(float)), 1, mode="edge")
    grid = np.zeros((cells, cells, orientations))
    for y in range(side):
        for x in range(side):
            across = root[y + 1, x + 2] - root[y + 1, x]
            down = root[y + 2, x + 1] - root[y, x + 1]
            angle = np.arctan2(down, across) / (2 * np.pi) * orientations - 0.5
            low = int(np.floor(angle))
            for bin_, share in ((low, low + 1 - angle), (low + 1, angle - low)):
                for row in range(cells):
                    for column in range(cells):
                        near_y = max(0, 1 - abs(y + 0.5 - (row + 0.5) * width) / width)
                        near_x = max(0, 1 - abs(x + 0.5 - (column + 0.5) * width) / width)
                        weight = share * np.hypot(across, down) * near_y * near_x
                        grid[row, column, bin_ % orientations] += weight
    blocks = []
    for row in range(cells - 1):
        for column in range(cells - 1):
            block = grid[row : row + 2, column : column + 2].ravel()
            blocks.append(block / np.sqrt((block**2).sum() + 1e-2))
    return np.concatenate(blocks)


def test_hog_equals_the_slow_one():
    gray = IMAGES[:2, :16, :16, 0]
    expected = np.stack([slow_hog(image, 4, 12) for image in gray])
    assert np.allclose(hog(gray.astype(np.float32)), expected, atol=1e-4)


def test_layout_equals_opencv_dct():
    lab = to_lab(IMAGES[:3])
    channels = [[cv2.dct(image[..., c])[:8, :8] for c in range(3)] for image in lab]
    waves = np.array(channels).transpose(0, 2, 3, 1).reshape(3, -1)[:, 3:]
    expected = waves / np.linalg.norm(waves, axis=1, keepdims=True)
    assert np.allclose(layout(lab), expected, atol=1e-5)


def test_palette_equals_numpy_histogram():
    hsv = cv2.cvtColor(IMAGES[0], cv2.COLOR_RGB2HSV).reshape(-1, 3)
    edges = (np.arange(9) * 22.5, np.arange(5) * 64, np.arange(5) * 64)
    counts, _ = np.histogramdd(hsv, bins=edges)
    assert np.allclose(palette(IMAGES[:1])[0], np.sqrt(counts.ravel() / 1024), atol=1e-6)


def test_projection_equals_sklearn_pca():
    from sklearn.decomposition import PCA

    features = RNG.normal(size=(200, 40)).astype(np.float32) * np.linspace(1, 5, 40)
    found = Projection.fit(features, widths=(40,), weights=(1.0,), dimensions=20)
    scaled = features / np.sqrt(features.var(axis=0).sum())
    pca = PCA(20, svd_solver="full").fit(scaled)
    expected = pca.transform(scaled) / (pca.explained_variance_ * 199 / 200) ** 0.25
    mapped = found.apply(features.astype(np.float32))
    assert np.allclose(np.abs(mapped), np.abs(expected), atol=1e-3)


def test_fewer_images_than_dimensions():
    assert ImageEncoder().fit(IMAGES).dimensions == 128
    assert ImageEncoder().fit(IMAGES[:40]).dimensions == 39
    assert ImageEncoder(dimensions=32).fit(IMAGES).dimensions == 32


def test_two_images_leave_room_for_a_third():
    vectors = ImageEncoder().fit(IMAGES[:2]).encode(IMAGES[:3])
    assert cosine(vectors[:2], vectors[[2, 2]]).max() < 0.99


def test_constant_images_are_zero_and_not_fitted():
    flat = np.stack([np.full((32, 32, 3), value, np.uint8) for value in (0, 7, 255)])
    mixed = np.concatenate([flat, IMAGES])
    assert is_constant(mixed).sum() == 3
    encoder = ImageEncoder().fit(mixed)
    assert not encoder.encode(flat).any()
    assert encoder.fingerprint == ImageEncoder().fit(IMAGES).fingerprint
    assert not ImageEncoder().fit(flat).encode(flat).any()


def test_gray_and_other_sizes():
    encoder = ImageEncoder().fit(IMAGES)
    gray = IMAGES[:5, ..., 0]
    expected = encoder.encode(np.repeat(gray[..., None], 3, axis=3))
    assert np.array_equal(encoder.encode(gray), expected)
    assert np.array_equal(encoder.encode(gray[..., None]), expected)
    twice = IMAGES[:5].repeat(2, axis=1).repeat(2, axis=2)
    assert np.allclose(encoder.encode(twice), encoder.encode(IMAGES[:5]), atol=1e-5)
    assert encoder.encode(IMAGES[:5, :1, :3]).shape == (5, 128)


def test_recompressed_image_stays_near():
    many = np.stack([cv2.resize(IMAGES[i, :4, :4], (32, 32), interpolation=2) for i in range(200)])
    encoder = ImageEncoder().fit(many)
    copies = np.stack(
        [cv2.imdecode(cv2.imencode(".jpg", image, [1, 60])[1], 1) for image in many[:50]]
    )
    similarity = encoder.encode(copies) @ encoder.encode(many).T
    assert (similarity.argmax(axis=1) == np.arange(50)).all()


@pytest.mark.parametrize(
    "images", [np.zeros((2, 4, 4, 3)), np.zeros((2, 4, 4, 2), np.uint8), np.zeros((4, 4), np.uint8)]
)
def test_images_of_another_kind(images):
    with pytest.raises(InputError, match="Images must be uint8"):
        ImageEncoder().fit(images)


def test_features_before_projection_are_as_wide_as_promised():
    assert describe(IMAGES[:3]).shape == (3, 749)
    assert describe(IMAGES[:0]).shape == (0, 749)


def test_texts_with_common_words_are_near():
    texts = [
        f"{verb} my {noun}" for verb in ("block", "lost", "open") for noun in ("card", "account")
    ]
    encoder = TextEncoder().fit(texts)
    vectors = encoder.encode(["I lost my card", "lost card", "open account"])
    assert cosine(vectors[:1], vectors[1:2])[0] > cosine(vectors[:1], vectors[2:])[0]


@pytest.mark.parametrize("encoder", [TextEncoder(), TextHashEncoder()])
def test_empty_texts_are_zero(encoder):
    vectors = encoder.fit(["a cat", "a dog", ""]).encode(["", "   ", "a cat"])
    assert vectors.any(axis=1).tolist() == [False, False, True]
    assert not encoder.fit(["", ""]).encode(["", ""]).any()


ODD_TEXTS = [
    "Ask the dog; the DOG asks.",
    "a  b\tc\x1cd\u2003e\n a",
    "",
    " \u200b ",
    "\u0130stanbul \u0391\u03a3 \u03a3\u0391\u03a3 stra\u1e9ee",
    "word " * 300,
]


@pytest.mark.parametrize("limit", [None, 40])
def test_pieces_of_words_weigh_what_scikit_learn_says(limit):
    rng = np.random.default_rng(0)
    words = np.array(["asks", "cat", "I", "rain", "\u00fcber", "re-run", "don't", "x1"])
    texts = ODD_TEXTS + [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(60)]
    options = {"analyzer": "char_wb", "ngram_range": (3, 5), "max_features": limit}
    options["sublinear_tf"] = True
    plain, ours = TfidfVectorizer(**options).fit(texts), PieceVectorizer(**options).fit(texts)
    assert ours.vocabulary_ == plain.vocabulary_
    np.testing.assert_array_equal(ours.idf_, plain.idf_)
    unseen = [*texts, "unseen words too", "asks anew"]
    theirs, found = plain.transform(unseen), ours.transform(unseen)
    assert type(found) is type(theirs)
    np.testing.assert_array_equal(found.indptr, theirs.indptr)
    np.testing.assert_array_equal(found.indices, theirs.indices)
    np.testing.assert_array_equal(found.data, theirs.data)


def test_each_word_is_taken_apart_once(monkeypatch):
    taken = []
    apart = TfidfVectorizer._char_wb_ngrams
    monkeypatch.setattr(
        TfidfVectorizer,
        "_char_wb_ngrams",
        lambda self, text: taken.append(text) or apart(self, text),
    )
    PieceVectorizer(analyzer="char_wb").fit(["one two two", "two one", "three"])
    assert sorted(taken) == ["one", "three", "two"]


def test_text_components_equal_the_full_svd():
    from sklearn.decomposition import TruncatedSVD

    texts = [" ".join(RNG.choice(list("abcdefghij"), 6).astype(str)) + " word" for _ in range(60)]
    encoder = TextEncoder(dimensions=10).fit(texts)
    weights = encoder._weigh(texts)
    exact = TruncatedSVD(10, algorithm="arpack", random_state=0).fit_transform(weights)
    vectors = encoder.encode(texts)
    assert np.allclose(vectors @ vectors.T, exact @ exact.T, atol=0.05)


def test_components_of_few_texts_have_one_sign():
    texts = [f"{a} and {b}" for a in ("a card", "late trains", "my account") for b in "xyz"]
    basis = TextEncoder().fit(texts).basis_
    # LAPACK gives either sign, by the processor.
    assert (basis == np.abs(basis).max(axis=0)).any(axis=0).all()


def test_values_that_are_not_text():
    with pytest.raises(InputError, match="got int at position 1"):
        TextEncoder().fit(["a", 1])


def test_features_keep_small_distances_and_drop_constant_columns():
    rows = RNG.normal(size=(500, 3))
    with_constant = np.column_stack([rows[:, 0], np.full(500, 4.0), rows[:, 1:]])
    encoder = FeatureEncoder().fit(with_constant)
    assert encoder.dimensions == 4
    vectors = encoder.encode(with_constant)
    assert np.array_equal(vectors, FeatureEncoder().fit(rows).encode(rows))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)


def test_features_tell_lengths_apart():
    rows = np.concatenate([RNG.normal(size=(500, 2)), [[1, 1], [2, 2], [9, 9], [-9, -9]]])
    near, far, out, opposite = FeatureEncoder().fit(rows).encode(rows)[-4:]
    assert near @ far < 0.95
    assert near @ far > near @ out
    assert out @ opposite < 0.5


def test_one_huge_value_does_not_flatten_its_column():
    rows = RNG.normal(size=(500, 2))
    broken = rows.copy()
    broken[0, 0] = 1e12
    vectors = FeatureEncoder().fit(broken).encode(rows)
    assert np.allclose(vectors, FeatureEncoder().fit(rows).encode(rows), atol=0.05)


def test_features_need_the_fitted_width():
    with pytest.raises(InputError, match="fitted on 3 columns, got 2"):
        FeatureEncoder().fit(RNG.normal(size=(9, 3))).encode(RNG.normal(size=(9, 2)))


def test_digits_nearest_neighbors_beat_plain_distance_or_equal_it():
    inputs, labels = load_digits(return_X_y=True)
    vectors = FeatureEncoder().fit(inputs[:1200]).encode(inputs)
    standard = (inputs - inputs[:1200].mean(0)) / np.maximum(inputs[:1200].std(0), 1e-9)
    ours, plain = (
        KNeighborsClassifier(1).fit(x[:1200], labels[:1200]).score(x[1200:], labels[1200:])
        for x in (vectors, standard)
    )
    assert ours >= plain - 0.01


@pytest.mark.data
def test_cifar10_nearest_neighbors():
    root = os.environ.get("THRESHER_DATA")
    if not root:
        pytest.skip("set THRESHER_DATA to the folder with cifar10_train.parquet")
    import pyarrow.parquet as pq

    def read(name: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
        table = pq.read_table(Path(root) / name, columns=["jpeg", "label"])[:rows]
        files = [np.frombuffer(file, np.uint8) for file in table["jpeg"].to_pylist()]
        images = np.stack([cv2.imdecode(file, 1)[..., ::-1] for file in files])
        return images, table["label"].to_numpy()

    (references, labels), (queries, truth) = (
        read("cifar10_train.parquet", 10_000),
        read("cifar10_test.parquet", 2_000),
    )
    encoder = ImageEncoder().fit(references)
    known, asked = (
        v / np.linalg.norm(v, axis=1, keepdims=True)
        for v in (encoder.encode(references), encoder.encode(queries))
    )
    assert (labels[(asked @ known.T).argmax(axis=1)] == truth).mean() >= 0.49


@pytest.mark.data
def test_banking77_nearest_neighbors():
    root = os.environ.get("THRESHER_DATA")
    if not root:
        pytest.skip("set THRESHER_DATA to the folder with text_classification.parquet")
    import pyarrow.parquet as pq

    table = pq.read_table(Path(root) / "text_classification.parquet").to_pylist()
    rows = [row for row in table if row["dataset"] == "banking77"]
    train, test = ([r for r in rows if r["split"] == split] for split in ("train", "test"))
    texts = [row["text"] for row in train]
    encoder = TextEncoder().fit(texts)
    known, asked = encoder.encode(texts), encoder.encode([row["text"] for row in test])
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    labels = np.array([row["label_name"] for row in train])
    truth = np.array([row["label_name"] for row in test])
    assert (labels[(asked @ known.T).argmax(axis=1)] == truth).mean() >= 0.815
