"""Claim: what it costs when every epoch repeats the random stream of the first one.

By default a DataLoader starts new worker processes in every epoch; albumentations 2.0.8 then gives
each of them the state its pipeline had in the parent, so that all workers draw the same numbers,
epoch after epoch. Here the same albumentations pipeline (pad, random crop, mirror) works in both
ways: from a copy of itself in each of two workers and each epoch, as a forked worker has it, and
keyed by (seed, epoch, row). A small network is trained with each in ten paired seeds, with the rows
in a new order every epoch and in a fixed one (where each row then meets the same crop for ever).

Data: see `augment_learner`; CIFAR-10 at 16 px where it is there, else digits.
Run: OMP_NUM_THREADS=1 python benchmarks/augment_repeated_stream.py --out stream.json [--quick]
"""

from __future__ import annotations

import argparse
import copy
import random
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from augment_learner import BATCH, SETS, Augment, FinishedRuns, available, cut, train
from scipy import stats
from torch.utils.data import DataLoader, Dataset

from augment import AlbumentationsAugmenter
from thresher.core.files import write_json

WORKERS = 2
PER_CLASS = 20
EPOCHS = 30
ARMS = {
    "none, new order": (None, True),
    "keyed, new order": ("keyed", True),
    "repeated, new order": ("repeated", True),
    "keyed, fixed order": ("keyed", False),
    "repeated, fixed order": ("repeated", False),
}
PAIRS = [
    ("keyed, new order", "none, new order"),
    ("repeated, new order", "keyed, new order"),
    ("repeated, fixed order", "keyed, fixed order"),
]


