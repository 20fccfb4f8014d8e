"""Claim: an augmented row depends on (seed, epoch, row, view) alone; peers' rows do not.

Every set-up (batch size × shuffle × 0, 1, 2 or 4 loader processes × fork or spawn × stop and go on)
must give each row the same bits; the same test is put to an albumentations pipeline as its users
write it, with and without our keyed streams. Then the gates of all pairs of operations of every
built-in policy are correlated over 100,000 rows.

Data: none; pictures are drawn from a seed.
Run: python benchmarks/augment_determinism.py --out determinism.json [--quick]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from importlib import metadata
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from augment import AlbumentationsAugmenter, Augmenter, Policy, policies
from augment.keyed import Draws, draw
from augment.operation import Scene
from augment.plan import Layer, plan
from augment.policies import POLICIES

ROWS = 48
# One step of the draws, as in augment.keyed.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (ROWS, 16, 16, 3), dtype=np.uint8)


def pipeline(seed: int | None) -> A.Compose:
    steps = [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5), A.RandomBrightnessContrast(p=0.8)]
    return A.Compose(steps, seed=seed)


class Rows(Dataset):
    """Rows with one of three ways of augmenting."""

    def __init__(self, way: str, epoch: int = 0) -> None:
        self.way, self.epoch, self.images = way, epoch, pictures()
        self.ours = Augmenter(policies.trivial_augment(pad=2, flip=True), random_state=1)
        self.keyed = AlbumentationsAugmenter(pipeline(1), random_state=1)
        self.plain = pipeline(None if way == "albumentations, no seed" else 1)

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> tuple[int, np.ndarray]:
        image = self.images[index]
        if self.way == "ours":
            return index, self.ours(image, key=index, epoch=self.epoch)
        if self.way == "ours over albumentations":
            return index, self.keyed(image, key=index, epoch=self.epoch)
        return index, self.plain(image=image)["image"]


def fingerprints(
    way: str, *, workers: int, batch: int, shuffle: bool, start: str
) -> dict[int, str]:
    context = start if workers else None
    loader = DataLoader(
        Rows(way),
        batch_size=batch,
        shuffle=shuffle,
        num_workers=workers,
        multiprocessing_context=context,
        generator=torch.Generator().manual_seed(3),
    )
    found = {}
    for indices, images in loader:
        for index, image in zip(indices.tolist(), images.numpy(), strict=True):
            found[index] = hashlib.blake2b(np.ascontiguousarray(image).tobytes()).hexdigest()
    return found


def setups(quick: bool) -> list[dict[str, Any]]:
    listed = [{"workers": 0, "batch": 1, "shuffle": False, "start": "fork"}]
    for workers in (0, 1, 2) if quick else (0, 1, 2, 4):
        for batch in (3, 16):
            for shuffle in (False, True):
                starts = ("fork",) if quick or workers < 2 else ("fork", "spawn")
                listed += [
                    {"workers": workers, "batch": batch, "shuffle": shuffle, "start": start}
                    for start in starts
                ]
    return listed


def compare(way: str, quick: bool) -> dict[str, Any]:
    results = [fingerprints(way, **setup) for setup in setups(quick)]
    reference = results[0]
    equal = [np.mean([one[row] == reference[row] for row in reference]) for one in results]
    second = fingerprints(way, workers=2, batch=4, shuffle=False, start="fork")
    again = fingerprints(way, workers=2, batch=4, shuffle=False, start="fork")
    return {
        "setups": len(results),
        "setups with every row equal": int(sum(share == 1 for share in equal)),
        "rows equal, mean": float(np.mean(equal)),
        "a new pass with new workers repeats the last one": second == again,
    }


def batched_equals_single() -> bool:
    rows = Rows("ours")
    batch = rows.ours.batch(rows.images, np.arange(ROWS))
    return all(np.array_equal(batch[i], rows[i][1]) for i in range(ROWS))


def gates(name: str, n: int) -> float:
    """Return the largest correlation between the gates of two operations over n rows."""
    policy = POLICIES[name]()
    draws = draw(5, np.arange(n, dtype=np.uint64))
    fired: list[np.ndarray] = []
    owner: list[int] = []
    for number, node in enumerate(policy.nodes):
        # Only the first layer of a node: deeper ones of a choice follow its branch by definition.
        before = sum(earlier.slots for earlier in policy.nodes[:number])
        shifted = Draws(
            draws.stream + np.array([before], dtype=np.uint64) * GOLDEN, draws.steady, 0
        )
        stage = next(plan(Policy("one", (node,)), shifted, Scene(32, 32)))
        if not isinstance(stage, Layer):
            continue
        column = np.zeros(n)
        for branch, one in enumerate(stage.applications):
            column[one.rows] = branch + 1
        fired.append(column)
        fired += [
            np.where(column > 0, values, values.mean())
            for one in stage.applications
            if len(one.rows) == n
            for values in one.parameters.values()
        ]
        owner += [number] * (len(fired) - len(owner))
    moving = [place for place, column in enumerate(fired) if column.std() > 0]
    if len(moving) < 2:
        return 0.0
    nodes = np.array(owner)[moving]
    correlation = np.abs(np.corrcoef([fired[place] for place in moving]))
    # The sides of one box belong together; only different operations must not.
    return float(np.where(nodes[:, None] == nodes[None, :], 0, correlation).max())


def albumentations_gates(n: int) -> float:
    flips = A.Compose([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)])
    image = np.arange(4, dtype=np.uint8).reshape(2, 2, 1).repeat(3, 2)
    found = np.empty((n, 2))
    for row in range(n):
        flips.set_random_seed(row)
        corner = int(flips(image=image)["image"][0, 0, 0])
        found[row] = corner & 1, corner >> 1
    return float(np.corrcoef(found.T)[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    ways = ["ours", "ours over albumentations", "albumentations, seed", "albumentations, no seed"]
    n = 20_000 if arguments.quick else 100_000
    result = {
        "versions": {name: metadata.version(name) for name in ("numpy", "torch", "albumentations")},
        "rows": ROWS,
        "ways": {way: compare(way, arguments.quick) for way in ways},
        "batched equals single": batched_equals_single(),
        "gate rows": n,
        "largest |r| of gates": {name: gates(name, n) for name in POLICIES if name != "aug_mix"},
        "r of two flips in albumentations, seeded by row": albumentations_gates(2000),
    }
    print(json.dumps(result, indent=2))
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)


if __name__ == "__main__":
    main()
