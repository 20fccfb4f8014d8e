"""`embed` on arrays, texts and datasets: ids, blanks, batches, samples, errors."""

import io
import subprocess
import sys

import datasets
import numpy as np
import pytest
from PIL import Image

from thresher.core import embed, get_encoder
from thresher.core.encoders import load_encoder
from thresher.core.encoders.automatic import choose_encoder
from thresher.core.errors import InputError
from thresher.core.progress import Silent, reporting

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
TEXTS = [
    f"{a} {b} number {i % 7}" for i in range(10) for a in ("red", "blue") for b in ("cat", "dog")
]
NUMBERS = RNG.normal(size=(40, 5))
CASES = {
    "builtin:image": IMAGES,
    "builtin:text": TEXTS,
    "builtin:text-hash": TEXTS,
    "builtin:features": NUMBERS,
}
for kind, values in {"image": IMAGES, "text": TEXTS}.items():
    if choose_encoder(kind).value != f"builtin:{kind}":  # the weights are installed
        CASES |= {f"meaning:{kind}": values, f"joined:{kind}": values}


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def image_dataset(files: list[bytes]) -> datasets.Dataset:
    columns = {
        "row_id": [f"r{i}" for i in range(len(files))],
        "photo": [{"bytes": file, "path": None} for file in files],
    }
    kinds = {"row_id": datasets.Value("string"), "photo": datasets.Image()}
    return datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))


@pytest.mark.parametrize("name", CASES)
class TestEveryBuiltinEncoder:
    def test_unit_length_and_ids(self, name):
        found = embed(CASES[name], encoder=name, row_ids=np.arange(40) + 100)
        assert found.vectors.dtype == np.float32
        assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)
        assert found.row_ids[0] == "100"
        assert found.encoder == name

    def test_same_bits_in_any_batches_and_order(self, name):
        values = CASES[name]
        whole = embed(values, encoder=name)
        assert np.array_equal(whole.vectors, embed(values, encoder=name, batch_size=7).vectors)
        fitted = get_encoder(name).fit(values)
        straight = fitted.encode(values)
        backwards = values[::-1]
        assert np.array_equal(fitted.encode(backwards)[::-1], straight)
        assert np.array_equal(fitted.encode(values[3:4])[0], straight[3])

    def test_saved_encoder_gives_the_same_space(self, name, tmp_path):
        fitted = get_encoder(name).fit(CASES[name])
        fitted.save(tmp_path / "encoder")
        loaded = load_encoder(tmp_path / "encoder")
        assert loaded.fingerprint == fitted.fingerprint
        assert loaded.dimensions == fitted.dimensions
        assert np.array_equal(loaded.encode(CASES[name]), fitted.encode(CASES[name]))
        by_path = embed(CASES[name], encoder=str(tmp_path / "encoder"))
        assert by_path.fingerprint == fitted.fingerprint

    def test_fingerprint_shows_the_fitted_state(self, name):
        encoder = get_encoder(name)
        first = encoder.fit(CASES[name]).fingerprint
        second = encoder.fit(CASES[name][:20]).fingerprint
        assert (first == second) == (encoder.fit_rows == 0)

    def test_one_row_and_no_rows(self, name):
        one = embed(CASES[name][:1], encoder=name)
        assert np.allclose(np.linalg.norm(one.vectors, axis=1), 1, atol=1e-5)
        fitted = get_encoder(name).fit(CASES[name])
        assert fitted.encode(CASES[name][:0]).shape == (0, fitted.dimensions)
        assert embed(CASES[name][:0], encoder=name).vectors.shape[0] == 0

    def test_equal_rows_have_similarity_one(self, name):
        values = CASES[name]
        equal = values[:1] * 30 if isinstance(values, list) else np.repeat(values[:1], 30, axis=0)
        vectors = embed(equal, encoder=name).vectors
        assert np.allclose(vectors @ vectors.T, 1, atol=1e-5)

    def test_a_fitted_encoder_is_not_fitted_again(self, name):
        fitted = get_encoder(name).fit(CASES[name])
        before = fitted.fingerprint
        assert embed(CASES[name][:5], encoder=fitted).fingerprint == before

    def test_always_on_the_cpu_and_says_so(self, name, monkeypatch):
        lines = []
        listener = Silent()
        monkeypatch.setattr(listener, "message", lines.append)
        with reporting(listener):
            embed(CASES[name], encoder=name, device="cuda")
        assert get_encoder(name).device.value == "cpu"
        assert len([line for line in lines if "runs on the cpu" in line]) == 1


