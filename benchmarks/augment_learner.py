"""The small network that the benchmarks of augmentation train, its data, a file of finished runs.

No benchmark itself: `augment_audit`, `augment_choice` and `augment_repeated_stream` import it.
Data: scikit-learn's digits (8 px); with THRESHER_DATA also MNIST's test pictures at 14 px
(``mnist_test_label_errors.npz``, arrays ``images`` and ``labels``) and CIFAR-10 at 16 px
(``cifar10_train.parquet``, columns ``jpeg`` and ``label``; https://www.cs.toronto.edu/~kriz).
Each set is cut by class into a part for judging policies, a part to train on, and a test part.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn

from augment import Augmenter, Policy

BATCH = 50
TEST_ROWS = 2000
Augment: TypeAlias = Callable[[torch.Tensor, np.ndarray, int], torch.Tensor]


@dataclass(frozen=True)
class Pictures:
    """uint8 pictures (n, H, W, C) with class numbers (n,)."""

    images: np.ndarray
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> Pictures:
        """Return the pictures at these positions."""
        return Pictures(self.images[rows], self.labels[rows])

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return uint8 (n, C, H, W) and int64 (n,)."""
        pixels = np.ascontiguousarray(self.images.transpose(0, 3, 1, 2))
        return torch.from_numpy(pixels), torch.from_numpy(self.labels.astype(np.int64))


@dataclass(frozen=True)
class Tested:
    """Percent right on the test rows, over all and for each class, and on the training rows."""

    accuracy: float
    by_class: list[float]
    learned: float


def digits() -> Pictures:
    from sklearn.datasets import load_digits

    data = load_digits()
    return Pictures((data.images / 16 * 255).astype(np.uint8)[..., None], data.target)


def mnist() -> Pictures:
    data = np.load(_folder() / "mnist_test_label_errors.npz")
    return Pictures(_halved(data["images"][..., None]), data["labels"].astype(int))


def cifar10(rows: int = 20_000) -> Pictures:
    import pyarrow.parquet as pq

    from thresher.core.images import decode_image

    table = pq.read_table(_folder() / "cifar10_train.parquet", columns=["jpeg", "label"])
    columns = table.slice(0, rows).to_pydict()
    images = np.stack([decode_image(one) for one in columns["jpeg"]])
    return Pictures(_halved(images), np.array(columns["label"]))


SETS = {"digits": digits, "mnist": mnist, "cifar10": cifar10}


def available() -> list[str]:
    return list(SETS) if os.environ.get("THRESHER_DATA") else ["digits"]


def _folder() -> Path:
    return Path(os.environ["THRESHER_DATA"])


def _halved(images: np.ndarray) -> np.ndarray:
    n, height, width, channels = images.shape
    blocks = images.reshape(n, height // 2, 2, width // 2, 2, channels)
    return np.asarray(blocks.mean(axis=(2, 4)) + 0.5).astype(np.uint8)


def cut(
    data: Pictures, *, per_class: list[int], seed: int = 0, test_rows: int = TEST_ROWS
) -> list[Pictures]:
    """Cut parts of so many rows of each class at random, and of the rest so many to test with."""
    order = np.random.default_rng(seed).permutation(len(data.labels))
    members = [order[data.labels[order] == label] for label in np.unique(data.labels)]
    ends = np.cumsum(per_class)
    split = [np.split(rows, ends) for rows in members]
    parts = [np.concatenate([rows[i] for rows in split]) for i in range(len(per_class) + 1)]
    parts[-1] = np.random.default_rng(seed).permutation(parts[-1])[:test_rows]
    return [data.take(rows) for rows in parts]


def network(channels: int, classes: int, width: int = 16) -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((channels, width), (width, 2 * width), (2 * width, 2 * width)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * width, classes)
    )


def with_policy(policy: Policy, *, seed: int) -> Augment | None:
    """Return a policy in the form that `train` takes: an epoch's pictures, in order, at once."""
    if not policy.steps:
        return None
    augmenter = Augmenter(policy, random_state=seed)
    return lambda images, keys, epoch: augmenter.batch(images, keys, epoch)


def train(
    data: Pictures,
    test: Pictures,
    *,
    augment: Augment | None,
    epochs: int,
    seed: int,
    shuffle: bool = True,
) -> Tested:
    """Train once and test; `seed` fixes start and order, the same for every policy."""
    torch.manual_seed(seed)
    inputs, targets = data.tensors()
    classes = int(test.labels.max()) + 1
    model = network(inputs.shape[1], classes).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    steps = epochs * -(-len(inputs) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps)
    keys = np.arange(len(inputs), dtype=np.uint64)
    order = torch.randperm(len(inputs))
    for epoch in range(epochs):
        order = torch.randperm(len(inputs)) if shuffle else order
        images = inputs[order]
        images = images if augment is None else augment(images, keys[order], epoch)
        for part, wanted in zip(images.split(BATCH), targets[order].split(BATCH), strict=True):
            loss = nn.functional.cross_entropy(model(_scaled(part)), wanted, label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
    accuracy, by_class = _right(model, test)
    return Tested(accuracy, by_class, learned=_right(model, data)[0])


def _scaled(images: torch.Tensor) -> torch.Tensor:
    return (images.float() / 128 - 1).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def _right(model: nn.Module, test: Pictures) -> tuple[float, list[float]]:
    inputs, targets = test.tensors()
    found = torch.cat([model(_scaled(part)).argmax(dim=1) for part in inputs.split(500)])
    right = (found == targets).float()
    classes = [100 * float(right[targets == label].mean()) for label in targets.unique()]
    return 100 * float(right.mean()), classes


class FinishedRuns:
    """Finished runs in a file of JSON lines, so that a stopped benchmark goes on where it was."""

    def __init__(self, path: str | None) -> None:
        self.path = Path(path) if path else None
        self.runs: dict[str, Any] = {}
        if self.path and self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                self.runs[record["key"]] = record["value"]

    def get(self, key: tuple[Any, ...], work: Callable[[], Any]) -> Any:
        """Return what is on file under `key`, or do the work and file it."""
        name = json.dumps(key)
        if name not in self.runs:
            self.runs[name] = work()
            if self.path:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": name, "value": self.runs[name]}) + "\n")
        return self.runs[name]
