"""Hold a model to a budget of bytes and accuracy, as a continuous integration job would.

The command leaves with 0 when all limits are met and with 3 when one is missed:

    thresher gate budget.toml

Run: python examples/gate_in_ci.py
"""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from training import compact_model, export, fit, quantize, samples_from_arrays

BUDGET = """\
model = "model"
data = "held_out.csv"
label = "digit"

[limits]
max_bytes = {max_bytes}
min_accuracy = 0.85
"""

digits = load_digits()
rows = samples_from_arrays(
    digits.data.astype(np.float32),
    row_ids=np.arange(len(digits.data)).astype(str),
    targets=digits.target,
)
train, held_out = rows.take(np.arange(1400)), np.arange(1400, len(digits.data))

with Path("held_out.csv").open("w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow([*digits.feature_names, "digit"])
    writer.writerows(zip(*digits.data[held_out].T, digits.target[held_out], strict=True))

model = compact_model("mlp", num_classes=10, input_shape=(64,), width=32)
fit(model, train, epochs=6, batch_size=64, optimizer="adamw", lr=5e-3, random_state=0)
exported = export(
    quantize(model, train, method="ptq"),
    "model",
    classes=[str(digit) for digit in range(10)],
    preprocessing={"kind": "features", "columns": digits.feature_names},  # how rows become input
)
print(f"the file has {exported.size_bytes} bytes")

for max_bytes in (exported.size_bytes, 2_000):
    Path("budget.toml").write_text(BUDGET.format(max_bytes=max_bytes))
    done = subprocess.run([sys.executable, "-m", "thresher", "gate", "budget.toml"], check=False)
    print(f"a limit of {max_bytes} bytes: exit code {done.returncode}")
