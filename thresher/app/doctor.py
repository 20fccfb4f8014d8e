"""What this machine offers and what Thresher would choose on it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
from typing import Any

import thresher

from ..core.choice import available_cpus, choose_device

REQUIRED = ("numpy", "scikit-learn", "torch", "datasets", "pyarrow", "faiss-cpu", "albumentations")
EXPORT = ("onnx", "onnxruntime", "onnxscript")
EXTRAS = {
    "sentence-transformers": "st",
    "transformers": "hf",
    "peft": "lora",
    "model2vec": "m2v",
    "timm": "timm",
    "open-clip-torch": "openclip",
    "torch-pruning": "prune",
    "executorch": "executorch",
}


def examine() -> dict[str, Any]:
    """Collect versions, processors, devices, network settings and the choices that follow."""
    import torch

    device = choose_device("auto")
    return {
        "thresher": thresher.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in (*REQUIRED, *EXPORT)},
        "extras": {name: _version(name) or _missing(extra) for name, extra in EXTRAS.items()},
        "cpus": available_cpus(),
        "cpu_features": torch.backends.cpu.get_cpu_capability(),
        "torch_threads": torch.get_num_threads(),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "device": {"value": device.value, "reason": device.reason},
        "cuda_devices": [
            torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())
        ],
        "hub_offline": bool(os.environ.get("HF_HUB_OFFLINE")),
        "warnings": _warnings(),
    }


def describe(found: dict[str, Any]) -> str:
    """Return the findings of `examine` as text for people."""
    device = found["device"]
    lines = [
        f"Thresher {found['thresher']} on Python {found['python']}, {found['platform']}",
        "",
        *(f"  {name:<24}{version or 'missing'}" for name, version in found["packages"].items()),
        *(f"  {name:<24}{version}" for name, version in found["extras"].items()),
        "",
        f"  {'processors':<24}{found['cpus']} ({found['cpu_features']})",
        f"  {'torch threads':<24}{found['torch_threads']}",
        f"  {'device':<24}{device['value']} ({device['reason']})",
    ]
    return "\n".join([*lines, "", *(f"Warning: {text}" for text in found["warnings"])]).rstrip()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _missing(extra: str) -> str:
    return f"not installed (pip install 'thresher[{extra}]')"


def _warnings() -> list[str]:
    import torch

    found = []
    absent = [name for name in (*REQUIRED, *EXPORT) if _version(name) is None]
    if absent:
        found.append(f"missing: {', '.join(absent)}. Install Thresher again.")
    if torch.get_num_threads() > available_cpus():
        found.append(
            f"torch uses {torch.get_num_threads()} threads on {available_cpus()} processors, which "
            f"slows training; set OMP_NUM_THREADS={available_cpus()}."
        )
    if _version("albumentationsx"):
        found.append("AlbumentationsX (AGPL, telemetry) is installed in place of albumentations.")
    if importlib.util.find_spec("torchvision") and not _loads("torchvision"):
        found.append("torchvision does not load with this torch; timm: and openclip: need it.")
    if sys.platform == "win32":
        found.append("Windows is not tested; use WSL.")
    return found


def _loads(module: str) -> bool:
    try:
        importlib.import_module(module)
    except (ImportError, RuntimeError):
        return False
    return True
