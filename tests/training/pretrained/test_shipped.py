"""EfficientNet-Lite0 with shipped weights: what it sees, in floats, in integers and in files."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images

from thresher.core.encoders import shipped
from thresher.core.encoders.image import as_images
from thresher.core.encoders.meaning_image import ImageMeaningEncoder
from thresher.core.errors import InputError, MissingExtraError
from training import TrainingRun, check_parity, export, quantize, samples_from_arrays
from training.pretrained.linear_head import fit_head
from training.pretrained.shipped import put_head, shipped_model, vectors_of

needs_weights = pytest.mark.skipif(
    find_spec(shipped.LITE0.module) is None, reason="needs thresher[encoders]"
)
SIDE = 96


def photographs(side: int) -> np.ndarray:
    parts = [
        image[top : top + 200, left : left + 200]
        for image in load_sample_images().images
        for top in (0, 110, 220)
        for left in (0, 140, 280, 420)
    ]
    return as_images(np.stack(parts), size=side)


@needs_weights
def test_its_vectors_are_those_of_the_encoder():
    images = photographs(96)
    inputs = samples_from_arrays(images, row_ids=np.arange(24).astype(str)).inputs
    found = vectors_of(shipped_model(num_classes=2, side=96), inputs, device="cpu")
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    assert ((found * ImageMeaningEncoder(side=96).encode(images)).sum(1)).mean() > 0.95


@needs_weights
def test_head_and_body_are_one_network_in_files_too(tmp_path):
    codes = np.repeat([0, 1], 12)  # a temple and a flower
    rows = samples_from_arrays(photographs(SIDE), row_ids=np.arange(24).astype(str), targets=codes)
    model = shipped_model(num_classes=2, side=SIDE).eval()
    vectors = vectors_of(model, rows.inputs, device="cpu")
    head = fit_head(vectors, codes, num_classes=2, keys=np.arange(24).astype(np.uint64))
    put_head(model, head)
    with torch.inference_mode():
        logits = model(rows.inputs).numpy()
    assert np.allclose(logits, head.logits(vectors), atol=1e-2)
    assert (logits.argmax(1) == codes).all()
    run = TrainingRun(model, [], {}, 1.0, 24, 0.0, 0)
    run.save(tmp_path / "run")
    again = TrainingRun.load(tmp_path / "run").model
    integers = quantize(again, rows, method="ptq", validation=rows, device="cpu")
    names = ["temple", "flower"]
    file = export(integers, tmp_path / "int8", classes=names, threads=1)
    assert file.fused.floating == 0
    assert file.size_bytes < 4e6
    assert file.input_spec.shape == (3, SIDE, SIDE)
    assert check_parity(file, integers, rows).agreement == 1
    assert file.predict_classes(rows.inputs).tolist() == [names[code] for code in codes]


@needs_weights
def test_other_sizes_are_refused():
    model = shipped_model(num_classes=2, side=SIDE)
    with pytest.raises(InputError, match=r"takes images of shape \(3, 96, 96\)"):
        vectors_of(model, torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
    with pytest.raises(InputError, match="`side` must be at least 32"):
        shipped_model(num_classes=2, side=16)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(shipped, "_path", lambda _file: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'thresher\[encoders\]'"):
        shipped_model(num_classes=2)
