"""Claim: integer models are as accurate as their float selves, smaller, faster, as simulated.

Accuracy, for a residual, a depthwise and a text network and three seeds: float; 8 bits as
`quantize` chooses; 4-bit weights calibrated and trained; bits by layer. All files run in ONNX
Runtime, and the top class is compared with the simulation in PyTorch. Speed, for several widths:
float and integer files by turns on one thread (median of ratios, 99 % interval), beside ONNX
Runtime's own static quantization of the same float file and, where they are installed, NNCF and
torchao with Inductor.

Data, in the folder that THRESHER_DATA names: ``cifar10_train.parquet`` and
``cifar10_test.parquet`` (columns ``jpeg``, ``label``; https://www.cs.toronto.edu/~kriz/cifar.html)
and ``text_classification.parquet`` with Banking77 (columns ``dataset``, ``split``, ``text``,
``label_name``; https://github.com/PolyAI-LDN/task-specific-datasets).

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/training_quantization.py --out q.json
Finished parts are kept in FILE.jsonl beside the result and are not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from peers.quantization import PEERS, torchao_call

from augment import Augmenter, policies
from thresher.core.exported.session import open_session
from thresher.core.files import write_json
from thresher.core.images import decode_image
from training import (
    HashTokenizer,
    Samples,
    check_parity,
    compact_model,
    export,
    fit,
    quantize,
    samples_from_arrays,
)
from training.exporting import audit
from training.models import CompactModel
from training.profiling import compare_latency
from training.quantization import QuantizedModel

NETWORKS = {"residual": ("resnet8", 16), "depthwise": ("mobile", 16), "text": ("text_cnn", 64)}
SPEED = ["resnet8:16", "resnet8:32", "resnet8:64", "mobile:16", "mobile:32", "mobile:64"]
SPEED += ["text_cnn:64", "hashed_embedding:32"]
WITH_TORCHAO = "resnet8:32"
PEER = "ONNX Runtime, unsigned activations"
ARMS: dict[str, dict[str, Any]] = {
    "8 bits, auto": {"weight_bits": 8, "method": "auto"},
    "4-bit weights, calibrated": {"weight_bits": 4, "method": "ptq"},
    "4-bit weights, trained": {"weight_bits": 4, "method": "qat"},
    "4 and 8 bits by layer": {"weight_bits": "mixed", "method": "ptq"},
}
HELD_OUT, PARITY_ROWS, BATCHES = 2000, 2000, (1, 64)
Sets = tuple[Samples, Samples, Samples]


def pictures(split: str, rows: int) -> Samples:
    table = pq.read_table(Path(os.environ["THRESHER_DATA"]) / f"cifar10_{split}.parquet")
    table = table.slice(0, rows)
    images = np.stack([decode_image(jpeg) for jpeg in table["jpeg"].to_pylist()])
    ids = np.array([f"{split}-{row}" for row in range(len(images))])
    return samples_from_arrays(images, targets=table["label"].to_numpy(), row_ids=ids)


def texts() -> Sets:
    table = pq.read_table(Path(os.environ["THRESHER_DATA"]) / "text_classification.parquet")
    table = table.filter(pc.field("dataset") == "banking77")
    codes = np.unique(table["label_name"].to_pylist(), return_inverse=True)[1]
    words = HashTokenizer(max_tokens=32, word_ngrams=1, char_ngrams=None)
    rows = words.encode(table["text"].to_pylist())
    samples = samples_from_arrays(rows, row_ids=np.arange(len(rows)).astype(str), targets=codes)
    is_train = np.array(table["split"].to_pylist()) == "train"
    order = np.random.default_rng(0).permutation(np.flatnonzero(is_train))
    parts = order[HELD_OUT:], order[:HELD_OUT], np.flatnonzero(~is_train)
    return tuple(samples.take(part) for part in parts)  # type: ignore[return-value]


def load(kind: str, rows: int, test_rows: int) -> Sets:
    """Return rows to train, to judge while quantizing, and to test."""
    if kind == "text":
        return texts()
    both = pictures("train", rows + HELD_OUT)
    parts = np.arange(rows), np.arange(rows, rows + HELD_OUT)
    return both.take(parts[0]), both.take(parts[1]), pictures("test", test_rows)


def trained(kind: str, sets: Sets, *, seed: int, epochs: int) -> CompactModel:
    name, width = NETWORKS[kind]
    rows = sets[0]
    classes = int(rows.targets.max()) + 1
    model = compact_model(
        name, num_classes=classes, input_shape=rows.input_shape, width=width, random_state=seed
    )
    if kind == "text":
        options: dict[str, Any] = {"optimizer": "adamw", "lr": 4e-3, "weight_decay": 0.1}
        options |= {"label_smoothing": 0.1, "epochs": 2 * epochs}
    else:
        augment = Augmenter(policies.crop_flip(), random_state=seed).for_training()
        options = {"optimizer": "muon", "augment": augment, "ema": 0.99, "epochs": epochs}
    fit(model, rows, random_state=seed, **options)
    return model


def accuracy(path: Path, test: Samples) -> float:
    session = open_session(path, threads=1)
    inputs = test.inputs.contiguous().numpy()
    parts = np.array_split(inputs, max(1, len(inputs) // 256))
    logits = np.concatenate([session.run(None, {"input": part})[0] for part in parts])
    return round(float((logits.argmax(1) == test.targets.numpy()).mean()), 4)


def measure_accuracy(kind: str, sets: Sets, *, seed: int, options: argparse.Namespace) -> dict:
    rows, held_out, test = sets
    start = time.process_time()
    model = trained(kind, sets, seed=seed, epochs=options.epochs)
    found: dict[str, Any] = {"part": "accuracy", "network": kind, "seed": seed, "rows": len(rows)}
    found["train_cpu_s"] = round(time.process_time() - start, 1)
    classes = [str(code) for code in range(int(rows.targets.max()) + 1)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        exact = export(model, folder / "float", classes=classes, threads=1)
        found["float"] = {"accuracy": accuracy(exact.path, test), "bytes": exact.size_bytes}
        for arm, asked in ARMS.items():
            start = time.process_time()
            quantized = quantize(
                model,
                rows,
                validation=held_out,
                epochs=options.qat_epochs,
                random_state=seed,
                **asked,
            )
            spent = time.process_time() - start
            file = export(quantized, folder / arm.replace(" ", "_"), classes=classes, threads=1)
            few = test.take(np.arange(min(PARITY_ROWS, len(test))))
            found[arm] = {
                "accuracy": accuracy(file.path, test),
                "bytes": file.size_bytes,
                "cpu_s": round(spent, 1),
                "agreement": check_parity(file, quantized, few).agreement,
                "choices": {key: str(choice) for key, choice in quantized.choices.items()},
            }
        inputs = rows.take(np.arange(512)).inputs.contiguous().numpy()
        target = peer_file(PEER, exact.path, folder / "peer.onnx", inputs)
        if isinstance(target, Path):
            found[PEER] = {"accuracy": accuracy(target, test), "bytes": target.stat().st_size}
    return found


def measure_speed(text: str, sets: Sets, *, seconds: float) -> dict:
    """Compare with the float file, for an untrained network: weights do not change speed."""
    name, width = text.split(":")
    rows, _, test = sets
    shape = rows.input_shape
    model = compact_model(name, num_classes=10, input_shape=shape, width=int(width)).eval()
    few = rows.take(np.arange(600))
    model.normalize.measure(few.inputs) if hasattr(model.normalize, "measure") else None
    found: dict[str, Any] = {"part": "speed", "network": name, "width": int(width)}
    classes = [str(code) for code in range(10)]
    inputs = test.inputs[:64].contiguous().numpy()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        exact = export(model, folder / "float", classes=classes, threads=1)
        quantized = quantize(model, few.without_targets(), method="ptq")
        assert isinstance(quantized, QuantizedModel)
        ours = export(quantized, folder / "ours", classes=classes, threads=1)
        base = call_of(exact.path)
        found["float_ms"] = {
            size: round(1e3 * min(timed(base, inputs[:size]) for _ in range(50)), 4)
            for size in BATCHES
        }
        calls: dict[str, Callable[..., object]] = {"ours": call_of(ours.path)}
        sizes = {"ours": ours.size_bytes}
        found["operators"] = audit(ours.path).counts
        samples = few.inputs.contiguous().numpy()[:512]
        for peer in PEERS:
            target = peer_file(peer, exact.path, folder / f"{len(calls)}.onnx", samples)
            if not isinstance(target, Path):
                found[peer] = target
                continue
            calls[peer], sizes[peer] = call_of(target), target.stat().st_size
        if text == WITH_TORCHAO:
            calls |= torchao_call(model, few.inputs)
        for label, call in calls.items():
            try:
                found[label] = ratios(base, call, inputs, seconds=seconds)
            except Exception as error:  # ONNX Runtime's exceptions share no public class.
                found[label] = f"does not run: {error}"[:300]
                continue
            if label in sizes:
                found[label]["share_of_bytes"] = round(sizes[label] / exact.size_bytes, 3)
    return found


def peer_file(peer: str, source: Path, target: Path, rows: np.ndarray) -> Path | str:
    """Return the peer's file, or why there is none."""
    try:
        return PEERS[peer](source, target, rows)
    except (ImportError, RuntimeError, ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"[:200]


def call_of(path: Path) -> Callable[[np.ndarray], object]:
    session = open_session(path, threads=1)
    return lambda rows: session.run(None, {"input": rows})


def timed(call: Callable[[np.ndarray], object], rows: np.ndarray) -> float:
    start = time.perf_counter()
    call(rows)
    return time.perf_counter() - start


def ratios(base: Callable, call: Callable, inputs: np.ndarray, *, seconds: float) -> dict:
    found: dict[str, Any] = {}
    for size in BATCHES:
        rows = np.ascontiguousarray(inputs[:size])
        # One thread: its CPU time is its time on an idle machine, which this one may not be.
        ratio = compare_latency(
            lambda: base(rows),  # noqa: B023
            lambda: call(rows),  # noqa: B023
            seconds=seconds,
            clock=time.thread_time,
        )
        found[f"batch {size}"] = [round(value, 2) for value in (ratio.median, *ratio.interval)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training_quantization.json"))
    parser.add_argument("--quick", action="store_true", help="few rows, one network")
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--test-rows", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--qat-epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--speed", nargs="*", default=SPEED)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each pair of latencies")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.test_rows, options.epochs, options.qat_epochs = 2000, 1000, 2, 1
        options.seeds, options.seconds, options.networks = 1, 0.5, ["residual"]
        options.speed = ["resnet8:16"]
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    log = options.out.with_suffix(".jsonl")
    runs = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for key, measure in jobs(options):
        if not any(all(run.get(name) == value for name, value in key.items()) for run in runs):
            runs.append(measure())
            with open(log, "a", encoding="utf-8") as file:
                file.write(json.dumps(runs[-1]) + "\n")
            print(json.dumps(runs[-1], indent=1), flush=True)
    write_json(options.out, {"runs": runs, "versions": versions(), "page": page(runs)})


def jobs(options: argparse.Namespace) -> list[tuple[dict[str, Any], Callable[[], dict]]]:
    """List what is to be measured: its key, and how."""
    found: list[tuple[dict[str, Any], Callable[[], dict]]] = []
    for text in options.speed:
        name, width = text.split(":")
        kind = "image" if name in ("resnet8", "mobile") else "text"
        key = {"part": "speed", "network": name, "width": int(width)}

        def speed(text: str = text, kind: str = kind) -> dict:
            return measure_speed(text, load(kind, 600, 64), seconds=options.seconds)

        found.append((key, speed))
    for seed in range(options.seeds):
        for kind in options.networks:

            def judge(kind: str = kind, seed: int = seed) -> dict:
                sets = load(kind, options.rows, options.test_rows)
                return measure_accuracy(kind, sets, seed=seed, options=options)

            found.append(({"part": "accuracy", "network": kind, "seed": seed}, judge))
    return found


def versions() -> dict[str, str]:
    found = {}
    for name in ("torch", "onnx", "onnxruntime", "numpy", "nncf", "torchao"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def page(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the tables for the documentation."""
    tables = [accuracy_table([run for run in runs if run["part"] == "accuracy"])]
    tables.append(speed_table([run for run in runs if run["part"] == "speed"]))
    listed = ", ".join(f"{name} {number}" for name, number in versions().items())
    return {
        "title": "Integers against floats",
        "note": (
            "CIFAR-10 (6,000 rows to train, all 10,000 to test) and Banking77; small networks, one "
            f"thread; points lost with the number of seeds in brackets. {listed}. Speed is the "
            "ratio of CPU times by turns, 99 % interval. With 16 channels the integer kernel does "
            "half as many sums a second as with 32 or 64, and the first convolution reads three "
            "channels: single rows then gain half, or with depthwise layers nothing. The rows of "
            "4-bit weights are older than the code: the first and the last layer keep 8 bits now, "
            "and training takes other steps (see weights and activations of 4 bits)."
        ),
        "tables": [table for table in tables if table["rows"]],
    }


def accuracy_table(runs: list[dict[str, Any]]) -> dict[str, Any]:
    rows = []
    for kind in dict.fromkeys(run["network"] for run in runs):
        same = [run for run in runs if run["network"] == kind]
        floats = [run["float"]["accuracy"] for run in same]
        rows.append([kind, "float", f"{100 * np.mean(floats):.2f} %", "", "100 %", "", ""])
        for arm in [*ARMS, PEER]:
            having = [run for run in same if arm in run]
            if not having:
                continue
            lost = [100 * (run[arm]["accuracy"] - run["float"]["accuracy"]) for run in having]
            share = np.mean([run[arm]["bytes"] / run["float"]["bytes"] for run in having])
            agreement = [run[arm].get("agreement") for run in having]
            spent = [run[arm].get("cpu_s") for run in having]
            rows.append(
                [
                    kind,
                    arm,
                    f"{np.mean(lost):+.2f}",
                    f"{min(lost):+.2f} to {max(lost):+.2f} ({len(having)})",
                    f"{share:.0%}",
                    "" if None in agreement else f"{100 * min(agreement):.2f} %",
                    "" if None in spent else f"{np.mean(spent):.0f}",
                ]
            )
    header = ["network", "how", "points against float", "seeds", "bytes", "as simulated", "CPU-s"]
    return {"caption": "Accuracy on the test rows, of files in ONNX Runtime", "header": header} | {
        "rows": rows
    }


def speed_table(runs: list[dict[str, Any]]) -> dict[str, Any]:
    rows = []
    for run in sorted(runs, key=lambda run: (run["network"], run["width"])):
        inductor = [key for key in run if "Inductor" in key]
        for label in [key for key in ("ours", *PEERS, *inductor) if key in run]:
            found = run[label]
            if isinstance(found, str):
                rows.append([f"{run['network']} {run['width']}", label, found[:12], "", ""])
                continue
            share = found.get("share_of_bytes")
            cells = [spread(found[f"batch {size}"]) for size in BATCHES]
            bytes_shown = "" if share is None else f"{share:.0%}"
            rows.append([f"{run['network']} {run['width']}", label, *cells, bytes_shown])
    header = ["network, width", "quantized by", "batch 1", "batch 64", "bytes"]
    return {"caption": "Times as fast as the float file", "header": header, "rows": rows}


def spread(ratio: list[float]) -> str:
    median, low, high = ratio
    return f"{median:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
