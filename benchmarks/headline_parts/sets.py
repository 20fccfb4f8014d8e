"""The four sets: rows with planted copies, leaks and wrong labels, and clean test labels."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from thresher.core.images import decode_image
from training import HashTokenizer, Samples, samples_from_arrays

from .planting import (
    LEAK,
    Planted,
    changed_image,
    changed_numbers,
    changed_text,
    plant,
    wrong_labels,
)

DATA = Path(os.environ.get("THRESHER_DATA", "."))
COPIES, LEAKS = 0.15, 0.02
CIFAR_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck"


@dataclass(frozen=True, eq=False)
class Task:
    """One set under one seed.

    Attributes
    ----------
    name, modality : str
    planted : Planted
        The training rows as they come.
    test_rows : list
    test_codes : ndarray of int64
        Right labels.
    classes : tuple of str
    epochs : int
        What every way trains for, but "fewer epochs", which has a quarter.
    true_codes : ndarray of int64
        Right labels of the training rows, to report what share is wrong.
    columns : tuple of str
        Of rows of numbers.
    vectors_only : bool
        Whether the networks read an encoder's vectors in place of the rows.
    """

    name: str
    modality: str
    planted: Planted
    test_rows: list[Any]
    test_codes: np.ndarray
    classes: tuple[str, ...]
    epochs: int
    true_codes: np.ndarray
    columns: tuple[str, ...] = ()
    vectors_only: bool = False
    vectors: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.planted.rows)

    @property
    def codes(self) -> np.ndarray:
        """Labels as they come, some of them wrong."""
        return self.planted.codes

    @cached_property
    def row_ids(self) -> np.ndarray:
        """Ids of the training rows, then of the test rows."""
        train = [f"row-{at:05d}" for at in range(len(self))]
        return np.array(train + [f"test-{at:05d}" for at in range(len(self.test_rows))])

    @cached_property
    def judged(self) -> np.ndarray:
        """Places of the test rows of which no copy leaked into training."""
        leaked = self.planted.source[self.planted.kind == LEAK]
        return np.setdiff1d(np.arange(len(self.test_rows)), leaked)

    @cached_property
    def inputs(self) -> tuple[np.ndarray, np.ndarray]:
        """What the networks read, of training and of test rows."""
        if self.vectors_only:
            return self.vectors["train"], self.vectors["test"]
        return self.read(self.planted.rows), self.read(self.test_rows)

    def read(self, rows: list[Any]) -> np.ndarray:
        """Turn rows into what the networks read."""
        if self.modality == "image":
            return np.stack([decode_image(data) for data in rows])
        if self.modality == "text":
            return HashTokenizer().encode(rows)
        return np.stack(rows).astype(np.float32)

    def samples(
        self, rows: np.ndarray | None = None, *, codes: np.ndarray | None = None
    ) -> Samples:
        """Return training rows at some places, all by default, with the labels as they come."""
        places = np.arange(len(self)) if rows is None else rows
        labels = self.codes if codes is None else codes
        return samples_from_arrays(
            self.inputs[0][places], row_ids=self.row_ids[places], targets=labels[places]
        )

    @cached_property
    def test(self) -> Samples:
        """The judged test rows with right labels."""
        return samples_from_arrays(
            self.inputs[1][self.judged],
            row_ids=self.row_ids[len(self) :][self.judged],
            targets=self.test_codes[self.judged],
        )

    @cached_property
    def table(self) -> datasets.Dataset:
        """All rows as a user has them: training and test rows with ids, splits and labels."""
        rows = [*self.planted.rows, *self.test_rows]
        if self.modality == "features":
            stacked = np.stack(rows)
            held = {name: stacked[:, at] for at, name in enumerate(self.columns)}
        elif self.modality == "image":
            held = {"image": [{"bytes": data, "path": None} for data in rows]}
        else:
            held = {"text": rows}
        codes = np.concatenate([self.codes, self.test_codes])
        held["label"] = [self.classes[code] for code in codes.tolist()]
        held["split"] = ["train"] * len(self) + ["test"] * len(self.test_rows)
        held["row_id"] = self.row_ids.tolist()
        made = datasets.Dataset.from_dict(held)
        return made.cast_column("image", datasets.Image()) if self.modality == "image" else made

    @property
    def inputs_named(self) -> str | list[str]:
        """The column or columns that are read."""
        return list(self.columns) if self.modality == "features" else self.modality

    def facts(self) -> dict[str, Any]:
        """Say what the set is made of."""
        kinds = {kind: int((self.planted.kind == kind).sum()) for kind in ("own", "copy", "leak")}
        wrong = float((self.codes != self.true_codes).mean())
        return {**kinds, "wrong": wrong, "judged": len(self.judged), "epochs": self.epochs}


def cifar10(seed: int, rows: int) -> Task:
    """CIFAR-10N's first random annotator on rows of the first 25,000."""
    rng = np.random.default_rng((seed, 1))
    labels = pq.read_table(DATA / "cifar10n_labels_first25k.parquet")
    chosen = np.sort(rng.choice(len(labels), rows, replace=False))
    jpeg = pq.read_table(DATA / "cifar10_train.parquet", columns=["jpeg"])["jpeg"]
    test = pq.read_table(DATA / "cifar10_test.parquet", columns=["jpeg", "label"])
    return _task(
        "cifar10",
        "image",
        jpeg.take(chosen).to_pylist(),
        np.asarray(labels["random1"])[chosen],
        np.asarray(labels["clean"])[chosen],
        test=_some(test, "jpeg", np.asarray(test["label"]), count=5000, rng=rng),
        change=changed_image,
        classes=tuple(CIFAR_CLASSES.split()),
        epochs=12,
        rng=rng,
    )


