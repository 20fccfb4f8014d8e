"""Claim: integer files give the same answers on every processor, at no cost in accuracy or time.

Small networks of every family are trained and made integer: calibrated and trained, with 8, 4 and
mixed bits, with weights within ±64 (the default) and with whole 8 bits (±127). Each file runs in
ONNX Runtime on this machine and, where ``qemu-x86_64`` is installed, as on a Haswell, which has
AVX2 and nothing newer: its kernels add in 16 bits. Beside it: the class and the logits of the
simulation (a step is a 255th of their range), accuracy of float, simulation and file, and the time
of the files by turns on one thread (CPU time; ratio of medians, 99 % interval).

Data, in the folder that THRESHER_DATA names: as for ``training_quantization.py``, and
scikit-learn's digits.

Run: THRESHER_DATA=… OMP_NUM_THREADS=1 python benchmarks/training_portability.py --out p.json
Finished parts are kept in FILE.jsonl beside the result and are not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from training_quantization import accuracy, call_of, pictures, ratios, texts, versions

from thresher.core.cpu import instruction_sets
from thresher.core.files import write_json
from training import Samples, compact_model, export, fit, quantize, samples_from_arrays
from training.evaluation import predict_logits
from training.exporting import ExportedModel
from training.quantization import QuantizedModel

ROOT = Path(__file__).resolve().parents[1]
PARITY = ROOT / "tests" / "cpus" / "parity.py"
NETWORKS = {
    "resnet8": ("CIFAR-10", 16),
    "fast": ("CIFAR-10", 16),
    "text_cnn": ("Banking77", 32),
    "text_transformer": ("Banking77", 32),
    "hashed_embedding": ("Banking77", 32),
    "mobile": ("digits", 16),
    "mlp": ("digits", 32),
}
COMPARED = ("resnet8", "fast", "text_cnn")  # over several seeds
PORTABLE, WHOLE = "8 bits, trained", "whole 8 bits, trained"
WAYS: dict[str, dict[str, Any]] = {
    "8 bits, calibrated": {"method": "ptq"},
    PORTABLE: {"method": "qat"},
    "whole 8 bits, calibrated": {"method": "ptq", "weight_range": "full"},
    WHOLE: {"method": "qat", "weight_range": "full"},
    "4 bits, trained": {"method": "qat", "weight_bits": 4},
    "mixed bits, calibrated": {"method": "ptq", "weight_bits": "mixed"},
}
PARITY_ROWS, HELD_OUT = 2000, 1000
HERE, HASWELL = "this machine", "Haswell"
Sets = tuple[Samples, Samples, Samples]


def digits(*, flat: bool) -> Sets:
    found = load_digits()
    values = found.data.astype(np.float32)
    if not flat:
        small = (found.images * 15.9).astype(np.uint8)
        values = np.repeat(small.repeat(2, 1).repeat(2, 2)[..., None], 3, axis=3)
    ids = np.arange(len(values)).astype(str)
    rows = samples_from_arrays(values, row_ids=ids, targets=found.target)
    return tuple(rows.take(np.arange(i, len(rows), 3)) for i in range(3))  # type: ignore[return-value]


def load(network: str, rows: int) -> Sets:
    """Return rows to train, to judge while quantizing, and to test."""
    data = NETWORKS[network][0]
    if data == "digits":
        return digits(flat=network == "mlp")
    if data == "Banking77":
        train, held_out, test = texts()
        return train.take(np.arange(min(2 * rows, len(train)))), held_out, test
    both = pictures("train", rows + HELD_OUT)
    parts = np.arange(rows), np.arange(rows, rows + HELD_OUT)
    return both.take(parts[0]), both.take(parts[1]), pictures("test", 10_000)


def trained(network: str, rows: Samples, *, seed: int, epochs: int) -> torch.nn.Module:
    data, width = NETWORKS[network]
    classes = int(rows.targets.max()) + 1
    model = compact_model(
        network, num_classes=classes, input_shape=rows.input_shape, width=width, random_state=seed
    )
    options: dict[str, Any] = {"optimizer": "adamw", "lr": 4e-3, "epochs": epochs}
    if data == "CIFAR-10":
        options = {"optimizer": "muon", "epochs": epochs}
    elif data == "digits":
        options |= {"epochs": 5 * epochs}
    fit(model, rows, random_state=seed, device="cpu", **options)
    return model


def measure(network: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train one network, write its files, and run them here and on the emulated processor."""
    train, held_out, test = load(network, options.rows)
    start = time.process_time()
    model = trained(network, train, seed=seed, epochs=options.epochs)
    found: dict[str, Any] = {"network": network, "seed": seed, "rows": len(train), "files": {}}
    ways = WAYS if seed == 0 else {name: WAYS[name] for name in (PORTABLE, WHOLE)}
    few = test.take(np.arange(min(PARITY_ROWS, len(test))))
    classes = [str(code) for code in range(int(train.targets.max()) + 1)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        exact = export(model, folder / "float", classes=classes, threads=1)
        found["float"] = accuracy(exact.path, test)
        cases = []
        for way, how in ways.items():
            quantized = quantize(
                model, train, validation=held_out, epochs=2, device="cpu", random_state=seed, **how
            )
            file = export(quantized, folder / way.replace(" ", "_"), classes=classes, threads=1)
            write_rows(file, quantized, model, few)
            cases.append({"way": way, "family": network, "folder": file.path.parent.name})
            cases[-1]["portable"] = "weight_range" not in how
            found["files"][way] = {
                "accuracy": accuracy(file.path, test),
                "bytes": file.size_bytes,
                "method": str(quantized.choices["method"]),
            }
        write_json(folder / "cases.json", cases)
        found["cpus"] = run_files(folder)
        if seed == 0:
            found["time"] = times(folder, few, seconds=options.seconds)
    found["cpu_s"] = round(time.process_time() - start, 1)
    return found


def write_rows(
    file: ExportedModel, quantized: QuantizedModel, model: torch.nn.Module, rows: Samples
) -> None:
    np.savez(
        file.path.parent / "rows.npz",
        inputs=rows.inputs.contiguous().numpy(),
        targets=rows.targets.numpy(),
        simulated=predict_logits(quantized, rows, device="cpu"),
        exact=predict_logits(model, rows, device="cpu"),
    )


def run_files(folder: Path) -> dict[str, Any]:
    """Check all files on each processor there is; results by processor and way."""
    command = [os.path.realpath(sys.executable), str(PARITY), "check", str(folder)]
    emulator = shutil.which("qemu-x86_64")
    commands = {HERE: command}
    if emulator:
        commands[HASWELL] = [emulator, "-cpu", "Haswell", *command]
    # Neither the emulated interpreter nor the real one behind a link knows its environment.
    environment = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    found = {}
    for name, one in commands.items():
        done = subprocess.run(one, capture_output=True, text=True, env=environment, check=False)
        if not done.stdout:
            raise RuntimeError(done.stderr)
        found[name] = {case["way"]: case for case in json.loads(done.stdout.splitlines()[-1])}
    return found


def times(folder: Path, rows: Samples, *, seconds: float) -> dict[str, Any]:
    """Time the file within ±64 against the float file and against the one with whole 8 bits."""
    paths = {way: folder / way.replace(" ", "_") / "model.onnx" for way in ("float", *WAYS)}
    inputs = rows.inputs[:64].contiguous().numpy()
    mine = call_of(paths[PORTABLE])
    return {
        against: ratios(call_of(paths[against]), mine, inputs, seconds=seconds)
        for against in ("float", WHOLE)
    }


def page(runs: list[dict[str, Any]], machine: str) -> dict[str, Any]:
    """Return the tables for the documentation."""
    first = [run for run in runs if run["seed"] == 0]
    listed = ", ".join(f"{name} {number}" for name, number in versions().items())
    trained_on = dict.fromkeys(f"{bound(run['rows'] for run in runs):,}" for bound in (min, max))
    tables = [agreement_table(first), cost_table(runs), time_table(first)]
    return {
        "title": "Integer files on other processors",
        "note": (
            f"This machine has {machine}; Haswell (AVX2, no VNNI) is emulated by qemu-user. "
            f"Trained on {' to '.join(trained_on)} rows, compared on {PARITY_ROWS:,} test rows of "
            "CIFAR-10 and Banking77 and 599 of digits; a step is a 255th "
            f"of the range of the logits. {listed}."
        ),
        "tables": [table for table in tables if table["rows"]],
    }


def agreement_table(runs: list[dict[str, Any]]) -> dict[str, Any]:
    rows = []
    for run in runs:
        for way in WAYS:
            cells = [run["network"], way]
            for cpu in (HERE, HASWELL):
                case = run["cpus"].get(cpu, {}).get(way)
                cells += ["", ""] if case is None else _agreement(case)
            last = next(iter(reversed(run["cpus"].values())))[way]["accuracy"]
            shown = (last["float"], last["simulated"], last["file"])
            rows.append([*cells, " → ".join(f"{100 * share:.2f}" for share in shown)])
    return {
        "caption": "Files beside their simulation: share of rows with the same class, and with "
        "all logits within a step. Accuracy in percent of float, simulation, and file on "
        "the Haswell.",
        "header": [
            "network",
            "quantized",
            f"{HERE}: same class",
            "within a step",
            f"{HASWELL}: same class",
            "within a step",
            "accuracy",
        ],
        "rows": rows,
    }


def _agreement(case: dict[str, Any]) -> list[str]:
    return [f"{100 * case[share]:.2f} %" for share in ("agreement", "within")]


def cost_table(runs: list[dict[str, Any]]) -> dict[str, Any]:
    rows = []
    for network in COMPARED:
        same = [run for run in runs if run["network"] == network]
        if not same:
            continue
        losts = [
            [100 * (run["files"][way]["accuracy"] - run["float"]) for run in same]
            for way in (PORTABLE, WHOLE)
        ]
        between = np.subtract(*losts)
        shown = [f"{np.mean(lost):+.2f}" for lost in (*losts, between)]
        each = ", ".join(f"{value:+.2f}" for value in between)
        rows.append([network, str(len(same)), *shown, each])
    return {
        "caption": "What the bound costs after training: points of test accuracy beside float "
        "(all test rows, on this machine), mean over seeds.",
        "header": ["network", "seeds", "±64", "±127", "difference", "by seed"],
        "rows": rows,
    }


def time_table(runs: list[dict[str, Any]]) -> dict[str, Any]:
    rows = []
    for run in runs:
        cells = [run["network"]]
        for against in ("float", WHOLE):
            for size in ("batch 1", "batch 64"):
                median, low, high = run["time"][against][size]
                cells.append(f"{median:.2f} ({low:.2f}–{high:.2f})")
        rows.append(cells)
    return {
        "caption": "How many times as fast the file within ±64 is as the float file and as the "
        "one with whole 8 bits, on this machine.",
        "header": ["network", "float, batch 1", "float, 64", "±127, batch 1", "±127, 64"],
        "rows": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training_portability.json"))
    parser.add_argument("--quick", action="store_true", help="few rows, one network")
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--seconds", type=float, default=1.0, help="for each pair of times")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.epochs, options.seeds, options.networks = 500, 2, 1, ["mlp"]
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    machine = ", ".join(instruction_sets())
    log = options.out.with_suffix(".jsonl")
    runs = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    print(f"On {machine}" + ("" if shutil.which("qemu-x86_64") else "; no qemu-x86_64, no Haswell"))
    for seed in range(options.seeds):
        for network in options.networks:
            known = any(run["network"] == network and run["seed"] == seed for run in runs)
            if known or (seed > 0 and network not in COMPARED):
                continue
            runs.append(measure(network, seed, options))
            with open(log, "a", encoding="utf-8") as file:
                file.write(json.dumps(runs[-1]) + "\n")
            print(json.dumps(runs[-1]), flush=True)
    result = {"runs": runs, "machine": machine, "versions": versions(), "page": page(runs, machine)}
    write_json(options.out, result)
    for table in result["page"]["tables"]:
        print("\n" + table["caption"])
        for row in (table["header"], *table["rows"]):
            print(" | ".join(row))


if __name__ == "__main__":
    main()
