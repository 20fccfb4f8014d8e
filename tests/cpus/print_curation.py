"""Print a hash of what curation finds and decides on digits, on texts and by approximate search."""

import hashlib
import json
import tempfile
from pathlib import Path

import datasets
import numpy as np
from sklearn.datasets import load_digits

from curation import Curator, find_label_issues, find_near_duplicates, find_outliers
from curation.sharded import curate_shards
from thresher.core import embed, neighbor_graph
from thresher.core.embeddings import Embeddings

datasets.disable_progress_bars()
ROWS = 900


def digest(*values: object) -> str:
    text = "|".join(str(np.asarray(value).tolist()) for value in values)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def curated(data: datasets.Dataset) -> dict[str, str]:
    """Return a hash of each file of the manifest."""
    manifest = Curator(threshold=0.95).fit(data, label="label").manifest_
    with tempfile.TemporaryDirectory() as folder:
        manifest.save(Path(folder) / "manifest")
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16]
            for path in sorted(Path(folder).rglob("*"))
            if path.is_file()
        }


rng = np.random.default_rng(0)
digits = load_digits()
images = (digits.images[:ROWS] * 15.9).astype(np.uint8)
images = images.repeat(3, axis=1).repeat(3, axis=2)
images[700:730] = images[:30]
images[730:760] = np.clip(images[30:60].astype(int) + rng.integers(-4, 5, (30, 24, 24)), 0, 255)
labels = digits.target[:ROWS].copy()
labels[::25] = (labels[::25] + 1 + rng.integers(0, 9, len(labels[::25]))) % 10
splits = np.where(np.arange(ROWS) % 5 == 4, "test", "train")
pictures = datasets.Dataset.from_dict(
    {"image": list(images), "label": labels.tolist(), "split": splits.tolist()},
    features=datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=[str(digit) for digit in range(10)]),
            "split": datasets.Value("string"),
        }
    ),
)
words = np.array([f"{a}{e}{c}" for a in "rgblm" for e in "aeo" for c in "dt"])
topics = rng.integers(0, 4, ROWS)
texts = [
    " ".join(rng.choice(words[topic * 6 : topic * 6 + 10], rng.integers(4, 12))) + f" {row % 40}"
    for row, topic in enumerate(topics)
]
texts[500:520] = [text.replace("e", "a", 1) for text in texts[:20]]
letters = datasets.Dataset.from_dict({"text": texts, "label": topics.tolist()})

vectors = embed(images)
near = neighbor_graph(vectors, threshold=0.9)
some = find_near_duplicates(near)
suspects = find_label_issues(labels, embeddings=vectors)
centers = rng.normal(size=(300, 40))
many = centers[rng.integers(0, 300, 6000)] + 0.25 * rng.normal(size=(6000, 40))
many = Embeddings.from_vectors(many)
close = neighbor_graph(many, threshold=0.9, method="approximate", recall=0.97)
nearest = neighbor_graph(many, k=5, method="approximate", recall=0.95)
with tempfile.TemporaryDirectory() as folder:
    many.save(Path(folder) / "rows")
    work = Path(folder) / "work"
    parts = curate_shards([Path(folder) / "rows"], work, threshold=0.9, method="partition")
    shards = parts.whole()
answer = {
    "pairs": digest(near.indices, near.similarities),
    "kept": digest(some.kept, some.duplicate_of),
    "wrong labels": digest(suspects.flagged, suspects.suggested),
    "scores of labels": digest(suspects.scores.round(7)),
    "outliers": digest(find_outliers(vectors).flagged),
    "approximate pairs": digest(close.indices, close.similarities) + close.method,
    "shards": shards.fingerprint,
    "approximate neighbors": digest(nearest.indices, nearest.similarities) + nearest.method,
    **{f"digits: {name}": value for name, value in curated(pictures).items()},
    **{f"texts: {name}": value for name, value in curated(letters).items()},
}
print(json.dumps(answer))
