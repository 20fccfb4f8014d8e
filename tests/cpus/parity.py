"""Integer files of every family and the answers of their simulation, to be checked on any machine.

    python tests/cpus/parity.py write FOLDER [FAMILY ...]
    ANY_PYTHON tests/cpus/parity.py check FOLDER

`write` trains small networks, makes them integer in several ways, and keeps their files, rows and
simulated logits. `check` needs numpy and ONNX Runtime alone: it runs under an emulator, on another
machine, or in an environment with another version of ONNX Runtime. It prints one line a file and
leaves with 1 where a portable file disagrees.

A step is that of an 8-bit grid over the simulated logits: a 255th of their range.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROWS, TRAINED_ON, CLASSES = 400, 300, 3
# Of the rows. Norms and softmax are float: a last bit of theirs turns a rounding now and then.
LEAST_AGREEMENT, LEAST_WITHIN = 0.9995, 0.995
ROUNDING = 1e-3  # steps; of 32-bit floats, no integer differs
CASES = "cases.json"
# How files are made: options of `quantize`.
WAYS: dict[str, dict[str, Any]] = {
    "8 bits, calibrated": {"method": "ptq"},
    "8 bits, trained": {"method": "qat", "lr": 1e-4},
    "4 bits, trained": {"method": "qat", "weight_bits": 4},
    "mixed bits, calibrated": {"method": "ptq", "weight_bits": "mixed"},
    "whole 8 bits, calibrated": {"method": "ptq", "weight_range": "full"},
}
SHAPES = {"image": (3, 16, 16), "text": (12,), "features": (9,)}


def write(folder: Path, families: list[str]) -> None:
    """Write the files of some families, or of all, with rows and simulated logits."""
    from training.models import FAMILIES

    cases = []
    for family in families or list(FAMILIES):
        cases += list(_written(folder, family))
    (folder / CASES).write_text(json.dumps(cases, indent=1))


def _written(folder: Path, family: str) -> Iterator[dict[str, Any]]:
    from training import compact_model, export, fit, quantize
    from training.evaluation import predict_logits
    from training.models import FAMILIES

    modality = FAMILIES[family].modality
    options = {"vocabulary": 40} if modality == "text" else {}
    shape = SHAPES[modality]
    model = compact_model(family, num_classes=CLASSES, input_shape=shape, width=16, **options)
    rows = _rows(modality)
    train, test = rows.take(np.arange(TRAINED_ON)), rows.take(np.arange(TRAINED_ON, ROWS))
    fit(model, train, epochs=3, batch_size=50, optimizer="adamw", lr=5e-3, device="cpu")
    for way, how in WAYS.items():
        quantized = quantize(
            model, train, validation=test, epochs=1, qat_ranges="learned", device="cpu", **how
        )
        name = f"{family}, {way}".replace(", ", "-").replace(" ", "_")
        export(quantized, folder / name, classes=["a", "b", "c"], threads=1)
        np.savez(
            folder / name / "rows.npz",
            inputs=rows.inputs.numpy(),
            targets=rows.targets.numpy(),
            simulated=predict_logits(quantized, rows, device="cpu"),
            exact=predict_logits(model, rows, device="cpu"),
        )
        yield {
            "family": family,
            "way": way,
            "folder": name,
            "portable": how.get("weight_range", "portable") == "portable",
        }


def _rows(modality: str) -> Any:
    """Return rows of three classes that a small network learns well and not wholly."""
    import torch

    from training.rows.samples import Samples

    rng = np.random.default_rng(0)
    targets = np.arange(ROWS) % CLASSES
    shape = SHAPES[modality]
    noise, ideal = rng.normal(size=(ROWS, *shape)), rng.normal(size=(CLASSES, *shape))
    values = noise + 0.7 * ideal[targets]
    if modality == "image":
        values = (values * 40 + 128).clip(0, 255).astype(np.uint8)
    elif modality == "text":
        values = (values * 8 + 20).clip(0, 39).astype(np.int64)
    else:
        values = values.astype(np.float32)
    return Samples(torch.from_numpy(values), torch.from_numpy(targets), np.arange(ROWS).astype(str))


def check(folder: Path) -> list[dict[str, Any]]:
    """Run every file and compare it with its simulation; one dict a file."""
    return [_checked(folder, case) for case in json.loads((folder / CASES).read_text())]


def _checked(folder: Path, case: dict[str, Any]) -> dict[str, Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    path = folder / case["folder"] / "model.onnx"
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    rows = np.load(folder / case["folder"] / "rows.npz")
    found = session.run(None, {"input": rows["inputs"]})[0]
    simulated, targets = rows["simulated"], rows["targets"]
    steps = np.abs(found - simulated).max(1) * 255 / np.ptp(simulated)
    return {
        **case,
        "agreement": float((found.argmax(1) == simulated.argmax(1)).mean()),
        "steps": float(steps.max()),
        "within": float((steps <= 1).mean()),
        "equal": float((steps < ROUNDING).mean()),
        "accuracy": {
            "float": float((rows["exact"].argmax(1) == targets).mean()),
            "simulated": float((simulated.argmax(1) == targets).mean()),
            "file": float((found.argmax(1) == targets).mean()),
        },
    }


def disagrees(found: dict[str, Any]) -> bool:
    """Tell whether a file computes something else than its simulation."""
    return found["agreement"] < LEAST_AGREEMENT or found["within"] < LEAST_WITHIN


def main() -> int:
    """Write, or check and print; return 1 when a portable file disagrees."""
    if len(sys.argv) < 3 or sys.argv[1] not in ("write", "check"):
        print(__doc__)
        return 2
    folder = Path(sys.argv[2])
    if sys.argv[1] == "write":
        folder.mkdir(parents=True, exist_ok=True)
        write(folder, sys.argv[3:])
        return 0
    results = check(folder)
    for found in results:
        state = "" if not disagrees(found) else "DISAGREES" if found["portable"] else "not exact"
        print(
            f"{found['family']:<18}{found['way']:<26}same class {found['agreement']:.2%}, same "
            f"integers {found['equal']:.2%}, at most {found['steps']:.3f} steps apart  {state}"
        )
    print(json.dumps(results))
    return int(any(found["portable"] and disagrees(found) for found in results))


if __name__ == "__main__":
    sys.exit(main())