def pipeline(side: int) -> Any:
    """Return an albumentations pipeline as most people write it: without a seed."""
    import albumentations as A

    padded = side + 2 * max(1, side // 8)
    steps = [
        A.PadIfNeeded(padded, padded, border_mode=4),
        A.RandomCrop(side, side),
        A.HorizontalFlip(),
    ]
    return A.Compose(steps)


def from_copies(parent: Any) -> Augment:
    """Augment as two new forked workers do in every epoch, batches in turn."""

    def augment(images: torch.Tensor, _keys: np.ndarray, _epoch: int) -> torch.Tensor:
        workers = [copy.deepcopy(parent) for _ in range(WORKERS)]
        rows = images.permute(0, 2, 3, 1).numpy()
        done = [
            workers[(position // BATCH) % WORKERS](image=row)["image"]
            for position, row in enumerate(rows)
        ]
        return _channels_first(np.stack(done))

    return augment


def repeated(side: int, seed: int) -> Augment:
    """Augment with the fault; each step's state comes from `seed`, so that runs can be repeated.

    Not by Compose's own seed, which makes its steps fire together: another fault.
    """
    parent = pipeline(side)
    for number, step in enumerate(parent.transforms):
        step.set_random_state(
            np.random.default_rng([seed, number]), random.Random(1000 * seed + number)
        )
    return from_copies(parent)


def keyed(side: int, seed: int) -> Augment:
    """Augment by (seed, epoch, row), with the same transforms."""
    wrapped = AlbumentationsAugmenter(pipeline(side), random_state=seed)
    return lambda images, keys, epoch: _channels_first(
        wrapped.batch(images.permute(0, 2, 3, 1).numpy(), keys, epoch)
    )


def _channels_first(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2)


class Rows(Dataset):
    """Pictures with the pipeline inside, as users have them."""

    def __init__(self, images: np.ndarray, transform: Any) -> None:
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> np.ndarray:
        """Return one augmented picture."""
        return np.asarray(self.transform(image=self.images[index])["image"])


def like_a_loader(images: np.ndarray) -> dict[str, float]:
    """Compare `repeated` with a real loader: shares of equal rows, and of rows equal next epoch."""
    parent = pipeline(images.shape[1])
    loader = DataLoader(
        Rows(images, parent),
        batch_size=BATCH,
        num_workers=WORKERS,
        multiprocessing_context="fork",
    )
    epochs = [np.concatenate([batch.numpy() for batch in loader]) for _ in range(2)]
    rows = torch.from_numpy(images).permute(0, 3, 1, 2)
    ours = from_copies(parent)(rows, np.arange(len(images)), 0).permute(0, 2, 3, 1).numpy()
    return {
        "rows as in the loader": float((ours == epochs[0]).all(axis=(1, 2, 3)).mean()),
        "rows repeated in the next epoch": float(
            (epochs[1] == epochs[0]).all(axis=(1, 2, 3)).mean()
        ),
    }


def measure(name: str, *, seeds: int, runs: FinishedRuns) -> dict[str, list[float]]:
    """Return each arm's accuracies in percent, one for each seed."""
    data = SETS[name]()
    side = data.images.shape[1]

    def run(arm: str, seed: int) -> float:
        # Rows in a random order once, since one arm keeps the order for ever.
        rows, test = cut(data, per_class=[PER_CLASS], seed=seed)
        rows = rows.take(np.random.default_rng(seed).permutation(len(rows.labels)))
        way, shuffle = ARMS[arm]
        augment = {"keyed": keyed(side, seed), "repeated": repeated(side, seed)}.get(way or "")
        done = train(rows, test, augment=augment, epochs=EPOCHS, seed=seed, shuffle=shuffle)
        return done.accuracy

    found: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for seed in range(seeds):
        for arm, values in found.items():
            key = ("stream", name, arm, seed)
            values.append(float(runs.get(key, lambda: run(arm, seed))))  # noqa: B023
        print(name, seed, {arm: round(values[-1], 1) for arm, values in found.items()}, flush=True)
    return found


def paired(found: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Return the mean difference of each pair of arms with its 95 % interval (Student's t)."""
    listed = []
    for left, right in PAIRS:
        gains = np.array(found[left]) - np.array(found[right])
        factor = stats.t.ppf(0.975, len(gains) - 1)
        half = float(factor * gains.std(ddof=1) / np.sqrt(len(gains)))
        listed.append({"pair": f"{left} − {right}", "mean": float(gains.mean()), "half": half})
    return listed


def page(
    name: str, found: dict[str, list[float]], pairs: list[dict[str, Any]], check: dict[str, float]
) -> dict[str, Any]:
    """Return the tables for the docs."""
    seeds = len(next(iter(found.values())))
    arms = [[arm, round(float(np.mean(v)), 2), round(float(np.std(v, ddof=1)), 2)]
            for arm, v in found.items()]  # fmt: skip
    rows = [[pair["pair"], f"{pair['mean']:+.2f} ± {pair['half']:.2f}"] for pair in pairs]
    return {
        "title": "What a repeated random stream costs",
        "note": f"{name}, {PER_CLASS} rows a class, {EPOCHS} passes, {seeds} paired seeds, a small "
        "convolutional network; crop and mirror by albumentations "
        f"{metadata.version('albumentations')}. Of the rows of a real DataLoader with two forked "
        f"workers, {check['rows as in the loader']:.0%} are what the simulated workers give, and "
        f"{check['rows repeated in the next epoch']:.0%} are the same in the next epoch.",
        "tables": [
            {"caption": "Test accuracy, %", "header": ["arm", "mean", "sd"], "rows": arms},
            {"caption": "Points, 95 % interval", "header": ["pair", "difference"], "rows": rows},
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--runs", help="file of finished runs, to go on after a stop")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    name = available()[-1]
    check = like_a_loader(SETS[name]().images[:400])
    print(check, flush=True)
    found = measure(name, seeds=2 if arguments.quick else 10, runs=FinishedRuns(arguments.runs))
    pairs = paired(found)
    print(pairs)
    if arguments.out:
        versions = {
            package: metadata.version(package) for package in ("albumentations", "numpy", "torch")
        }
        result = {"versions": versions, "set": name, "accuracy": found, "pairs": pairs}
        write_json(
            Path(arguments.out), result | {"loader": check, "page": page(name, found, pairs, check)}
        )


if __name__ == "__main__":
    main()
