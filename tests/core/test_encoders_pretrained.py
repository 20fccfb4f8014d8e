"""Loading of pretrained encoders: small stand-ins for the libraries, no network, no weights."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from thresher.core import embed, get_encoder
from thresher.core.encoders import load_encoder
from thresher.core.encoders.from_transformers import as_tensor
from thresher.core.encoders.pretrained import hash_weights, to_pixels
from thresher.core.errors import InputError, MissingExtraError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
TEXTS = ["a cat", "", "a dog"]


class Mean(torch.nn.Module):
    """Stands in for any image model: the mean of each channel, times a weight."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(weight))
        self.visual = SimpleNamespace(image_size=(4, 4), image_mean=(0,) * 3, image_std=(1,) * 3)

    def forward(self, pixels):
        return pixels.mean(dim=(2, 3)) * self.weight

    encode_image = forward

    def encode_text(self, tokens):
        return tokens.float() * self.weight


def fake(monkeypatch, name: str, **attributes) -> None:
    module = ModuleType(name)
    vars(module).update(attributes)
    monkeypatch.setitem(sys.modules, name, module)


def channel_means(images: np.ndarray) -> np.ndarray:
    means = images.mean(axis=(1, 2)) / 255
    return means / np.linalg.norm(means, axis=1, keepdims=True)


@pytest.fixture
def fake_timm(monkeypatch):
    seen = {"weight": 1.0}

    def create_model(name, *, pretrained, num_classes):
        seen.update(name=name, pretrained=pretrained, num_classes=num_classes)
        return Mean(seen["weight"])

    config = {"input_size": (3, 4, 4), "mean": (0, 0, 0), "std": (1, 1, 1)}
    data = SimpleNamespace(resolve_model_data_config=lambda _: config)
    fake(monkeypatch, "timm", create_model=create_model, data=data)
    return seen


def test_timm_by_name_and_folder(fake_timm, tmp_path):
    found = embed(IMAGES, encoder="timm:resnet18", device="cpu")
    assert np.allclose(found.vectors, channel_means(IMAGES), atol=2e-3)
    assert fake_timm == {"name": "resnet18", "pretrained": True, "num_classes": 0, "weight": 1.0}
    there = embed(IMAGES, encoder=f"timm:{tmp_path}", device="cpu")
    assert fake_timm["name"] == f"local-dir:{tmp_path}"
    assert there.fingerprint == found.fingerprint  # the same weights in another place


def test_weights_change_the_fingerprint_and_a_saved_encoder_notices(fake_timm, tmp_path):
    encoder = get_encoder("timm:resnet18", device="cpu")
    encoder.save(tmp_path / "encoder")
    assert load_encoder(tmp_path / "encoder").fingerprint == encoder.fingerprint
    fake_timm["weight"] = 2.0
    assert get_encoder("timm:resnet18").fingerprint != encoder.fingerprint
    with pytest.raises(InputError, match="other weights"):
        load_encoder(tmp_path / "encoder")


def test_open_clip_images_and_texts(monkeypatch):
    seen = []

    def create_model(name, pretrained):
        seen.append((name, pretrained))
        return Mean()

    def tokenizer(texts):
        return torch.tensor([[len(text), 1] for text in texts])

    fake(monkeypatch, "open_clip", create_model=create_model, get_tokenizer=lambda _: tokenizer)
    images = embed(IMAGES, encoder="openclip:ViT-B-32@laion", device="cpu")
    assert np.allclose(images.vectors, channel_means(IMAGES), atol=2e-3)
    texts = embed(TEXTS, encoder="openclip:ViT-B-32@laion", device="cpu")
    assert np.allclose(texts.vectors[0], np.array([5, 1]) / np.sqrt(26))
    assert not texts.vectors[1].any()
    assert seen == [("ViT-B-32", "laion")] * 2
    with pytest.raises(InputError, match="must name weights"):
        get_encoder("openclip:ViT-B-32")


def test_sentence_transformers_folder_stays_off_the_network(monkeypatch, tmp_path):
    seen = []

    class SentenceTransformer(Mean):
        max_seq_length = 16

        def __init__(self, name, *, device, local_files_only):
            super().__init__()
            seen.append((name, device, local_files_only))

        def encode(self, texts, *, batch_size, show_progress_bar):
            assert batch_size > 0
            assert not show_progress_bar
            return np.array([[len(text), 1.0] for text in texts])

    fake(monkeypatch, "sentence_transformers", SentenceTransformer=SentenceTransformer)
    found = embed(TEXTS, encoder=f"st:{tmp_path}", device="cpu")
    assert found.encoder == f"st:{tmp_path}"
    assert not found.vectors[1].any()
    get_encoder("st:all-MiniLM-L6-v2", device="cpu")
    assert seen == [(str(tmp_path), "cpu", True), ("all-MiniLM-L6-v2", "cpu", False)]


