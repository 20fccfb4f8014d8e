"""Peak memory of an ONNX model, in a fresh process that does nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import sys
import numpy as np
import onnxruntime

def status(field):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(field))

path, dtype, *shape = sys.argv[1:]
rows = np.zeros([int(size) for size in shape], dtype=dtype)
before = status("VmRSS")
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.log_severity_level = 3
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
session.run(None, {"input": rows})
print(max(status("VmHWM") - before, 0))
"""


def peak_memory_mb(path: Path, *, dtype: str, shape: tuple[int, ...]) -> float | None:
    """Return how much loading `path` and one run on `shape` add to a process, in 10**6 bytes.

    None where the kernel does not tell (it does on Linux).
    """
    if not Path("/proc/self/status").exists():
        return None
    # -P: not the user's files in this folder, which may be called like what the script imports.
    done = subprocess.run(
        [sys.executable, "-P", "-c", _SCRIPT, str(path.absolute()), dtype, *map(str, shape)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) * 1024 / 1e6
