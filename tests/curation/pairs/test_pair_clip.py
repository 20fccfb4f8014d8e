"""A tiny random CLIP in the real library scores pairs, and an ONNX one does without PyTorch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from curation.pairs import score_pairs
from thresher.core.images import decode_image, fit_square
from thresher.core.progress import Silent, reporting

from .conftest import members, picture, write_onnx_clip, write_tar


class Told(Silent):
    def __init__(self):
        self.texts = []

    def message(self, text):
        self.texts.append(text)


def write_clip(folder: Path) -> Path:
    """A CLIP of one layer on each side, with random weights, as open_clip stores one."""
    open_clip = pytest.importorskip("open_clip", reason="needs thresher[openclip]")
    torch = pytest.importorskip("torch")
    told = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16,
                       "patch_size": 16},
        "text_cfg": {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2,
                     "layers": 1},
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.CLIP(**told)
    folder.mkdir()
    config = {"model_cfg": told, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_a_clip_in_a_folder_gives_its_own_cosines(tmp_path, executor):
    folder = write_clip(tmp_path / "clip")
    import open_clip
    import torch

    captions = ["a red kettle", "a blue chair by the wall", "word " * 40]
    inside = [m for at, text in enumerate(captions) for m in members(f"{at}", picture(at), text)]
    path = write_tar(tmp_path / "a.tar", inside)
    with reporting(told := Told()):
        scores = score_pairs(
            [path], tmp_path / "work", encoder=f"openclip:{folder}", executor=executor, workers=1
        )
    assert told.texts == ["1 text was cut at 20 tokens in 1 file"]
    model = open_clip.create_model(f"local-dir:{folder}").eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(captions)
    squares = np.stack([fit_square(decode_image(picture(at)), 32) for at in range(3)])
    pixels = torch.tensor((squares.transpose(0, 3, 1, 2) / 255 - 0.5) / 0.5, dtype=torch.float32)
    with torch.no_grad():
        image = model.encode_image(pixels, normalize=True).numpy()
        text = model.encode_text(tokens, normalize=True).numpy()
    assert np.allclose(scores.numbers("similarity"), (image * text).sum(axis=1), atol=1e-5)
    assert scores.text is not None
    assert np.allclose(scores.text.read(0, 3), text, atol=2e-3)  # stored in half precision


def test_an_onnx_clip_scores_pairs(tmp_path):
    words, table, colors = write_onnx_clip(tmp_path)
    captions = ["a red kettle", "a blue kettle", "blue"]
    inside = [m for at, text in enumerate(captions) for m in members(f"{at}", picture(at), text)]
    path = write_tar(tmp_path / "a.tar", inside)
    encoder = f"onnx:{tmp_path}"
    scores = score_pairs([path], tmp_path / "work", encoder=encoder)
    apart = score_pairs(
        [path], tmp_path / "apart", encoder=encoder, executor="processes", workers=1
    )
    assert apart.table.equals(scores.table)
    for row, caption in enumerate(captions):
        square = fit_square(decode_image(picture(row)), 16) / 255
        image = ((square - 0.5) / 0.5).mean(axis=(0, 1)) @ colors
        text = table[[words[word] for word in caption.split()]].sum(axis=0)
        cosine = image @ text / np.linalg.norm(image) / np.linalg.norm(text)
        assert abs(scores.numbers("similarity")[row] - cosine) < 1e-5