def test_model2vec(monkeypatch):
    model = SimpleNamespace(
        embedding=np.eye(2), normalize=True, encode=lambda texts: np.ones((len(texts), 2))
    )
    fake(monkeypatch, "model2vec", StaticModel=SimpleNamespace(from_pretrained=lambda _: model))
    found = embed(TEXTS, encoder="m2v:potion-base-8M")
    assert np.allclose(found.vectors[[0, 2]], np.sqrt(0.5))
    assert get_encoder("m2v:potion-base-8M").device.value == "cpu"


def test_unreachable_name_tells_the_download_and_the_alternative(monkeypatch):
    def from_pretrained(name):
        raise OSError("We couldn't connect to huggingface.co\nand more")

    fake(monkeypatch, "model2vec", StaticModel=SimpleNamespace(from_pretrained=from_pretrained))
    with pytest.raises(InputError) as caught:
        get_encoder("m2v:potion-base-8M")
    text = str(caught.value)
    assert "hf download minishlab/potion-base-8M --local-dir potion-base-8M" in text
    assert "m2v:./potion-base-8M" in text
    assert "builtin:text" in text


def test_broken_folder_does_not_send_to_the_network(monkeypatch, tmp_path):
    def from_pretrained(name):
        raise ValueError("no config.json")

    fake(monkeypatch, "model2vec", StaticModel=SimpleNamespace(from_pretrained=from_pretrained))
    with pytest.raises(InputError, match=r"no config\.json") as caught:
        get_encoder(f"m2v:{tmp_path}")
    assert "hf download" not in str(caught.value)


@pytest.mark.parametrize("prefix", ["st", "hf", "timm", "openclip", "m2v"])
def test_missing_folder(prefix):
    with pytest.raises(InputError, match="There is no folder"):
        get_encoder(f"{prefix}:./not-there")


@pytest.mark.parametrize(
    ("prefix", "module", "extra"),
    [
        ("st", "sentence_transformers", "st"),
        ("hf", "transformers", "hf"),
        ("timm", "timm", "timm"),
        ("m2v", "model2vec", "m2v"),
    ],
)
def test_missing_package_names_the_extra(monkeypatch, prefix, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'thresher\[{extra}\]'"):
        get_encoder(f"{prefix}:name", device="cpu")


def test_a_text_model_refuses_images():
    with pytest.raises(InputError, match="takes text, not image"):
        embed(IMAGES, encoder="st:some-model")


def test_clip_features_of_both_generations():
    tensor = torch.ones(2, 3)
    assert as_tensor(tensor) is tensor
    assert as_tensor(SimpleNamespace(pooler_output=tensor)) is tensor


def test_pixels_equal_the_formula():
    place = get_encoder("builtin:image").device
    pixels = to_pixels(IMAGES, size=8, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4), device=place)
    expected = (IMAGES / 255 - [0.5, 0.4, 0.3]) / [0.2, 0.3, 0.4]
    assert np.allclose(pixels.numpy(), expected.transpose(0, 3, 1, 2), atol=1e-5)


def test_weights_hash_sees_values_and_names():
    first, other = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    assert hash_weights(first) != hash_weights(other)
    other.load_state_dict(first.state_dict())
    assert hash_weights(first) == hash_weights(other)
    assert hash_weights(torch.nn.Sequential(first)) != hash_weights(first)
    assert hash_weights(torch.nn.BatchNorm1d(2).half())


class TestFunctions:
    def test_a_function_on_images(self):
        found = embed(IMAGES, encoder=lambda images: images.mean(axis=(1, 2)))
        assert np.allclose(found.vectors, channel_means(IMAGES), atol=1e-5)
        assert found.encoder.startswith("callable:")

    def test_a_function_that_returns_a_tensor_with_gradients(self):
        def encode(rows):
            return torch.from_numpy(rows).requires_grad_() * 2

        rows = RNG.normal(size=(4, 3))
        expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        assert np.allclose(embed(rows, encoder=encode).vectors, expected, atol=1e-6)

    def test_empty_texts_never_reach_it(self):
        def encode(texts):
            assert all(texts)
            return np.ones((len(texts), 2))

        found = embed(["", " ", "a", ""], encoder=encode, batch_size=2)
        assert found.vectors.any(axis=1).tolist() == [False, False, True, False]

    def test_wrong_shape_is_named(self):
        with pytest.raises(InputError, match=r"one vector a row: got shape \(5,\) for 5 rows"):
            embed(IMAGES, encoder=lambda images: images.mean(axis=(1, 2, 3)))

    def test_another_function_has_another_fingerprint(self):
        def one(rows):
            return rows + 1

        def two(rows):
            return rows * 2

        rows = RNG.normal(size=(4, 3))
        assert embed(rows, encoder=one).fingerprint != embed(rows, encoder=two).fingerprint

    def test_it_cannot_be_saved(self, tmp_path):
        with pytest.raises(InputError, match="cannot be saved"):
            get_encoder(len, modality="text").save(tmp_path / "x")

    def test_modality_must_be_known(self):
        with pytest.raises(InputError, match="Say what the function takes"):
            get_encoder(len)
