"""Surface and meaning in one vector: what similarity is, how it is weighed, what is kept."""

import io

import datasets
import numpy as np
import pytest
from PIL import Image

from thresher.core.counted import percent
from thresher.core.embeddings import unit_length
from thresher.core.encoders import embed, get_encoder, load_encoder
from thresher.core.encoders.automatic import choose_encoder
from thresher.core.encoders.joined import JoinedEncoder
from thresher.core.encoders.values import open_source, usual_side
from thresher.core.encoders.weighing import Weighing, weigh_by_labels
from thresher.core.progress import Silent, reporting

RNG = np.random.default_rng(0)
needs_weights = pytest.mark.skipif(
    {choose_encoder(kind).value for kind in ("image", "text")} != {"joined:image", "joined:text"},
    reason="needs thresher[encoders]",
)
TEXTS = [
    f"The {a} {b} is {c}."
    for a in ("red", "old", "big")
    for b in ("cat", "car", "bank")
    for c in ("here", "gone", "late", "sold")
]
IMAGES = RNG.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
USUAL = Weighing(0.5, "usual")


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self):
        self.texts = []

    def message(self, text):
        self.texts.append(text)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class TestWeighing:
    """Rows of ten classes; one part knows them, the other is noise."""

    names = np.repeat([f"class {i}" for i in range(10)], 40)
    noise = unit(RNG.normal(size=(400, 32))).astype(np.float32)
    telling = unit(np.repeat(np.eye(32)[:10], 40, axis=0) + 0.9 * noise[::-1]).astype(np.float32)

    def test_the_part_that_tells_labels_counts(self):
        found = weigh_by_labels(self.noise, self.telling, self.names, usual=USUAL)
        assert found.weight in (0.75, 0.95)
        other = weigh_by_labels(self.telling, self.noise, self.names, usual=USUAL)
        assert other.weight in (0.05, 0.25)
        assert "nearest of 400 rows has the same label in" in found.reason

    def test_shares_are_those_of_a_plain_search(self):
        found = weigh_by_labels(self.noise, self.telling, self.names, usual=USUAL)
        similar = 0.75 * self.noise @ self.noise.T + 0.25 * self.telling @ self.telling.T
        np.fill_diagonal(similar, -1)
        share = (self.names[similar.argmax(axis=1)] == self.names).mean()
        assert f"{percent(share, digits=1)} at 25 %" in found.reason

    def test_usual_where_nothing_is_told(self):
        few, one = self.names[:99], np.full(400, "one")
        assert weigh_by_labels(self.noise[:99], self.telling[:99], few, usual=USUAL) is USUAL
        assert weigh_by_labels(self.noise, self.telling, one, usual=USUAL) is USUAL
        assert weigh_by_labels(self.noise, self.telling, None, usual=USUAL) is USUAL
        same = weigh_by_labels(self.telling, self.telling, self.names, usual=USUAL)
        assert same.weight == 0.5

    def test_rows_without_label_do_not_count(self):
        hidden = np.where(np.arange(400) % 2, self.names, "")
        found = weigh_by_labels(self.noise, self.telling, hidden, usual=USUAL)
        assert "nearest of 200 rows" in found.reason


