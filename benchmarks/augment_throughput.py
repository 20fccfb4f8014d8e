"""Claim: keyed augmentation runs ≥ 8 × (32 px) and ≥ 2 × (224 px) as fast as albumentations.

Images per CPU-second of one thread, the same operations with the same probabilities, from a batch
of uint8 images to a batch of uint8 images: ours with per-row keyed draws, albumentations image by
image as it works, stacked (with ToTensorV2 where tensors are wanted). Several passes over four
different batches, peer and ours in turn: the best of each, and the median of the ratios of
neighbors, since machines change their speed from one minute to the next. Also: the same under
torch's DataLoader with its own collating, in this process: a dataset that calls albumentations on
each image, as is usual, beside `AugmentedDataset`; the bare OpenCV call (or the few) on every
image, with its result in memory that is there already, which bounds what OpenCV can do; ours one by
one, every built-in policy on both of our backends, what keying costs on the albumentations path,
and what a batch costs from the cache.

Data: smooth pictures drawn from a seed.
Run: OMP_NUM_THREADS=1 python benchmarks/augment_throughput.py --out throughput.json [--quick]
With ``--sides 224`` only that size is measured again, and the rest of the file stays as it is.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2
import numpy as np
import torch
from albumentations.pytorch import ToTensorV2
from augment_output import publish
from augment_pipelines import bare_kernels, pairs
from torch.utils.data import DataLoader, Dataset

from augment import (
    AlbumentationsAugmenter,
    AugmentedDataset,
    Augmenter,
    BatchLoader,
    DecodedRows,
    cache_decoded,
)
from augment.policies import POLICIES
from thresher.core.files import read_json

BATCHES = 4
# Images of a batch by their side in pixels.
SIZES = {32: 512, 96: 128, 224: 32}
UNDER_LOADER = [
    "px",
    "pipeline",
    "albumentations, one by one",
    "AugmentedDataset",
    "times as fast",
]
LAST = {
    "bare call": "OpenCV's bare call",
    "copied": "batch only copied",
    "ours, one by one": "ours, one by one",
}


def pictures(n: int, side: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
    smooth = np.stack(
        [cv2.resize(one, (side, side), interpolation=cv2.INTER_CUBIC) for one in coarse]
    )
    noise = generator.integers(-8, 9, smooth.shape)
    return np.clip(smooth.astype(int) + noise, 0, 255).astype(np.uint8)


def rate(work: Callable[[], Any], n: int) -> float:
    start = time.process_time()
    work()
    return n / (time.process_time() - start)


def in_turn(works: dict[str, Callable[[], Any]], n: int, passes: int) -> dict[str, Any]:
    found: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(passes):
        for name, work in works.items():
            found[name].append(rate(work, n))
    return {
        name: {
            "best": round(max(values)),
            "median": round(float(np.median(values))),
            "passes": [round(value) for value in values],
        }
        for name, values in found.items()
    }


def times_as_fast(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Return the median ratio of passes that were made one after the other."""
    ratios = np.array(ours["passes"]) / np.array(theirs["passes"])
    return round(float(np.median(ratios)), 1)


def against_albumentations(side: int, n: int, passes: int) -> dict[str, Any]:
    """Return a row for each pipeline, on `BATCHES` batches of n images."""
    total, table, kernels = n * BATCHES, {}, bare_kernels(side)
    images = pictures(total, side)
    tensor = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    results, some = np.zeros_like(images), images[:16]
    for name, (policy, build) in pairs(side).items():
        peer, to_tensor = build(side), A.Compose([build(side), ToTensorV2()])
        aug = Augmenter(policy)
        works: dict[str, Callable[[], Any]] = {
            "albumentations": partial(theirs, peer, images, n),
            "albumentations, tensors": partial(theirs_on_tensors, to_tensor, tensor, n),
            "ours, arrays": partial(ours, aug, images, n),
            "ours, tensors": partial(ours, aug, tensor, n),
            "copied": partial(copied, images, n),
        }
        if name in kernels:
            works["bare call"] = partial(bare, kernels[name], images, results)
        row: dict[str, Any] = in_turn(works, total, passes)
        row |= in_turn({"ours, one by one": partial(one_by_one, aug, some)}, len(some), 3)
        for kind, form in (("", "arrays"), (", tensors", "tensors")):
            row[f"times as fast{kind}"] = times_as_fast(
                row[f"ours, {form}"], row[f"albumentations{kind}"]
            )
        table[name] = row
    return table


def theirs(peer: A.Compose, images: np.ndarray, n: int) -> None:
    for start in range(0, len(images), n):
        np.stack([peer(image=image)["image"] for image in images[start : start + n]])


def theirs_on_tensors(peer: A.Compose, images: torch.Tensor, n: int) -> None:
    for start in range(0, len(images), n):
        part = images[start : start + n]
        torch.stack([peer(image=image.permute(1, 2, 0).numpy())["image"] for image in part])


