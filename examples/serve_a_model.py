"""Serve a model over HTTP: many rows in a request, a bad row, and a better model that takes over.

Run: python examples/serve_a_model.py. It needs thresher[train,serve]; nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from training import compact_model, export, fit, samples_from_arrays

TOKEN = "keep this one in a safe place"
RAW = "application/octet-stream"


def train(folder: Path, rows: np.ndarray, labels: np.ndarray, *, epochs: int) -> None:
    ids = np.arange(len(rows)).astype(str)
    model = compact_model("mlp", num_classes=10, input_shape=(64,), width=32)
    fit(model, samples_from_arrays(rows, row_ids=ids, targets=labels), epochs=epochs)
    how = {"kind": "features", "columns": [f"pixel{place}" for place in range(64)]}
    export(model, folder, classes=[str(digit) for digit in range(10)], preprocessing=how)


def post(url: str, body: bytes, **headers: str) -> bytes:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    with urllib.request.urlopen(urllib.request.Request(url, body, names)) as answer:
        return answer.read()


digits = load_digits()
rows, labels = digits.data.astype(np.float32), digits.target
test, truth = rows[1200:], labels[1200:]


def accuracy(address: str) -> float:
    """All test rows in one request, as raw bytes both ways."""
    content = post(f"{address}/predict", test.tobytes(), content_type=RAW, accept=RAW)
    logits = np.frombuffer(content, np.float32).reshape(-1, 10)
    return float((logits.argmax(1) == truth).mean())


with tempfile.TemporaryDirectory() as name:
    first, second = Path(name, "first"), Path(name, "second")
    train(first, rows[:1200], labels[:1200], epochs=2)
    train(second, rows[:1200], labels[:1200], epochs=12)
    command = ["serve", str(first), "--port", "0", "--admin-token", TOKEN, "--log", os.devnull]
    server = subprocess.Popen(
        [sys.executable, "-m", "thresher", *command], stderr=subprocess.PIPE, text=True
    )
    assert server.stderr is not None
    address = server.stderr.readline().split()[0]
    print(f"first model: {100 * accuracy(address):.1f} % of {len(test)} rows")

    # A row that cannot be read does not hurt the others.
    body = json.dumps({"rows": [test[0].tolist(), [1, 2, 3]]}).encode()
    told = json.loads(post(f"{address}/predict", body, content_type="application/json"))
    print(told["labels"], told["errors"])

    # The better model takes over once it has answered ten stored rows.
    body = json.dumps({"path": str(second)}).encode()
    post(f"{address}/swap", body, authorization=f"Bearer {TOKEN}")
    print(f"second model: {100 * accuracy(address):.1f} %")

    # What is under way when the server is told to stop is answered.
    server.send_signal(signal.SIGTERM)
    server.stderr.close()
    print("stopped with", server.wait())
