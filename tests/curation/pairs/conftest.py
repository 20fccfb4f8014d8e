"""Shards of pairs on disk, and a joint space whose distances are known."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def picture(seed: int, *, size: tuple[int, int] = (48, 32), form: str = "PNG") -> bytes:
    """An image file of smooth colors, different for each seed."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    held = io.BytesIO()
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(held, form)
    return held.getvalue()


def write_tar(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def members(key: str, image: bytes, caption: str, **more: object) -> list[tuple[str, bytes]]:
    found = [(f"{key}.png", image), (f"{key}.txt", caption.encode())]
    return found + ([(f"{key}.json", json.dumps(more).encode())] if more else [])


def joint_vectors(
    n: int, *, width: int = 32, noise: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of images and of their captions, of unit length, float32 (n, width) each."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(n, width))
    text = image + noise * rng.normal(size=(n, width))
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (image, text)]
    return unit[0].astype(np.float32), unit[1].astype(np.float32)


def write_onnx_clip(folder: Path) -> tuple[dict[str, int], np.ndarray, np.ndarray]:
    """A CLIP as ONNX files: a text is the sum of its words' vectors, an image its mean color's.

    Returns the words with their places in the table, the table, and the vectors of the channels.
    """
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    tokenizers = pytest.importorskip("tokenizers")
    helper, kind = onnx.helper, onnx.TensorProto
    rng = np.random.default_rng(0)
    words = {"[PAD]": 0, "[UNK]": 1, "a": 2, "red": 3, "kettle": 4, "blue": 5}
    table = rng.normal(size=(len(words), 8)).astype(np.float32)
    table[0] = 0
    colors = rng.normal(size=(3, 8)).astype(np.float32)

    def save(name: str, nodes: list, given: object, output: str, constants: dict) -> None:
        made = [onnx.numpy_helper.from_array(value, label) for label, value in constants.items()]
        ends = helper.make_tensor_value_info(output, kind.FLOAT, ["n", 8])
        graph = helper.make_graph(nodes, "model", [given], [ends], made)
        opset = [helper.make_opsetid("", 18)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / name)

    save(
        "text_model.onnx",
        [
            helper.make_node("Gather", ["table", "input_ids"], ["x"]),
            helper.make_node("ReduceSum", ["x", "axis"], ["text_embeds"], keepdims=0),
        ],
        helper.make_tensor_value_info("input_ids", kind.INT64, ["n", "t"]),
        "text_embeds",
        {"table": table, "axis": np.array([1], np.int64)},
    )
    save(
        "vision_model.onnx",
        [
            helper.make_node("ReduceMean", ["pixel_values", "axes"], ["x"], keepdims=0),
            helper.make_node("MatMul", ["x", "colors"], ["image_embeds"]),
        ],
        helper.make_tensor_value_info("pixel_values", kind.FLOAT, ["n", 3, 16, 16]),
        "image_embeds",
        {"colors": colors, "axes": np.array([2, 3], np.int64)},
    )
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text('{"size": 16}')
    return words, table, colors


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Two tar files of five pairs each, all different."""
    folder = tmp_path / "shards"
    folder.mkdir()
    made = []
    for shard in range(2):
        inside = [
            member
            for place in range(5)
            for member in members(
                f"{place:03d}",
                picture(10 * shard + place),
                f"scene number {'abcde'[place]} of shard {'xy'[shard]} in words",
                uid=f"{shard:016x}{place:016x}",
            )
        ]
        made.append(write_tar(folder / f"{shard:05d}.tar", inside))
    return made