def ours(aug: Augmenter, images: Any, n: int) -> None:
    keys = np.arange(len(images), dtype=np.uint64)
    for start in range(0, len(images), n):
        aug.batch(images[start : start + n], keys[start : start + n])


def copied(images: np.ndarray, n: int) -> None:
    for start in range(0, len(images), n):
        images[start : start + n].copy()


def bare(kernel: Callable[..., Any], images: np.ndarray, results: np.ndarray) -> None:
    for image, result in zip(images, results, strict=True):
        kernel(image, result)


def one_by_one(aug: Augmenter, images: np.ndarray) -> None:
    for key, image in enumerate(images):
        aug(image, row_id=key)


class CalledOneByOne(Dataset[tuple[np.ndarray, int]]):
    """What users of albumentations write."""

    def __init__(self, images: np.ndarray, peer: A.Compose) -> None:
        self.images, self.peer = images, peer

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[np.ndarray, int]:
        return self.peer(image=self.images[row])["image"], row


def under_loader(side: int, n: int, passes: int) -> dict[str, Any]:
    """Return a row for each pipeline: n images in batches of 64 from torch's DataLoader."""
    images, table = pictures(n, side), {}
    rows = list(zip(images, range(n), strict=True))
    for name, (policy, build) in pairs(side).items():
        loaders = {
            "albumentations": DataLoader(CalledOneByOne(images, build(side)), batch_size=64),
            "ours": DataLoader(AugmentedDataset(rows, Augmenter(policy)), batch_size=64),
        }
        works = {label: partial(exhaust, loader) for label, loader in loaders.items()}
        row: dict[str, Any] = in_turn(works, n, passes)
        row["times as fast"] = times_as_fast(row["ours"], row["albumentations"])
        table[name] = row
    return table


def exhaust(loader: DataLoader[Any]) -> None:
    for _ in loader:
        pass


def backends(side: int, n: int, passes: int) -> dict[str, Any]:
    tensor = torch.from_numpy(np.ascontiguousarray(pictures(n, side).transpose(0, 3, 1, 2)))
    keys = np.arange(n, dtype=np.uint64)
    table = {}
    for name, make in POLICIES.items():
        augmenters = {one: Augmenter(make(), backend=one) for one in ("torch", "opencv")}
        works: dict[str, Callable[[], Any]] = {
            one: partial(aug.batch, tensor, keys) for one, aug in augmenters.items()
        }
        table[name] = in_turn(works, n, passes)
        table[name]["auto"] = Augmenter(make()).choose_backend().value
    return table


def keying_cost(calls: int, passes: int) -> dict[str, float]:
    image = pictures(1, 32)[0]
    steps = [A.HorizontalFlip(p=1), A.VerticalFlip(p=1), A.RandomCrop(28, 28)]
    plain, keyed = A.Compose(steps), AlbumentationsAugmenter(A.Compose(steps))

    def run_plain() -> None:
        for _ in range(calls):
            plain(image=image)

    def run_keyed() -> None:
        for row in range(calls):
            keyed(image, row_id=row)

    found = in_turn({"plain": run_plain, "keyed": run_keyed}, calls, passes)
    spent = {name: 1e6 / values["best"] for name, values in found.items()}
    return {**spent, "keying, microseconds a call": spent["keyed"] - spent["plain"]}


def loading(passes: int) -> dict[str, float]:
    """Microseconds an image from a memory-mapped cache of 32-pixel images."""
    n = 8192
    images, ids = pictures(n, 32), [str(row) for row in range(n)]
    with tempfile.TemporaryDirectory() as folder:
        cache = cache_decoded(
            Path(folder) / "cache", ids, lambda row: images[int(row)], size=(32, 32, 3)
        )
        order = np.random.default_rng(0).permutation(n)
        batches = [order[start : start + 512] for start in range(0, n, 512)]
        augmenter = Augmenter(POLICIES["crop_flip"]())
        loader = BatchLoader(cache.images, cache.keys, augmenter=augmenter, batch_size=512)
        works: dict[str, Callable[[], Any]] = {
            "gather": lambda: [cache.gather(batch) for batch in batches],
            "gather, crop and flip": lambda: [len(batch.images) for batch in loader],
        }
        found = in_turn(works, n, passes)
    return {name: 1e6 / values["best"] for name, values in found.items()}


def decode(row: str) -> np.ndarray:
    """Decode a photograph of 500 × 375, the same one for every row, and scale it down."""
    del row
    found = cv2.imdecode(_compressed(), cv2.IMREAD_COLOR)
    return np.asarray(cv2.resize(found, (64, 64), interpolation=cv2.INTER_AREA))


@lru_cache(maxsize=1)
def _compressed() -> np.ndarray:
    picture = cv2.resize(pictures(1, 224)[0], (500, 375))
    return np.asarray(cv2.imencode(".jpg", picture)[1])


