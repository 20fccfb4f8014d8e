"""The best composition from peers, run by a Python of its own that has them.

``headline.py`` writes a folder with ``rows.npz`` and ``job.json`` and starts this file with it:

1. copies out: imagehash for pictures (pHash, at most 4 different bits), SemHash on the vectors of
   texts and on numbers (its default threshold of 0.9 for texts; its own model needs a download),
2. wrong labels out: cleanlab on out-of-fold probabilities of a logistic regression on the vectors,
3. with a budget of labels: scikit-activeml chooses them in rounds (`peers/headline_choice.py`),
4. a plain PyTorch loop, albumentations for pictures (`peers/headline_loop.py`),
5. ONNX Runtime's static quantization.

pip install torch semhash cleanlab scikit-activeml albumentations imagehash 'thresher[train]'
Thresher is there for the network alone, so that all ways train the same.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from headline_choice import ask, without_copies, without_wrong_labels
from headline_loop import quantized_file, train

NAMES = "semhash imagehash cleanlab scikit-activeml albumentations onnxruntime torch"


def composed(folder: Path) -> dict[str, Any]:
    """Do one job and leave ``model.onnx``; return what it took."""
    job = json.loads((folder / "job.json").read_text())
    rows = np.load(folder / "rows.npz")
    inputs, codes, vectors = rows["inputs"], rows["codes"], rows["vectors"]
    start = time.process_time()
    kept = without_copies(rows["near"], modality=job["modality"])
    steps = {"after copies": len(kept)}
    if job["budget"]:
        kept = ask(vectors, codes, kept, budget=job["budget"], seed=job["seed"])
    labels = len(kept)
    kept = without_wrong_labels(vectors, codes, kept, seed=job["seed"])
    steps["after labels"] = len(kept)
    chosen = time.process_time() - start
    network, flops = train(inputs[kept], codes[kept], job)
    quantized_file(network, inputs[kept], folder / "model.onnx", seed=job["seed"])
    return {
        "rows": len(kept),
        "labels": labels,
        "flops": flops,
        "cpu_s": time.process_time() - start,
        "choice_s": chosen,
        "steps": steps,
        "kept": kept.tolist(),
        "versions": {name: version(name) for name in NAMES.split()},
    }


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    (folder / "done.json").write_text(json.dumps(composed(folder)))


if __name__ == "__main__":
    main()
