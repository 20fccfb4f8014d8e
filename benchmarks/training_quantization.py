"""Claim: an exported int8 model is as accurate as its float self, smaller, faster, as simulated.

The peer is ONNX Runtime's own static quantization of the same float file. For each network:
accuracy on the test rows, bytes of the ONNX file, time at batch 1 and 64 as a ratio to the float
file (by turns on one thread, median and 99 % interval), top-1 agreement of the exported file with
the torch simulation, and how many convolutions and matrix products really run on integers.

Data: the folder in THRESHER_DATA holds ``cifar10_train.parquet`` and ``cifar10_test.parquet``
(columns ``jpeg`` and ``label``; https://www.cs.toronto.edu/~kriz/cifar.html).

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/training_quantization.py --out q.json
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import nn

from augment import policies
from augment.augmenter import Augmenter
from thresher.core.errors import InputError
from thresher.core.files import write_json
from thresher.core.images import decode_image
from training import check_parity, compact_model, evaluate, export, fit, quantize
from training.exporting import ExportedModel, audit
from training.exporting.runtime import open_session
from training.profiling import compare_latency
from training.samples import Samples, samples_from_arrays

CLASSES = [str(code) for code in range(10)]
BATCH_SIZES = (1, 64)


def read(split: str, rows: int) -> Samples:
    """Read the first rows of one split."""
    folder = os.environ.get("THRESHER_DATA")
    if folder is None:
        raise InputError("Set THRESHER_DATA to the folder that holds the data.")
    table = pq.read_table(Path(folder) / f"cifar10_{split}.parquet").slice(0, rows)
    images = np.stack([decode_image(jpeg.as_py()) for jpeg in table["jpeg"]])
    labels = table["label"].to_numpy().astype(np.int64)
    ids = np.array([f"{split}-{row}" for row in range(len(images))])
    return samples_from_arrays(images, targets=labels, row_ids=ids)


def quantized_models(
    model: nn.Module, rows: Samples, *, weight_bits: int, epochs: int, seed: int
) -> dict[str, tuple[Any, float]]:
    """Quantize with calibration alone and with training; each with its CPU-seconds."""
    found = {}
    for method in ("ptq", "qat"):
        start = time.process_time()
        quantized = quantize(
            model,
            rows,
            method=method,
            weight_bits=weight_bits,
            epochs=epochs,
            device="cpu",
            random_state=seed,
        )
        found[f"w{weight_bits} {method}"] = (quantized, time.process_time() - start)
    return found


def peer_files(source: Path, folder: Path, rows: Samples) -> dict[str, Path]:
    """Quantize the float file with ONNX Runtime: default arguments, and unsigned activations."""
    from onnxruntime.quantization import QuantFormat, QuantType, quant_pre_process, quantize_static

    prepared = folder / "prepared.onnx"
    quant_pre_process(str(source), str(prepared))
    calibration = rows.take(np.linspace(0, len(rows) - 1, 512).astype(np.int64)).inputs.numpy()

    class Reader:
        def __init__(self) -> None:
            self.parts = iter(np.array_split(calibration, 8))

        def get_next(self) -> dict[str, np.ndarray] | None:
            part = next(self.parts, None)
            return None if part is None else {"input": part}

    found = {}
    for name, options in (
        ("onnxruntime default", {}),
        ("onnxruntime QUInt8", {"activation_type": QuantType.QUInt8, "per_channel": True}),
    ):
        target = folder / f"{name.replace(' ', '_')}.onnx"
        quantize_static(
            str(prepared), str(target), Reader(), quant_format=QuantFormat.QDQ, **options
        )
        found[name] = target
    return found


def session_logits(session: Any, inputs: np.ndarray) -> np.ndarray:
    """Logits of all rows."""
    parts = np.array_split(inputs, max(1, len(inputs) // 256))
    return np.concatenate([session.run(None, {"input": part})[0] for part in parts])


def speed(path: Path, reference: Path, inputs: np.ndarray, *, seconds: float) -> dict[str, Any]:
    """How many times faster than the reference, by turns on one thread."""
    ours, theirs = (open_session(file, threads=1) for file in (path, reference))
    found = {}
    for size in BATCH_SIZES:
        rows = {"input": np.ascontiguousarray(inputs[:size])}
        ratio = compare_latency(
            lambda rows=rows: theirs.run(None, rows),
            lambda rows=rows: ours.run(None, rows),
            seconds=seconds,
        )
        found[f"times_faster_batch_{size}"] = {
            "median": round(ratio.median, 3),
            "interval": [round(bound, 3) for bound in ratio.interval],
        }
    return found


def describe(path: Path, reference: Path, test: Samples, *, seconds: float) -> dict[str, Any]:
    """Accuracy, bytes, operators and speed of one file."""
    inputs = test.inputs.contiguous().numpy()
    logits = session_logits(open_session(path, threads=1), inputs)
    operators = audit(path)
    return {
        "accuracy": round(float((logits.argmax(1) == test.targets.numpy()).mean()), 4),
        "bytes": path.stat().st_size,
        "share_of_float_bytes": round(path.stat().st_size / reference.stat().st_size, 3),
        "integer_operators": operators.integer,
        "float_operators": operators.floating,
        **speed(path, reference, inputs, seconds=seconds),
    }


def run_one(
    name: str, width: int, sets: tuple[Samples, Samples], options: argparse.Namespace, seed: int
) -> dict[str, Any]:
    """Train one float network, quantize it in all ways, and measure the files."""
    rows, test = sets
    model = compact_model(
        name, num_classes=10, input_shape=rows.input_shape, width=width, random_state=seed
    )
    augment = Augmenter(policies.standard(), random_state=seed).for_training()
    fit(model, rows, epochs=options.epochs, augment=augment, device="cpu", random_state=seed)
    found: dict[str, Any] = {"network": name, "width": width, "seed": seed, "files": {}}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        exact = export(model, folder / "float", classes=CLASSES, threads=1)
        found["files"]["float"] = describe(exact.path, exact.path, test, seconds=options.seconds)
        for bits in (8, 4):
            models = quantized_models(
                model, rows, weight_bits=bits, epochs=options.qat_epochs, seed=seed
            )
            for label, (quantized, cpu_s) in models.items():
                file = export(quantized, folder / label, classes=CLASSES, threads=1)
                found["files"][label] = describe_ours(file, exact, quantized, test, options)
                found["files"][label]["quantize_cpu_s"] = round(cpu_s, 1)
        for label, path in peer_files(exact.path, folder, rows).items():
            found["files"][label] = describe(path, exact.path, test, seconds=options.seconds)
    return found


def describe_ours(
    file: ExportedModel,
    exact: ExportedModel,
    quantized: Any,
    test: Samples,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """As `describe`, with the agreement of file and simulation, and what `quantize` says."""
    parity = check_parity(file, quantized, test)
    return {
        **describe(file.path, exact.path, test, seconds=options.seconds),
        "simulated_accuracy": round(evaluate(quantized, test, device="cpu").accuracy, 4),
        "agreement_with_simulation": parity.agreement,
        "kept": str(quantized.choices["method"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    parser.add_argument("--quick", action="store_true", help="few rows, one small network")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--test-rows", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--qat-epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each pair of latencies")
    options = parser.parse_args()
    networks = [("resnet8", 16), ("resnet8", 32), ("mobile", 16)]
    if options.quick:
        options.rows, options.test_rows, options.epochs, options.qat_epochs = 2000, 1000, 2, 1
        options.seeds, options.seconds, networks = 1, 0.5, networks[:1]
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    sets = read("train", options.rows), read("test", options.test_rows)
    results = []
    for name, width in networks:
        for seed in range(options.seeds):
            results.append(run_one(name, width, sets, options, seed))
            show(results[-1])
    if options.out:
        versions = {name: version(name) for name in ("torch", "onnx", "onnxruntime", "numpy")}
        write_json(
            options.out,
            {
                "machine": platform.processor() or platform.machine(),
                "versions": versions,
                "rows": options.rows,
                "test_rows": options.test_rows,
                "epochs": options.epochs,
                "results": results,
            },
        )


def show(result: dict[str, Any]) -> None:
    """Print one network's table."""
    print(f"{result['network']} width {result['width']} seed {result['seed']}")
    for label, file in result["files"].items():
        faster = [file[f"times_faster_batch_{size}"]["median"] for size in BATCH_SIZES]
        agreement = file.get("agreement_with_simulation")
        print(
            f"  {label:20s} accuracy {file['accuracy']:.4f}  {file['bytes'] / 1e3:7.1f} KB"
            f" ({file['share_of_float_bytes']:.1%})  {faster[0]:.2f}x at 1, {faster[1]:.2f}x at 64"
            f"  integer {file['integer_operators']}, float {file['float_operators']}"
            + (f"  agreement {agreement:.2%}" if agreement is not None else "")
        )


if __name__ == "__main__":
    main()