class TestDatasets:
    def test_images_equal_the_array(self):
        data = image_dataset([png(image) for image in IMAGES])
        found = embed(data, batch_size=9)
        assert found.row_ids[:2].tolist() == ["r0", "r1"]
        assert np.array_equal(found.vectors, embed(IMAGES).vectors)

    def test_unreadable_and_blank_images_are_zero(self):
        blank = png(np.full((9, 9, 3), 7, np.uint8))
        files = [png(image) for image in IMAGES]
        found = embed(image_dataset([b"no image", blank, *files]))
        assert not found.vectors[:2].any()
        assert found.vectors[2:].any(axis=1).all()

    def test_selected_rows_keep_their_order(self):
        data = image_dataset([png(image) for image in IMAGES]).select([5, 3, 9, *range(10, 40)])
        fitted = get_encoder("builtin:image").fit(IMAGES)
        found = embed(data, encoder=fitted)
        assert found.row_ids[:3].tolist() == ["r5", "r3", "r9"]
        assert np.array_equal(
            found.vectors, embed(IMAGES, encoder=fitted).vectors[[5, 3, 9, *range(10, 40)]]
        )

    def test_texts_and_numbers(self):
        data = datasets.Dataset.from_dict({"text": [*TEXTS, None], "n": [*range(40), 40]})
        texts = embed(data, column="text")
        assert np.array_equal(texts.vectors, embed([*TEXTS, ""]).vectors)
        assert not texts.vectors[-1].any()
        numbers = np.arange(41, dtype=np.float32)[:, None]
        assert np.array_equal(embed(data, column="n").vectors, embed(numbers).vectors)

    def test_several_number_columns(self):
        data = datasets.Dataset.from_dict({f"c{i}": NUMBERS[:, i] for i in range(5)})
        expected = embed(NUMBERS).vectors
        assert np.array_equal(embed(data).vectors, expected)
        assert np.array_equal(embed(data, column=[f"c{i}" for i in range(5)]).vectors, expected)

    def test_two_texts_must_be_named(self):
        data = datasets.Dataset.from_dict({"title": ["a"], "body": ["b"]})
        with pytest.raises(InputError, match="'title', 'body'"):
            embed(data)

    def test_unknown_column_is_named(self):
        data = datasets.Dataset.from_dict({"title": ["a"]})
        with pytest.raises(InputError, match="Did you mean 'title'"):
            embed(data, column="titel")


def test_the_sample_follows_the_seed(monkeypatch):
    from thresher.core.encoders.image import ImageEncoder

    monkeypatch.setattr(ImageEncoder, "fit_rows", 30)
    first, again, other = (embed(IMAGES, random_state=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.vectors, again.vectors)
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_nan_rows_are_named():
    rows = NUMBERS.copy()
    rows[3, 2] = np.nan
    with pytest.raises(InputError, match="x3"):
        embed(rows, row_ids=np.array([f"x{i}" for i in range(40)]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((3, 4, 5)), "An array must hold"),
        ([1, 2], "A list must hold texts"),
        (np.array(["a", 1.5], object), "A list must hold texts"),
    ],
)
def test_unusable_data(data, message):
    with pytest.raises(InputError, match=message):
        embed(data)


def test_encoder_and_data_must_agree():
    with pytest.raises(InputError, match="takes text values, the data holds image"):
        embed(IMAGES, encoder="builtin:text")


def test_unknown_encoder():
    with pytest.raises(InputError, match="Did you mean 'builtin:image'"):
        get_encoder("builtin:imgae")
    with pytest.raises(InputError, match="must be a name"):
        get_encoder(3)


def test_unfitted_encoder_says_so():
    for name in ("builtin:image", "builtin:text", "builtin:features"):
        with pytest.raises(InputError, match="not fitted"):
            get_encoder(name).encode(CASES[name])


def test_a_state_of_another_version_is_refused(tmp_path):
    get_encoder("builtin:features").fit(NUMBERS).save(tmp_path / "e")
    header = tmp_path / "e" / "encoder.json"
    header.write_text(header.read_text().replace('"version": 1', '"version": 99'))
    with pytest.raises(InputError, match="version 99"):
        load_encoder(tmp_path / "e")


def test_import_is_cheap():
    code = (
        "import sys; from thresher.core.encoders import embed, get_encoder; "
        "heavy = {'torch', 'sklearn', 'datasets', 'cv2', 'transformers'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
