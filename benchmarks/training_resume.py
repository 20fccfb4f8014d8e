"""Claim: a run that is killed at any moment, and any number of times, ends with the same bits.

A small network trains in a process of its own with a checkpoint after about every tenth of a
second. The process is killed (SIGKILL) at a random moment, started again, killed again, and so on
for the given number of kills; then it may finish. Its weights are compared with those of a run
that nobody disturbed. Likewise two processes of gloo that share every batch, against one process.

Data: none; features drawn from a seed.

Run: python benchmarks/training_resume.py --out resume.json     (--quick: 3 kills)
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from thresher.core.files import write_json
from training import Samples, fit

ROWS, WIDTH, CLASSES = 4000, 24, 4


def rows() -> Samples:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(ROWS, WIDTH, generator=generator)
    targets = inputs[:, :CLASSES].argmax(1)
    return Samples(inputs, targets, np.arange(ROWS).astype(str))


def network(*, plain: bool) -> nn.Module:
    """Return a network; without batch norm and dropout if workers are to share its batches."""
    torch.manual_seed(0)
    between: list[nn.Module] = [] if plain else [nn.BatchNorm1d(64), nn.Dropout(0.2)]
    layers = [nn.Linear(WIDTH, 64), *between, nn.ReLU(), nn.Linear(64, CLASSES)]
    return nn.Sequential(*layers)


def train(folder: Path, *, plain: bool, epochs: int) -> None:
    """Train, going on from the folder's checkpoint, and write the weights."""
    torch.set_num_threads(1)
    run = fit(
        network(plain=plain),
        rows(),
        epochs=epochs,
        batch_size=32,
        optimizer="adamw",
        ema=0.9,
        device="cpu",
        precision="fp32",
        checkpoint_dir=None if plain else folder / "checkpoints",
        checkpoint_every_s=0.1,
    )
    if os.environ.get("RANK", "0") == "0":
        torch.save(run.model.state_dict(), folder / "weights.tmp")
        (folder / "weights.tmp").rename(folder / "weights.pt")


def start(folder: Path, epochs: int, **environment: str) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, __file__, "--train", str(folder), "--epochs", str(epochs)]
    if environment:
        command.append("--plain")
    return subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(folder / "weights.pt", weights_only=True)
    return found


def largest_difference(first: Path, second: Path) -> float:
    pairs = zip(weights(first).values(), weights(second).values(), strict=True)
    return max(float((a.double() - b.double()).abs().max()) for a, b in pairs)


def killed_run(folder: Path, *, kills: int, epochs: int, seed: int) -> dict[str, Any]:
    """Kill at random moments after the first checkpoint of each life, then let it finish."""
    draw = random.Random(seed)
    lives = []
    for _ in range(kills):
        process = start(folder, epochs)
        before = newest(folder)
        while newest(folder) == before and process.poll() is None:
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.3))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        lives.append(newest(folder))
    finished = start(folder, epochs).wait()
    return {"kills": len(lives), "finished": finished == 0}


def newest(folder: Path) -> float:
    files = [path for path in (folder / "checkpoints").rglob("*") if path.is_file()]
    times = []
    for path in files:
        try:
            times.append(path.stat().st_mtime_ns)
        except FileNotFoundError:  # replaced by a newer one meanwhile
            continue
    return max(times, default=0)


def several(folder: Path, epochs: int, *, world: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    processes = [start(folder, epochs, RANK=str(rank), **shared) for rank in range(world)]
    if any(process.wait() for process in processes):
        raise RuntimeError(f"A process of {world} failed.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("training_resume.json"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train is not None:
        train(options.train, plain=options.plain, epochs=options.epochs)
        return
    kills, epochs = (3, 15) if options.quick else (options.kills, options.epochs)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if start(folder / "whole", epochs).wait():
            raise RuntimeError("The undisturbed run failed.")
        killed = killed_run(folder / "killed", kills=kills, epochs=epochs, seed=0)
        killed["difference"] = largest_difference(folder / "whole", folder / "killed")
        for world in (1, 2):
            several(folder / f"world{world}", 2, world=world)
        shared = largest_difference(folder / "world1", folder / "world2")
    write_json(options.out, report(killed, shared, epochs))
    print(report(killed, shared, epochs))


def report(killed: dict[str, Any], shared: float, epochs: int) -> dict[str, Any]:
    steps = epochs * (ROWS // 32)
    table = [
        [f"killed {killed['kills']} times, gone on", f"{steps:,}", f"{killed['difference']:.2g}"],
        ["two processes share each batch (gloo)", f"{2 * (ROWS // 32):,}", f"{shared:.2g}"],
    ]
    return {
        "killed": killed,
        "two processes": shared,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "page": {
            "title": "Runs that were killed, and runs on two processes",
            "note": "A network with batch norm, dropout and averaged weights, AdamW, one thread, "
            "killed at random moments with SIGKILL; for the two processes one without batch norm "
            f"and dropout. Against one undisturbed process, torch {torch.__version__}.",
            "tables": [
                {
                    "caption": "",
                    "header": ["run", "steps", "largest difference of a weight"],
                    "rows": table,
                }
            ],
        },
    }


if __name__ == "__main__":
    main()
