"""Claim: texts in the order of their lengths, and 8-bit integers, take a fraction of the CPU time.

A random transformer of the size of the usual small encoders (6 layers of 384 numbers, 12 heads) as
an ONNX file, since what it computes takes as long with any weights. Texts: titles, questions and
reviews of several sets, and documents of 2 to 60 of them, so that lengths differ as in a corpus of
web texts; the longest are cut at 512 tokens.

Ways: ONNX Runtime on 64 texts at a time as they come (what encoders usually do), the same in the
order of their lengths (`onnx:FOLDER`), and that in 8 bits (`onnx:FOLDER@int8`). CPU-seconds of one
thread, tokenization counted. The vectors are compared with those of each text alone.

Data: the folder in THRESHER_DATA holds ``text_classification.parquet`` (columns ``dataset``,
``text``).

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/core_embedding_speed.py --out speed.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from thresher.core import get_encoder
from thresher.core.embeddings import unit_length
from thresher.core.encoders import lengths
from thresher.core.files import write_json

LAYERS, WIDTH, HEADS, LONGEST, WORDS = 6, 384, 12, 512, 8000


class Graph:
    """An ONNX graph that grows node by node."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.nodes: list[Any] = []
        self.held: dict[str, Any] = {}

    def constant(self, name: str, value: Any, kind: Any = np.float32) -> str:
        """Hold an array; return its name."""
        self.held[name] = numpy_helper.from_array(np.asarray(value, kind), name)
        return name

    def random(self, name: str, *shape: int) -> str:
        """Hold random weights; return their name."""
        return self.constant(name, self.rng.normal(size=shape) / np.sqrt(shape[0]))

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; return what it gives."""
        output = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output


def write_transformer(folder: Path, texts: list[str]) -> None:
    """Write ``model.onnx`` with random weights and a tokenizer that is learned from the texts."""
    graph = Graph(np.random.default_rng(0))
    table, places = graph.random("table", WORDS, WIDTH), graph.random("places", LONGEST, WIDTH)
    for name, value in (("zero", [0]), ("one", [1]), ("two", [2])):
        graph.constant(name, value, np.int64)
    graph.constant("split", [0, 0, HEADS, WIDTH // HEADS], np.int64)
    graph.constant("joined", [0, 0, WIDTH], np.int64)
    scale = graph.constant("scale", (WIDTH // HEADS) ** -0.5)
    length = graph.add("Shape", "input_ids", start=1, end=2)
    here = graph.add("Slice", places, "zero", length, "zero", "one")
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    hidden = graph.add("Sub", graph.constant("whole", 1.0), mask)
    far = graph.add("Mul", hidden, graph.constant("far", -1e4))
    far = graph.add("Unsqueeze", graph.add("Unsqueeze", far, "one"), "two")
    x = graph.add("Add", graph.add("Gather", table, "input_ids"), here)
    for layer in range(LAYERS):
        x = _layer(graph, x, far, scale, str(layer))
    graph.nodes[-1].output[0] = "last_hidden_state"
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "t"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info(
        "last_hidden_state", TensorProto.FLOAT, ["n", "t", WIDTH]
    )
    made = helper.make_graph(graph.nodes, "model", inputs, [output], list(graph.held.values()))
    opsets = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(made, opset_imports=opsets, ir_version=9), folder / "model.onnx")
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=WORDS, special_tokens=special)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": LONGEST}))


def _layer(graph: Graph, x: str, far: str, scale: str, at: str) -> str:
    ones, zeros = (
        graph.constant(f"g{at}", np.ones(WIDTH)),
        graph.constant(f"b{at}", np.zeros(WIDTH)),
    )
    normal = graph.add("LayerNormalization", x, ones, zeros)
    parts = []
    for name in "qkv":
        product = graph.add("MatMul", normal, graph.random(f"{name}{at}", WIDTH, WIDTH))
        split = graph.add("Reshape", product, "split")
        parts.append(
            graph.add("Transpose", split, perm=[0, 2, 3, 1] if name == "k" else [0, 2, 1, 3])
        )
    scores = graph.add("Mul", graph.add("MatMul", parts[0], parts[1]), scale)
    weights = graph.add("Softmax", graph.add("Add", scores, far), axis=-1)
    seen = graph.add("Transpose", graph.add("MatMul", weights, parts[2]), perm=[0, 2, 1, 3])
    seen = graph.add(
        "MatMul", graph.add("Reshape", seen, "joined"), graph.random(f"o{at}", WIDTH, WIDTH)
    )
    x = graph.add("Add", x, seen)
    normal = graph.add("LayerNormalization", x, ones, zeros)
    wide = graph.add("MatMul", normal, graph.random(f"w{at}", WIDTH, 4 * WIDTH))
    back = graph.add("MatMul", graph.add("Gelu", wide), graph.random(f"n{at}", 4 * WIDTH, WIDTH))
    return graph.add("Add", x, back)


def corpus(folder: Path, n: int) -> list[str]:
    """Return short texts, and documents of several, in an order of chance."""
    rng = np.random.default_rng(0)
    short = pq.read_table(folder / "text_classification.parquet", columns=["text"])[
        "text"
    ].to_pylist()
    made = []
    for _ in range(n):
        pieces = 1 if rng.random() < 0.5 else int(np.exp(rng.uniform(np.log(2), np.log(60))))
        made.append(" ".join(short[at] for at in rng.integers(len(short), size=pieces)))
    return made


def in_their_order(counts: np.ndarray, **_: int) -> Any:
    """Cut texts into batches of 64 as they come."""
    return (np.arange(at, min(at + 64, len(counts))) for at in range(0, len(counts), 64))


def timed(spec: str, texts: list[str]) -> tuple[np.ndarray, float]:
    encoder = get_encoder(spec)
    encoder.encode(texts[:64])
    before = time.process_time()
    found = encoder.encode(texts)
    return unit_length(found), (time.process_time() - before) / len(texts) * 1000


def measure(texts: list[str], rounds: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_transformer(folder, texts)
        sorting = lengths.batches_by_length
        ways = [
            ("64 as they come", f"onnx:{folder}", in_their_order),
            ("by length", f"onnx:{folder}", sorting),
            ("by length, 8 bits", f"onnx:{folder}@int8", sorting),
        ]
        encoder = get_encoder(f"onnx:{folder}")
        some = list(range(0, len(texts), max(1, len(texts) // 100)))
        alone = unit_length(np.concatenate([encoder.encode([texts[at]]) for at in some]))
        found: dict[str, Any] = {}
        for _ in range(rounds):
            for name, spec, batching in ways:
                lengths.batches_by_length = batching
                vectors, seconds = timed(spec, texts)
                lengths.batches_by_length = sorting
                row = found.setdefault(name, {"way": name, "cpu_s": []})
                row["cpu_s"].append(seconds)
                row["cosine"] = float((vectors[some] * alone).sum(axis=1).min())
                row["difference"] = float(np.abs(vectors[some] - alone).max())
        return list(found.values())


def page(found: dict[str, Any]) -> dict[str, Any]:
    """Return the table for the documentation."""
    first = np.median(found["results"][0]["cpu_s"])
    rows = [
        [
            row["way"],
            f"{np.median(row['cpu_s']):.1f} ({min(row['cpu_s']):.1f}–{max(row['cpu_s']):.1f})",
            f"{first / np.median(row['cpu_s']):.1f}",
            f"{row['cosine']:.4f}",
            f"{row['difference']:.0e}",
        ]
        for row in found["results"]
    ]
    header = ["batches", "CPU-s for 1,000 texts", "times as fast", "lowest cosine to each alone",
              "largest difference"]  # fmt: skip
    return {
        "title": "Embedding many texts",
        "note": f"A transformer of {LAYERS} layers of {WIDTH} numbers with random weights in ONNX "
        f"Runtime, one thread, {found['texts']:,} texts of {found['tokens']:.0f} tokens in "
        f"the mean ({found['median']:.0f} in the median), cut at {LONGEST}.",
        "tables": [{"caption": "", "header": header, "rows": rows}],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("core_embedding_speed.json"))
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    texts = corpus(Path(os.environ["THRESHER_DATA"]), options.texts)
    with tempfile.TemporaryDirectory() as place:
        write_transformer(Path(place), texts)
        tokenizer = Tokenizer.from_file(str(Path(place) / "tokenizer.json"))
        tokenizer.enable_truncation(LONGEST)
        counts = [len(each.ids) for each in tokenizer.encode_batch(texts)]
    found: dict[str, Any] = {
        "machine": platform.machine(),
        "texts": len(texts),
        "tokens": float(np.mean(counts)),
        "median": float(np.median(counts)),
        "results": measure(texts, options.rounds),
    }
    print(found, flush=True)
    write_json(options.out, {**found, "page": page(found)})


if __name__ == "__main__":
    main()