@needs_weights
class TestJoined:
    @pytest.mark.parametrize(("kind", "values"), [("text", TEXTS), ("image", IMAGES)])
    def test_similarity_is_the_weighted_mean_of_both(self, kind, values):
        encoder = JoinedEncoder(modality=kind).fit(values)
        weight = encoder.weighing_.weight
        surface = unit_length(encoder.surface.encode(values))
        meaning = unit_length(encoder.space_.apply(encoder.meaning.encode(values)))
        joined = encoder.encode(values)
        expected = (1 - weight) * surface @ surface.T + weight * meaning @ meaning.T
        assert np.allclose(joined @ joined.T, expected, atol=1e-5)
        assert np.allclose(np.linalg.norm(joined, axis=1), 1, atol=1e-5)

    @pytest.mark.parametrize(("kind", "values"), [("text", TEXTS), ("image", IMAGES)])
    def test_the_surface_is_that_of_the_built_in_encoder(self, kind, values):
        found = embed(values, encoder=(encoder := JoinedEncoder(modality=kind).fit(values)))
        alone = get_encoder(f"builtin:{kind}").fit(values)
        surface = encoder.surface_of(found)
        assert surface.fingerprint == alone.fingerprint
        assert np.allclose(surface.vectors, unit_length(alone.encode(values)), atol=1e-6)

    def test_labels_are_heard(self):
        texts = [f"{what} {i}" for i in range(80) for what in ("I love my kitten", "Rates rose by")]
        labels = np.array(["animals", "money"] * 80)
        heard = Heard()
        with reporting(heard):
            found = embed(texts, labels=labels)
        assert found.encoder == "joined:text"
        (reason,) = [text for text in heard.texts if text.startswith("joined:text: ")]
        assert "nearest of 160 rows has the same label in 100.0 %" in reason
        assert any("encoder: joined:text (surface, and meaning" in text for text in heard.texts)

    def test_strange_languages_lower_the_weight_of_meaning(self):
        strange = [f"Tänään sää on kaunis ja menemme puistoon {i}" for i in range(30)]
        weighing = JoinedEncoder(modality="text").fit(strange).weighing_
        assert weighing.weight < 0.25
        assert "strange to them" in weighing.reason
        assert JoinedEncoder(modality="text").fit(TEXTS).weighing_.weight == 0.5

    def test_rows_without_content(self):
        texts = JoinedEncoder(modality="text").fit([*TEXTS, "", " "])
        assert not texts.encode(["", " \n"]).any()
        black = np.zeros((2, 32, 32, 3), np.uint8)
        images = JoinedEncoder(modality="image").fit(np.concatenate([IMAGES, black]))
        assert not images.encode(black).any()

    @pytest.mark.parametrize("values", [["", ""], ["a"], ["same text"] * 5, [""]])
    def test_hardly_any_texts(self, values):
        vectors = embed(values).vectors
        assert vectors.any() == any(values)
        assert np.isfinite(vectors).all()

    @pytest.mark.parametrize(
        "images", [IMAGES[:1], np.zeros((3, 1, 1, 3), np.uint8), IMAGES[:20, :2]]
    )
    def test_hardly_any_images(self, images):
        vectors = embed(images).vectors
        assert vectors.any() == (images.max() > 0)
        assert np.isfinite(vectors).all()

    def test_small_pictures_are_read_as_they_are(self):
        small, large = JoinedEncoder(modality="image"), JoinedEncoder(modality="image")
        small.fit(IMAGES)
        large.fit(IMAGES.repeat(2, axis=1).repeat(2, axis=2))
        assert (small.image_size, small.meaning.image_size, small.fit_rows) == (32, 96, 20_000)
        assert (large.image_size, large.meaning.image_size, large.fit_rows) == (160, 160, 5_000)

    def test_saved_with_weight_and_size(self, tmp_path):
        encoder = JoinedEncoder(modality="image").fit(IMAGES)
        encoder.save(tmp_path / "encoder")
        loaded = load_encoder(tmp_path / "encoder")
        assert (loaded.image_size, loaded.weighing_) == (32, encoder.weighing_)
        assert np.array_equal(loaded.encode(IMAGES), encoder.encode(IMAGES))


def test_side_of_the_pictures_of_a_dataset():
    def file(width: int, height: int, kind: str) -> bytes:
        out = io.BytesIO()
        Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(out, kind)
        return out.getvalue()

    files = [file(30, 50, "PNG"), file(40, 30, "BMP"), file(300, 200, "JPEG"), b"no picture"]
    columns = {"image": [{"bytes": data, "path": None} for data in files]}
    features = datasets.Features({"image": datasets.Image()})
    data = datasets.Dataset.from_dict(columns, features=features)
    assert usual_side(open_source(data)) == 30
    assert usual_side(open_source(IMAGES)) == 32
    assert usual_side(open_source(["text"])) == 0
