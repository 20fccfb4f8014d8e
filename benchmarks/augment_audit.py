"""Claim: an audit of at most 20 labels a class tells which operations cost more than one point.

Truth: a small convolutional network is trained with and without each operation (always on in half
of the images), in paired seeds, and tested on unseen rows. Prediction: the audit's evidence of harm
from 20 labels a class, seen by neither network nor test. Reported: AUC for "costs more than one
point", for all cases and for those whose truth is resolved (two standard errors from −1), and the
verdicts on inversion.

Data: scikit-learn's digits; with THRESHER_DATA also CIFAR-10 (``cifar10_train.parquet``, columns
``jpeg`` and ``label``; https://www.cs.toronto.edu/~kriz/cifar.html).
Run: OMP_NUM_THREADS=1 python benchmarks/augment_audit.py --out audit.json [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from torch import nn

from augment import Augmenter, Policy, Step, audit

PER_CLASS = 20
STEPS = [
    *[Step(op) for op in ("hflip", "vflip", "invert", "equalize", "autocontrast", "grayscale")],
    *[Step("crop", {"pad": pad}) for pad in (1, 2, 4)],
    *[Step("cutout", {"size": size}) for size in (2, 4)],
    *[Step("rotate", {"high": angle}) for angle in (10.0, 30.0, 90.0, 180.0)],
    Step("rotate", {"low": 180.0, "high": 180.0}),
    Step("rotate", {"low": 90.0, "high": 90.0}),
    *[Step(f"shear_{axis}", {"high": slope}) for axis in "xy" for slope in (0.2, 0.9)],
    *[Step(f"translate_{axis}", {"high": share}) for axis in "xy" for share in (0.15, 0.6)],
    *[Step("solarize", {"high": amount}) for amount in (64.0, 256.0)],
    *[Step("posterize", {"high": bits}) for bits in (3.0, 7.0)],
    *[Step(op, {"high": 0.9}) for op in ("brightness", "contrast", "saturation", "sharpness")],
    *[Step("gaussian_blur", {"low": s, "high": s}) for s in (0.7, 2.0)],
    Step("random_resized_crop"),
]


def digits() -> tuple[np.ndarray, np.ndarray]:
    data = load_digits()
    return (data.images / 16 * 255).astype(np.uint8)[..., None], data.target


def cifar(rows: int) -> tuple[np.ndarray, np.ndarray]:
    import pyarrow.parquet as pq

    from thresher.core.images import decode_image

    path = Path(os.environ["THRESHER_DATA"]) / "cifar10_train.parquet"
    table = pq.read_table(path, columns=["jpeg", "label"]).slice(0, rows).to_pydict()
    return np.stack([decode_image(one) for one in table["jpeg"]]), np.array(table["label"])


def network(channels: int, width: int) -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((channels, width), (width, 2 * width), (2 * width, 2 * width)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * width, 10))


def accuracy(
    step: Step | None, train: Any, test: Any, *, epochs: int, width: int, seed: int
) -> float:
    """Train once and return the accuracy in percent; seeds fix the start and the order."""
    torch.manual_seed(seed)
    inputs, targets = train
    model = network(inputs.shape[1], width)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    steps = epochs * -(-len(inputs) // 50)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps)
    aug = None
    if step is not None:
        aug = Augmenter(Policy("one", (Step(step.op, step.settings, 0.5),)), random_state=seed)
    for epoch in range(epochs):
        for part in torch.randperm(len(inputs)).split(50):
            images = inputs[part]
            if aug is not None:
                images = aug.batch(images, part.numpy(), epoch)
            loss = nn.functional.cross_entropy(
                model(images.float() / 128 - 1), targets[part], label_smoothing=0.1
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        right = model(test[0].float() / 128 - 1).argmax(dim=1) == test[1]
    return 100 * float(right.float().mean())


def split(labels: np.ndarray, train_per_class: int) -> list[np.ndarray]:
    order = np.random.default_rng(0).permutation(len(labels))
    parts: list[list[np.ndarray]] = [[], [], []]
    for label in np.unique(labels):
        members = order[labels[order] == label]
        cuts = np.split(members, [PER_CLASS, PER_CLASS + train_per_class])
        for part, rows in zip(parts, cuts, strict=True):
            part.append(rows)
    return [np.concatenate(part) for part in parts]


def tensors(images: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> tuple[Any, Any]:
    pixels = np.ascontiguousarray(images[rows].transpose(0, 3, 1, 2))
    return torch.from_numpy(pixels), torch.from_numpy(labels[rows].astype(np.int64))


def cases(name: str, data: Any, options: dict[str, Any], seeds: int) -> list[dict[str, Any]]:
    images, labels = data
    seen, train_rows, test_rows = split(labels, options.pop("train_per_class"))
    train, test = (tensors(images, labels, rows) for rows in (train_rows, test_rows[:3000]))
    start = time.process_time()
    report = audit(
        Policy("all", tuple(STEPS)),
        images[seen],
        labels[seen],
        strengths=[1.0],
        max_rows=PER_CLASS * 10,
    )
    spent = time.process_time() - start
    baseline = [accuracy(None, train, test, seed=seed, **options) for seed in range(seeds)]
    listed = []
    for entry, step in zip(report.entries, STEPS, strict=True):
        runs = [accuracy(step, train, test, seed=seed, **options) for seed in range(seeds)]
        gain = np.array(runs) - baseline
        listed.append(
            {
                "set": name,
                "op": step.op,
                "settings": dict(step.settings),
                "gain": float(gain.mean()),
                "error": float(gain.std(ddof=1) / np.sqrt(seeds)),
                "effect": entry.effect,
                "low": entry.low,
                "high": entry.high,
                "distance": entry.distance,
                "recovered": entry.recovered_points,
                "harm": entry.harm,
                "verdict": entry.verdict,
            }
        )
        found = f"{gain.mean():+6.2f} ± {listed[-1]['error']:.2f}"
        print(f"{name} {step.op:20s} {found}  {entry.harm:+6.1f} {entry.verdict}", flush=True)
    print(f"{name}: audit {spent:.1f} CPU-s, baseline {np.mean(baseline):.1f} %", flush=True)
    return listed


def auc(listed: list[dict[str, Any]]) -> float | None:
    harmful = [case["gain"] < -1 for case in listed]
    if len(set(harmful)) < 2:
        return None
    return float(roc_auc_score(harmful, [case["harm"] for case in listed]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    seeds = 3 if arguments.quick else 8
    settings = {"train_per_class": 20, "epochs": 15, "width": 16}
    listed = cases("digits", digits(), settings, seeds)
    if os.environ.get("THRESHER_DATA") and not arguments.quick:
        settings = {"train_per_class": 100, "epochs": 20, "width": 16}
        listed += cases("cifar10", cifar(10_000), settings, 4)
    resolved = [case for case in listed if abs(case["gain"] + 1) > 2 * case["error"]]
    result = {
        "versions": {name: metadata.version(name) for name in ("numpy", "torch", "scikit-learn")},
        "cases": listed,
        "AUC, all": auc(listed),
        "AUC, resolved": auc(resolved),
        "resolved": len(resolved),
        "inversion": [case for case in listed if case["op"] == "invert"],
    }
    print({key: result[key] for key in ("AUC, all", "AUC, resolved", "resolved")})
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)


if __name__ == "__main__":
    main()