def banking77(seed: int, rows: int) -> Task:
    """Banking77 with a tenth of the labels wrong, each other class as likely."""
    rng = np.random.default_rng((seed, 2))
    table = pq.read_table(DATA / "text_classification.parquet")
    frame = table.filter(pa.compute.equal(table["dataset"], "banking77")).to_pandas()
    classes, codes = np.unique(frame["label_name"].to_numpy(str), return_inverse=True)
    train = np.flatnonzero(frame["split"] == "train")
    train = np.sort(rng.choice(train, min(rows, len(train)), replace=False))
    held = np.flatnonzero(frame["split"] == "test")
    texts = frame["text"].tolist()
    return _task(
        "banking77",
        "text",
        [texts[at] for at in train],
        wrong_labels(codes[train], share=0.1, classes=len(classes), rng=rng),
        codes[train],
        test=([texts[at] for at in held], codes[held]),
        change=changed_text,
        classes=tuple(classes.tolist()),
        epochs=15,
        rng=rng,
    )


def photographs(seed: int, rows: int) -> Task:
    """Imagenette's subset with a quarter of the labels wrong, as published with it."""
    rng = np.random.default_rng((seed, 3))
    frame = pq.read_table(DATA / "imagenette224_subset.parquet").to_pandas()
    kinds, true = np.unique(frame["wnid"].to_numpy(str), return_inverse=True)
    noisy = np.searchsorted(kinds, frame["noisy_labels_25"].to_numpy(str))
    names = dict(zip(frame["wnid"], frame["label_name"], strict=True))
    train, held = (np.flatnonzero(frame["split"] == split) for split in ("train", "val"))
    train = np.sort(rng.choice(train, min(rows, len(train)), replace=False))
    files = frame["jpeg"].tolist()
    return _task(
        "photographs",
        "image",
        [files[at] for at in train],
        noisy[train],
        true[train],
        test=([files[at] for at in held], true[held]),
        change=changed_image,
        classes=tuple(str(names[kind]) for kind in kinds),
        epochs=20,
        rng=rng,
        vectors_only=True,
    )


def adult(seed: int, rows: int) -> Task:
    """Adult as numbers, one for each category; 15 % of the labels wrong."""
    rng = np.random.default_rng((seed, 4))
    frame = pq.read_table(DATA / "tabular_adult.parquet").to_pandas()
    codes = (frame.pop("income").str.strip() == ">50K").to_numpy().astype(np.int64)
    split = frame.pop("split").to_numpy(str)
    frame["native_country"] = np.where(frame["native_country"] == "United-States", "US", "other")
    wide = pd.get_dummies(frame.drop(columns=["education"]), dtype=float)
    held = np.flatnonzero(split == "test")
    train = np.sort(rng.choice(np.flatnonzero(split == "train"), rows, replace=False))
    held = np.sort(rng.choice(held, 5000, replace=False))
    numbers = wide.to_numpy(float)
    moved = {"age": 1, "fnlwgt": 2000, "hours_per_week": 2}
    places = [(wide.columns.get_loc(name), most) for name, most in moved.items()]
    return _task(
        "adult",
        "features",
        list(numbers[train]),
        wrong_labels(codes[train], share=0.15, classes=2, rng=rng),
        codes[train],
        test=(list(numbers[held]), codes[held]),
        change=changed_numbers(*places),
        classes=("up to 50K", "above 50K"),
        epochs=20,
        rng=rng,
        columns=tuple(name.replace(" ", "_") for name in wide.columns),
    )


def _some(
    table: pa.Table, column: str, codes: np.ndarray, *, count: int, rng: np.random.Generator
) -> tuple[list[Any], np.ndarray]:
    chosen = np.sort(rng.choice(len(table), count, replace=False))
    return table[column].take(chosen).to_pylist(), codes[chosen]


def _task(
    name: str,
    modality: str,
    rows: list[Any],
    codes: np.ndarray,
    true: np.ndarray,
    *,
    test: tuple[list[Any], np.ndarray],
    change: Callable[[Any, np.random.Generator], Any],
    rng: np.random.Generator,
    **about: Any,
) -> Task:
    codes, true, right = (np.asarray(part, np.int64) for part in (codes, true, test[1]))
    counts = {"copies": round(COPIES * len(rows)), "leaks": round(LEAKS * len(rows))}
    planted = plant(rows, codes, test=(test[0], right), change=change, rng=rng, **counts)
    of_test = planted.kind == LEAK
    known = np.empty(len(planted.codes), np.int64)
    known[of_test] = right[planted.source[of_test]]
    known[~of_test] = true[planted.source[~of_test]]
    return Task(name, modality, planted, test[0], right, true_codes=known, **about)


SETS: dict[str, tuple[Callable[[int, int], Task], int]] = {
    "banking77": (banking77, 4000),
    "adult": (adult, 4000),
    "photographs": (photographs, 800),
    "cifar10": (cifar10, 3000),
}
