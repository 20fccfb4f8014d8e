"""The sets on which advice is judged: those it was tuned on, and those that took no part."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import PIL.Image
import pyarrow.parquet as pq

ROOT = Path(os.environ.get("THRESHER_DATA", "."))
CATS, DOGS = 3, 5
FROM_PIXELS = "resnet8"
# Of WordNet's numbers in ImageNet, which begin with the animals.
LAST_ANIMAL = "n02512053"
Read = Callable[[], tuple[Any, np.ndarray]]


@dataclass(frozen=True)
class Task:
    """Rows given to the advice, rows held back for the lever of more labels, and test rows.

    ``copies`` is the share of planted copies, ``wrong`` that of labels made wrong; ``fresh`` tells
    sets that took no part in any choice of the advice. Images are learned from pixels, as asked for
    by the settings, or with ``start`` from what a run chooses by itself: here from shipped weights.
    ``late`` tells fresh sets that came last, with levers and whole runs of the version of then.
    """

    name: str
    kind: str
    read: Read
    given: int
    test: int = 2500
    copies: float = 0.0
    wrong: float = 0.0
    epochs: int | None = None
    fresh: bool = False
    truth: Read | None = None
    start: bool = False
    late: bool = False

    @cached_property
    def parts(self) -> dict[str, tuple[Any, np.ndarray]]:
        """Inputs and codes of ``given``, ``more`` and ``test``."""
        return self.drawn(0)

    def drawn(self, seed: int) -> dict[str, tuple[Any, np.ndarray]]:
        """Return the parts, of which another seed gives the same rows but other ones held back."""
        values, codes = self.read()
        rng = np.random.default_rng(0)
        order = rng.permutation(len(codes))
        if seed:
            held = np.random.default_rng(seed).permutation(order[self.given :])
            order = np.concatenate([order[: self.given], held])
        tested = min(self.test, len(codes) - 2 * self.given)
        ends = (self.given, 2 * self.given, 2 * self.given + tested)
        rows = dict(zip(("given", "more", "test"), np.split(order, ends)[:3], strict=True))
        if self.copies:
            fresh = rows["given"][: round(self.given * (1 - self.copies))]
            again = rng.choice(fresh, self.given - len(fresh))
            rows["given"] = rng.permutation(np.concatenate([fresh, again]))
        parts = {name: (taken(values, at), codes[at]) for name, at in rows.items()}
        if self.truth is not None:
            parts["test"] = parts["test"][0], self.truth()[1][rows["test"]]
        if self.wrong:
            # Data come as noisy as they are, however many; test rows stay right.
            for name in ("given", "more"):
                own, flip = parts[name][1].copy(), rng.random(len(rows[name])) < self.wrong
                own[flip] = (own[flip] + rng.integers(1, codes.max() + 1, flip.sum())) % (
                    codes.max() + 1
                )
                parts[name] = parts[name][0], own
        return parts

    def dataset(self) -> datasets.Dataset:
        """Return what the advice and the run are given."""
        columns: dict[str, list[Any]] = {}
        for name, split in (("given", "train"), ("test", "test")):
            values, codes = self.parts[name]
            for column, entries in _columns(self.kind, values).items():
                columns.setdefault(column, []).extend(entries)
            columns.setdefault("label", []).extend(f"c{code:02d}" for code in codes)
            columns.setdefault("split", []).extend([split] * len(codes))
        return datasets.Dataset.from_dict(columns)

    def settings(self) -> dict[str, Any]:
        """Return the settings of the run."""
        own: dict[str, Any] = {} if self.epochs is None else {"epochs": self.epochs}
        if self.kind == "image" and not self.start:
            own["model"] = FROM_PIXELS
        return {"threads": 1, "student": own, "teacher": own}


def taken(values: Any, at: np.ndarray) -> Any:
    """Return some rows of an array or a list."""
    return values[at] if isinstance(values, np.ndarray) else [values[row] for row in at]


def _columns(kind: str, values: Any) -> dict[str, list[Any]]:
    if kind == "features":
        return {f"x{at:02d}": values[:, at].tolist() for at in range(values.shape[1])}
    return {kind: list(values)}


def texts(name: str) -> Read:
    def read() -> tuple[Any, np.ndarray]:
        table = pq.read_table(ROOT / "text_classification.parquet").to_pandas()
        table = table[table["dataset"] == name]
        return table["text"].tolist(), np.unique(table["label_name"], return_inverse=True)[1]

    return read


def hausa(column: str, *, ruled: bool = False) -> Read:
    """Read news titles by the labels of a column; ``ruled``: those that have a label by rules."""

    def read() -> tuple[Any, np.ndarray]:
        table = pq.read_table(ROOT / "text_noisy_labels_hausa.parquet").to_pandas()
        table = table[table["noisy_label"].notna()] if ruled else table
        names = np.unique(table["clean_label"])
        return table["text"].tolist(), np.searchsorted(names, table[column])

    return read


def small_table(name: str) -> Read:
    def read() -> tuple[Any, np.ndarray]:
        with np.load(ROOT / "tabular_small.npz", allow_pickle=True) as file:
            codes = np.unique(file[f"{name}_y"], return_inverse=True)[1]
            return file[f"{name}_X"].astype(np.float64), codes

    return read


def adult() -> tuple[Any, np.ndarray]:
    import pandas as pd

    table = pq.read_table(ROOT / "tabular_adult.parquet").to_pandas()
    codes = (table.pop("income").str.strip(" .") == ">50K").to_numpy().astype(np.int64)
    wide = pd.get_dummies(table.drop(columns=["split", "fnlwgt", "native_country"]))
    return wide.to_numpy(np.float64), codes


def cifar10() -> tuple[Any, np.ndarray]:
    table = pq.read_table(ROOT / "cifar10_train.parquet").slice(0, 6000)
    return table["jpeg"].to_pylist(), table["label"].to_numpy()


def pictures(*classes: int) -> Read:
    """Read pictures of some classes of CIFAR-10 that no other set has."""

    def read() -> tuple[Any, np.ndarray]:
        table = pq.read_table(ROOT / "cifar10_train.parquet").slice(8000, 6000).to_pandas()
        table = table[table["label"].isin(classes)]
        return table["jpeg"].tolist(), np.searchsorted(classes, table["label"])

    return read


def cats_and_dogs() -> tuple[Any, np.ndarray]:
    table = pq.read_table(ROOT / "cifar10_test.parquet").to_pandas()
    table = table[table["label"].isin([CATS, DOGS])]
    return table["jpeg"].tolist(), (table["label"] == DOGS).to_numpy().astype(np.int64)


def written_digits() -> tuple[Any, np.ndarray]:
    with np.load(ROOT / "mnist_test_label_errors.npz") as file:
        return [as_png(image) for image in file["images"]], file["labels"].astype(np.int64)


def as_png(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(image).save(stream, "png")
    return stream.getvalue()


def photographs(classes: slice) -> Read:
    """Read photographs of some of ten classes."""

    def read() -> tuple[Any, np.ndarray]:
        table = pq.read_table(ROOT / "imagenette224_subset.parquet").to_pandas()
        names = np.unique(table["label_name"])[classes]
        table = table[table["label_name"].isin(names)]
        return table["jpeg"].tolist(), np.searchsorted(names, table["label_name"])

    return read


def animals() -> tuple[Any, np.ndarray]:
    """Read photographs of animals and of things, each of another kind."""
    table = pq.read_table(ROOT / "copydetect_photos_dev.parquet").to_pandas()
    table = table[table["kind"] == "original"]
    return table["jpeg"].tolist(), (table["id"] < LAST_ANIMAL + "_zz").to_numpy().astype(np.int64)


def digits() -> tuple[Any, np.ndarray]:
    from sklearn.datasets import load_digits

    values, codes = load_digits(return_X_y=True)
    return values, codes


def breast_cancer() -> tuple[Any, np.ndarray]:
    from sklearn.datasets import load_breast_cancer

    values, codes = load_breast_cancer(return_X_y=True)
    return values, codes.astype(np.int64)


TASKS = {
    task.name: task
    for task in (
        Task("trec", "text", texts("trec"), 1800),
        Task("subj", "text", texts("subj"), 2500),
        Task("rt_polarity", "text", texts("rt_polarity"), 2500),
        Task("banking77", "text", texts("banking77"), 3000),
        Task("adult", "features", adult, 6000, test=6000),
        Task("phoneme", "features", small_table("phoneme"), 1500),
        Task("wine", "features", small_table("wine_white"), 1300),
        Task("mammography", "features", small_table("mammography"), 3500, test=4000),
        Task("digits", "features", digits, 500),
        Task("cifar10", "image", cifar10, 1000, test=2000, epochs=12),
        Task("vehicles", "image", pictures(0, 1, 8, 9), 500, test=1400, epochs=12),
        Task("four animals", "image", pictures(2, 4, 6, 7), 500, test=1400, epochs=12),
        Task("subj, a third copies", "text", texts("subj"), 2500, copies=1 / 3),
        Task("trec, a fifth wrong", "text", texts("trec"), 1800, wrong=0.2),
        Task("hausa", "text", hausa("clean_label"), 600, fresh=True),
        Task(
            "hausa, labels by rules",
            "text",
            hausa("noisy_label", ruled=True),
            400,
            fresh=True,
            truth=hausa("clean_label", ruled=True),
        ),
        Task("banknote", "features", small_table("banknote_authentication"), 400, fresh=True),
        Task("breast cancer", "features", breast_cancer, 160, fresh=True),
        Task("cats and dogs", "image", cats_and_dogs, 500, epochs=12, fresh=True),
        Task("cifar10, start", "image", cifar10, 1000, test=2000, epochs=12, start=True),
        Task(
            "five kinds of photographs",
            "image",
            photographs(slice(5)),
            250,
            fresh=True,
            start=True,
        ),
        Task(
            "five others, a quarter wrong",
            "image",
            photographs(slice(5, 10)),
            250,
            wrong=0.25,
            fresh=True,
            start=True,
        ),
        Task("animals or things", "image", animals, 200, epochs=12, fresh=True, start=True),
        Task("red wine", "features", small_table("wine_red"), 500, fresh=True, late=True),
        Task("oil spill", "features", small_table("oil-spill"), 300, fresh=True, late=True),
        Task(
            "hausa, a quarter wrong",
            "text",
            hausa("clean_label"),
            600,
            wrong=0.25,
            fresh=True,
            late=True,
        ),
        Task(
            "written digits",
            "image",
            written_digits,
            300,
            test=1500,
            epochs=12,
            fresh=True,
            late=True,
        ),
    )
}
