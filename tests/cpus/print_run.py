"""Run the main job on some digits, small; print the bytes of its manifest and its metrics."""

import hashlib
import json
import tempfile
from pathlib import Path

from thresher.app.pipeline import run
from thresher.app.settings import resolve

SMALL = {
    "threads": 1,
    "data": {"limit": 600},
    "plant": {"copies": 0.03, "near_copies": 0.03, "swapped_labels": 0.03, "leaked": 0.03},
    "augment": {"policy": "none"},
    "teacher": {"epochs": 4, "width": 16},
    "student": {"epochs": 4, "width": 16},
    "quantize": {"epochs": 1, "calibration_rows": 100},
    "gate": {"max_accuracy_drop": 0.2, "min_agreement": 0.9},
}

with tempfile.TemporaryDirectory() as folder:
    finished = run("digits", out=Path(folder) / "run", settings=resolve(values=SMALL))
    manifest = finished.folder / "manifest" / "decisions" / "manifest.parquet"
    metrics = dict(finished.metrics)
    verified = metrics.pop("verification")
    answer = {"manifest": hashlib.sha256(manifest.read_bytes()).hexdigest()}
    answer |= {name: json.dumps(value, sort_keys=True) for name, value in metrics.items()}
    answer |= {f"verified: {name}": json.dumps(value) for name, value in verified.items()}
print(json.dumps(answer))
