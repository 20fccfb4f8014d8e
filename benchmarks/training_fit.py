"""Claim: `training.fit` reaches the accuracy of a plain PyTorch loop for at most half the CPU time.

CIFAR-10, the same ResNet-8, optimizer, schedule and batch size on both sides. The plain loop is
what tutorials show: a data loader that pads, crops, mirrors and normalizes each picture, float32,
channels first. Each run has its own one-cycle of so many epochs, so that (CPU seconds, accuracy)
pairs are honest ends of runs and not points along one.

Data: CIFAR-10 as two Parquet files with columns ``label`` (0–9) and ``jpeg`` (bytes),
``cifar10_train.parquet`` and ``cifar10_test.parquet``, in the folder that THRESHER_DATA names.

Run: python benchmarks/training_fit.py --out fit.json        (--quick: a minute, 4,000 rows)
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from augment import Augmenter, policies
from thresher.core.files import write_json
from thresher.core.images import decode_image
from training import Samples, compact_model, evaluate, fit
from training.samples import samples_from_arrays
from training.schedule import learning_rate_factor

BATCH, LR, DECAY = 128, 0.2, 5e-4
MEAN = np.array([125.3, 123.0, 113.9], np.float32)
SPREAD = np.array([63.0, 62.1, 66.7], np.float32)


def load(split: str, rows: int | None) -> Samples:
    table = pq.read_table(Path(os.environ["THRESHER_DATA"]) / f"cifar10_{split}.parquet")
    table = table if rows is None else table.slice(0, rows)
    images = np.stack([decode_image(data) for data in table["jpeg"].to_pylist()])
    ids = np.array([f"{split}{row}" for row in range(len(images))])
    return samples_from_arrays(images, row_ids=ids, targets=table["label"].to_numpy())


class Pictures(Dataset):  # type: ignore[type-arg]
    """One picture at a time, as tutorials do it."""

    def __init__(self, samples: Samples, seed: int) -> None:
        self.images = samples.inputs.permute(0, 2, 3, 1).numpy()
        self.targets = samples.targets
        self.random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        image = np.pad(self.images[row], ((4, 4), (4, 4), (0, 0)))
        top, left = self.random.integers(0, 9, 2)
        image = image[top : top + 32, left : left + 32]
        image = image[:, ::-1] if self.random.random() < 0.5 else image
        scaled = (image.astype(np.float32) - MEAN) / SPREAD
        return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1))), int(
            self.targets[row]
        )


def plain(model: nn.Module, samples: Samples, epochs: int, seed: int) -> None:
    """Train as a tutorial does."""
    model.normalize = nn.Identity()
    order = torch.Generator().manual_seed(seed)
    loader = DataLoader(Pictures(samples, seed), batch_size=BATCH, shuffle=True, generator=order)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=LR, momentum=0.9, nesterov=True, weight_decay=DECAY
    )
    total = epochs * len(loader)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(min(step, total - 1), total)
    )
    model.train()
    for _ in range(epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
            schedule.step()


def normalized(samples: Samples) -> Samples:
    shaped = torch.from_numpy(MEAN).view(1, 3, 1, 1), torch.from_numpy(SPREAD).view(1, 3, 1, 1)
    return Samples((samples.inputs - shaped[0]) / shaped[1], samples.targets, samples.row_ids)


def measure(side: str, train: Samples, test: Samples, epochs: int, seed: int, width: int) -> dict:
    model = compact_model(
        "resnet8", num_classes=10, input_shape=(3, 32, 32), width=width, random_state=seed
    )
    wall, cpu = time.perf_counter(), time.process_time()
    if side == "plain":
        plain(model, train, epochs, seed)
    else:
        augment = Augmenter(policies.crop_flip(pad=4), random_state=seed).for_training()
        fit(
            model,
            train,
            epochs=epochs,
            batch_size=BATCH,
            lr=LR,
            weight_decay=DECAY,
            augment=augment,
            ema=0.99,
            random_state=seed,
        )
    spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    judged = evaluate(model, normalized(test) if side == "plain" else test)
    low, high = judged.interval
    return {
        "side": side,
        "epochs": epochs,
        "seed": seed,
        "accuracy": judged.accuracy,
        "interval": [low, high],
        **spent,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4,000 rows, one length, one seed")
    parser.add_argument("--out", type=Path, default=Path("training_fit.json"))
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--epochs", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    if options.quick:
        options.epochs, options.seeds = [3], [0]
    train = load("train", 4000 if options.quick else None)
    test = load("test", 2000 if options.quick else None)
    runs = []
    for epochs in options.epochs:
        for seed in options.seeds:
            for side in ("ours", "plain"):
                runs.append(measure(side, train, test, epochs, seed, options.width))
                print(runs[-1], flush=True)
    write_json(options.out, {"runs": runs, "summary": summary(runs), **conditions(len(train))})


def summary(runs: list[dict]) -> list[dict]:
    """Return median and spread for each side and length."""
    rows = []
    for side, epochs in sorted({(run["side"], run["epochs"]) for run in runs}):
        same = [run for run in runs if (run["side"], run["epochs"]) == (side, epochs)]
        row: dict = {"side": side, "epochs": epochs, "n": len(same)}
        for name in ("accuracy", "cpu_s"):
            values = [run[name] for run in same]
            row[name] = float(np.median(values))
            row[f"{name}_spread"] = [min(values), max(values)]
        rows.append(row)
    return rows


def conditions(rows: int) -> dict:
    return {
        "rows": rows,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "cpu": platform.processor() or platform.machine(),
        "load": list(os.getloadavg()),
    }


if __name__ == "__main__":
    main()
