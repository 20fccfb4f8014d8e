"""The real libraries with tiny random models that are built on disk here; nothing is downloaded."""

import json

import numpy as np
import pytest

from thresher.core import embed, get_encoder
from thresher.core.errors import InputError
from thresher.core.progress import Silent, reporting

TEXTS = ["a cat sat", "", "the dog", "a cat"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "sat", "the", "dog"]
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def bert(tmp_path, save_bert):
    return save_bert(tmp_path / "bert", WORDS)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_hf_text_is_the_mean_over_tokens(bert):
    import torch
    import transformers

    found = embed(TEXTS, encoder=f"hf:{bert}", device="cpu")
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    model = transformers.AutoModel.from_pretrained(bert).eval()
    with torch.no_grad():
        for position in (0, 2, 3):
            hidden = model(**tokenizer(TEXTS[position], return_tensors="pt")).last_hidden_state
            expected = unit(hidden.mean(dim=1).numpy())[0]
            assert np.allclose(found.vectors[position], expected, atol=1e-5)
    assert not found.vectors[1].any()


class Told(Silent):
    def __init__(self):
        self.texts = []

    def message(self, text):
        self.texts.append(text)


def test_hf_long_texts_are_cut_and_counted(bert):
    encoder = get_encoder(f"hf:{bert}", modality="text", device="cpu")
    fits = " ".join(["cat"] * 14)  # with two tokens around it
    with reporting(told := Told()):
        found = embed(["a cat " * 50, fits, fits + " sat", "a cat"], encoder=encoder)
    assert found.vectors.shape == (4, 16)
    assert told.texts == ["2 texts were cut at 16 tokens"]
    assert np.allclose(found.vectors[1], found.vectors[2], atol=1e-5)


def test_hf_texts_of_any_lengths_are_as_each_alone(bert):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS[5:], rng.integers(1, 12))) for _ in range(150)]
    encoder = get_encoder(f"hf:{bert}", modality="text", device="cpu")
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5


def test_sentence_transformers_count_what_they_cut(bert, tmp_path):
    library = pytest.importorskip("sentence_transformers", reason="needs thresher[st]")
    library.SentenceTransformer(str(bert)).save(str(tmp_path / "st"))
    texts = ["a cat " * 50, " ".join(["cat"] * 14), "the dog"]
    with reporting(told := Told()):
        embed(texts, encoder=f"st:{tmp_path / 'st'}", device="cpu")
    assert told.texts == ["1 text was cut at 16 tokens"]


def test_hf_unknown_name_offline():
    pytest.importorskip("transformers", reason="needs thresher[hf]")
    with pytest.raises(InputError, match="hf download nobody/nothing --local-dir nothing"):
        get_encoder("hf:nobody/nothing", modality="text", device="cpu")


def save_processor(folder, transformers, *, kind, size):
    settings = {
        "image_processor_type": kind,
        "do_resize": True,
        "size": size,
        "do_center_crop": False,
        "do_normalize": True,
        "do_rescale": True,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))


def test_hf_vit_gives_the_class_token(tmp_path):
    transformers = pytest.importorskip("transformers", reason="needs thresher[hf]")
    import torch

    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=16,
    )
    model = transformers.ViTModel(config).eval()
    model.save_pretrained(tmp_path)
    save_processor(
        tmp_path, transformers, kind="ViTImageProcessor", size={"height": 32, "width": 32}
    )
    encoder = get_encoder(f"hf:{tmp_path}", modality="image", device="cpu")
    assert encoder.image_size == 32
    found = encoder.encode(IMAGES)
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    with torch.no_grad():
        pixels = processor(images=list(IMAGES), return_tensors="pt")["pixel_values"]
        expected = model(pixel_values=pixels).last_hidden_state[:, 0].numpy()
    assert np.allclose(found, expected, atol=1e-5)


def test_hf_clip_images(tmp_path):
    transformers = pytest.importorskip("transformers", reason="needs thresher[hf]")
    import torch

    small = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    config = transformers.CLIPConfig(
        text_config={**small, "vocab_size": 20},
        vision_config={**small, "image_size": 32, "patch_size": 16},
        projection_dim=8,
    )
    model = transformers.CLIPModel(config).eval()
    model.save_pretrained(tmp_path)
    save_processor(tmp_path, transformers, kind="CLIPImageProcessor", size={"shortest_edge": 32})
    found = embed(IMAGES, encoder=f"hf:{tmp_path}", device="cpu")
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    with torch.no_grad():
        pixels = processor(images=list(IMAGES), return_tensors="pt")["pixel_values"]
        pooled = model.vision_model(pixel_values=pixels).pooler_output
        expected = model.visual_projection(pooled).numpy()
    assert np.allclose(found.vectors, unit(expected), atol=1e-5)


def test_sentence_transformers_folder(bert, tmp_path):
    st = pytest.importorskip("sentence_transformers", reason="needs thresher[st]")
    from sentence_transformers import models

    transformer = models.Transformer(str(bert), max_seq_length=16)
    pooling = models.Pooling(16)
    st.SentenceTransformer(modules=[transformer, pooling], device="cpu").save(str(tmp_path / "st"))
    found = embed(TEXTS, encoder=f"st:{tmp_path / 'st'}", device="cpu")
    assert np.allclose(
        found.vectors, embed(TEXTS, encoder=f"hf:{bert}", device="cpu").vectors, atol=1e-5
    )


def test_sentence_transformers_unknown_name_offline():
    pytest.importorskip("sentence_transformers", reason="needs thresher[st]")
    with pytest.raises(InputError, match="hf download sentence-transformers/nothing"):
        get_encoder("st:nothing", device="cpu")


def test_model2vec_folder(tmp_path):
    model2vec = pytest.importorskip("model2vec", reason="needs thresher[m2v]")
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {word: position for position, word in enumerate(WORDS)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    vectors = np.random.default_rng(0).normal(size=(len(WORDS), 8)).astype(np.float32)
    model = model2vec.StaticModel(vectors, tokenizer, normalize=True)
    model.save_pretrained(tmp_path / "m2v")
    found = embed(TEXTS, encoder=f"m2v:{tmp_path / 'm2v'}")
    assert np.allclose(
        found.vectors[[0, 2, 3]], model.encode(["a cat sat", "the dog", "a cat"]), atol=1e-5
    )
    assert not found.vectors[1].any()


def test_model2vec_unknown_name_offline():
    pytest.importorskip("model2vec", reason="needs thresher[m2v]")
    with pytest.raises(InputError, match="hf download minishlab/nothing"):
        get_encoder("m2v:nothing")