def worker_processes() -> list[dict[str, Any]]:
    """Wall time of an epoch with and without worker processes, and what ``"auto"`` chose."""
    n, table = 2048, []
    keys = np.arange(n, dtype=np.uint64)
    decoded = DecodedRows([str(row) for row in keys], decode, size=(64, 64, 3))
    augmenter = Augmenter(POLICIES["standard"]())
    sources: dict[str, np.ndarray | DecodedRows] = {
        "array, 32 px": pictures(n, 32),
        "JPEG of 500 × 375": decoded,
    }
    for name, images in sources.items():
        row: dict[str, Any] = {"images": name}
        for workers in (0, 1, 2, "auto"):
            loader = BatchLoader(images, keys, augmenter=augmenter, batch_size=128, workers=workers)
            start = time.perf_counter()
            for _ in loader:
                pass
            row[str(workers)] = time.perf_counter() - start
        row["chosen"] = str(loader.chosen_workers)
        table.append(row)
    return table


def page(result: dict[str, Any]) -> dict[str, Any]:
    """Return the tables for readers."""
    rows = []
    for side, table in result["images per CPU-second"].items():
        for name, row in table.items():
            best = {key: value["best"] for key, value in row.items() if isinstance(value, dict)}
            rows.append(
                [side, name]
                + [f"{best[key]:,}" for key in ("albumentations", "ours, arrays")]
                + [f"**{row['times as fast']}**"]
                + [f"{best[key]:,}" for key in ("albumentations, tensors", "ours, tensors")]
                + [f"**{row['times as fast, tensors']}**"]
                + [f"{best[key]:,}" if key in best else "" for key in LAST]
            )
    header = ["px", "pipeline", "albumentations, arrays", "ours", "times as fast",
              "albumentations, tensors", "ours", "times as fast", *LAST.values()]  # fmt: skip
    loaded_rows = [
        [side, name]
        + [f"{row[label]['best']:,}" for label in ("albumentations", "ours")]
        + [f"**{row['times as fast']}**"]
        for side, table in result["under DataLoader"].items()
        for name, row in table.items()
    ]
    policies = [
        [side, name, f"{row['torch']['best']:,}", f"{row['opencv']['best']:,}"]
        for side, table in result["policies"].items()
        for name, row in table.items()
    ]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    loaded, keying = result["loading"], result["keying"]
    return {
        "title": "Speed of augmentation",
        "note": f"Smooth pictures from a seed, batch in and batch out, one thread ({versions}). "
        "Images: the best pass; times as fast: the median of nine ratios of passes in turn. "
        f"Keying a call to albumentations costs {keying['keying, microseconds a call']:.1f} µs; a "
        f"32-pixel image comes out of the cache in {loaded['gather']:.2f} µs, and cropped "
        f"and flipped in {loaded['gather, crop and flip']:.2f} µs. What bounds operations of few "
        "calls: these on every image of an array, with their result in memory that is there "
        "already (and with one setting: five taps for blur, a box of .8 of the side for "
        "random_resized_crop, a hole of .16 of the area for random_erasing).",
        "tables": [
            {"caption": "Images per CPU-second", "header": header, "rows": rows},
            {
                "caption": "Images per CPU-second under torch's DataLoader, batches of 64",
                "header": UNDER_LOADER,
                "rows": loaded_rows,
            },
            {
                "caption": "Our policies on both backends (tensors)",
                "header": ["px", "policy", "torch", "opencv"],
                "rows": policies,
            },
            {
                "caption": "Seconds for 2,048 images in batches of 128 by worker processes, start "
                "included",
                "header": ["images", "none", "1", "2", "auto", "auto chose"],
                "rows": [
                    [
                        row["images"],
                        *[round(row[key], 2) for key in ("0", "1", "2", "auto")],
                        row["chosen"],
                    ]
                    for row in result["worker processes"]
                ],
            },
        ],
    }


def versions() -> dict[str, str]:
    names = ("numpy", "torch", "albumentations", "opencv-python-headless")
    return {name: metadata.version(name) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--sides", type=int, nargs="+", choices=SIZES, help="of --out, again")
    arguments = parser.parse_args()
    if arguments.sides and not (arguments.out and Path(arguments.out).is_file()):
        parser.error("--sides measures sizes of an earlier result again; name its file in --out.")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    passes = 2 if arguments.quick else 9
    if arguments.sides:
        result: dict[str, Any] = read_json(arguments.out)
        if result["versions"] != versions():
            parser.error(f"{arguments.out} is of other versions, {result['versions']}.")
    else:
        result = {
            "versions": versions(),
            "processor": platform.processor() or platform.machine(),
            "images per CPU-second": {},
            "under DataLoader": {},
            "policies": {},
            "keying": keying_cost(2000, passes),
            "loading": loading(passes),
            "worker processes": worker_processes(),
        }
    for side in arguments.sides or SIZES:
        n, key = SIZES[side], str(side)
        result["images per CPU-second"][key] = against_albumentations(side, n, passes)
        result["under DataLoader"][key] = under_loader(side, 4 * n, passes)
        result["policies"][key] = backends(side, n, passes)
    publish(result | {"page": page(result)}, arguments.out)


if __name__ == "__main__":
    main()
