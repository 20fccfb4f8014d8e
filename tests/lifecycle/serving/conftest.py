"""Models to serve, small enough that a test takes milliseconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from thresher.core.tokens import HashTokenizer
from training import Cascade, compact_model, export, export_exits, samples_from_arrays, with_exits

CLASSES = ["no", "yes", "perhaps"]
COLUMNS = list("abcdef")


def network(width: int, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return compact_model("mlp", num_classes=3, input_shape=(6,), width=width)


@pytest.fixture(scope="session")
def numbers() -> np.ndarray:
    """Rows of features, float32 (200, 6)."""
    return np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, numbers: np.ndarray) -> Path:
    """A folder of models: two of features, texts, images, a cascade, exits."""
    folder = tmp_path_factory.mktemp("models")
    how = {"kind": "features", "columns": COLUMNS}
    files = [
        export(network(width, seed), folder / name, classes=CLASSES, preprocessing=how, threads=1)
        for name, width, seed in (("small", 8, 0), ("large", 32, 1))
    ]
    targets = np.arange(200) % 3
    rows = samples_from_arrays(numbers, row_ids=np.arange(200).astype(str), targets=targets)
    cascade = Cascade(files, costs=[1.0, 4.0])
    cascade.calibrate(rows, max_drop=0.5)
    cascade.save(folder / "cascade")
    exits = with_exits(network(8), exits=1)
    exits.calibrate(rows, max_drop=0.5)
    export_exits(exits, folder / "exits", classes=CLASSES, preprocessing=how, threads=1)
    tokenizer = HashTokenizer(vocabulary=512, max_tokens=16)
    text = compact_model("hashed_embedding", num_classes=3, input_shape=(16,), vocabulary=512)
    told = {"kind": "text", "tokenizer": tokenizer.to_json()}
    export(text, folder / "text", classes=CLASSES, preprocessing=told)
    image = compact_model("resnet8", num_classes=3, input_shape=(3, 16, 16), width=8)
    told = {"kind": "image", "size": 16, "layout": "NCHW", "dtype": "uint8", "colors": "RGB"}
    export(image, folder / "image", classes=CLASSES, preprocessing=told)
    return folder
