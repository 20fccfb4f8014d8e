"""Claim: planted strangers of five kinds rank first, also where they come in groups.

Strangers of each kind, one, five or thirty, are put among images or texts; average precision of
`find_outliers` over all kinds together, share of strangers flagged, and share of the others that
are. For images: noise, pages of text, graphics, handwritten digits, and frogs of CIFAR-10 enlarged
(in CIFAR-10 itself no frogs); vectors are those of ``builtin:image``, and for photographs of
``joined:image`` where its weights are installed, with and without what is measured of the images
(`Curator` gives both). For texts, ``builtin:text`` and other languages,
letters, code and other corpora. How the ways of seeing are joined was chosen on Imagenette, the
ImageNet samples, TREC, subj and Banking77; CIFAR-10, MNIST and rt_polarity took no part in that.

Beside us on the same vectors: scikit-learn's LOF (20 neighbors) and isolation forest at their
defaults, and the mean distance to ten neighbors (the score of cleanlab's Datalab and of DataEval's
OOD_KNN).

Data: the folder in THRESHER_DATA holds ``imagenette224_subset.parquet``, ``cifar10_train.parquet``,
``copydetect_photos_dev.parquet``, ``mnist_test_label_errors.npz``, ``text_classification.parquet``
and ``text_noisy_labels_hausa.parquet``.

Run: THRESHER_DATA=… python benchmarks/curation_outliers.py --out outliers.json
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import sklearn
from planted.strangers import DRAWN, code, german, letters
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from curation import find_outliers
from curation.quality.image import PROPERTIES, image_properties
from thresher.core.encoders import get_encoder
from thresher.core.errors import ThresherError
from thresher.core.files import write_json
from thresher.core.images import decode_image, fit_square

GROUPS = (0, 1, 5, 30)
FROG = 6
Pool = Callable[[int, np.random.Generator], list[Any]]


def squares(files: list[bytes], side: int) -> list[np.ndarray]:
    return [fit_square(decode_image(data), side) for data in files]


def image_sets(folder: Path, count: int) -> Iterator[tuple[str, list[np.ndarray], dict[str, Pool]]]:
    nette = pq.read_table(folder / "imagenette224_subset.parquet", columns=["split", "jpeg"])
    rows = [row["jpeg"] for row in nette.to_pylist() if row["split"] == "val"]
    yield "Imagenette, val", squares(rows[:count], 96), image_pools(folder, 96)
    table = pq.read_table(folder / "copydetect_photos_dev.parquet", columns=["edit", "jpeg"])
    rows = [row["jpeg"] for row in table.to_pylist() if not row["edit"]]
    yield "ImageNet samples", squares(rows[:count], 96), image_pools(folder, 96)
    table = pq.read_table(folder / "cifar10_train.parquet", columns=["jpeg", "label"])
    table = table.slice(20_000, 4 * count).to_pylist()
    rows = [row["jpeg"] for row in table if row["label"] != FROG]
    yield "CIFAR-10 without frogs", squares(rows, 32), image_pools(folder, 32)
    mnist = np.load(folder / "mnist_test_label_errors.npz")["images"][: 4 * count]
    pools = {name: pool for name, pool in image_pools(folder, 28).items() if name != "digits"}
    yield "MNIST", [np.repeat(image[..., None], 3, axis=2) for image in mnist], pools


def photograph_sets(folder: Path, count: int) -> Iterator[tuple[str, list[Any], dict[str, Pool]]]:
    return islice(image_sets(folder, count), 2)


def shipped() -> bool:
    """Tell whether the weights of the joined encoder are installed."""
    try:
        get_encoder("joined:image")
    except ThresherError as error:
        print(f"joined:image is left out: {error}")
        return False
    return True


def image_pools(folder: Path, side: int) -> dict[str, Pool]:
    table = pq.read_table(folder / "cifar10_train.parquet", columns=["jpeg", "label"])
    frogs = [row["jpeg"] for row in table.slice(0, 2_000).to_pylist() if row["label"] == FROG]
    digits = np.load(folder / "mnist_test_label_errors.npz")["images"][5_000:6_000]
    gray = [np.repeat(image[..., None], 3, axis=2) for image in digits]
    pools: dict[str, Pool] = {name: drawn(draw, side) for name, draw in DRAWN.items()}
    return pools | {
        "digits": picked([fit_square(image, side) for image in gray]),
        "frogs": picked(squares(frogs, side)),
    }


def drawn(draw: Callable[[int, np.random.Generator], np.ndarray], side: int) -> Pool:
    return lambda count, rng: [draw(side, rng) for _ in range(count)]


def picked(values: list[Any]) -> Pool:
    return lambda count, rng: [values[row] for row in rng.choice(len(values), count, replace=False)]


def text_sets(folder: Path, count: int) -> Iterator[tuple[str, list[str], dict[str, Pool]]]:
    table = pq.read_table(folder / "text_classification.parquet").to_pandas()
    corpora = {name: part["text"].tolist() for name, part in table.groupby("dataset")}
    hausa = pq.read_table(folder / "text_noisy_labels_hausa.parquet").to_pandas()
    titles = hausa["text"].tolist()
    made: dict[str, Pool] = {
        name: written(write)
        for name, write in (("German", german), ("letters", letters), ("code", code))
    }
    for name, other in (("trec", "rt_polarity"), ("subj", "banking77"), ("rt_polarity", "trec")):
        rows = np.random.default_rng(0).choice(len(corpora[name]), 2 * count, replace=False)
        pools = made | {"Hausa": picked(titles), other: picked(corpora[other])}
        yield name, [corpora[name][row] for row in rows], pools


def written(write: Callable[[np.random.Generator], str]) -> Pool:
    return lambda count, rng: [write(rng) for _ in range(count)]


def peers(vectors: np.ndarray) -> dict[str, np.ndarray]:
    near = NearestNeighbors(n_neighbors=11, metric="cosine").fit(vectors)
    factor = LocalOutlierFactor().fit(vectors)
    forest = IsolationForest(random_state=0).fit(vectors)
    return {
        "mean of 10": near.kneighbors(vectors)[0][:, 1:].mean(axis=1),
        "LOF": -factor.negative_outlier_factor_,
        "isolation forest": -forest.score_samples(vectors),
    }


def measure(values: list[Any], pools: dict[str, Pool], group: int, encoder: str) -> dict[str, Any]:
    rng = np.random.default_rng(group)
    strange = [value for pool in pools.values() for value in pool(group, rng)]
    kind = np.repeat(["", *pools], [len(values), *[group] * len(pools)])
    rows = [*values, *strange]
    images = encoder.endswith(":image")
    if images:
        rows = np.stack(rows)
    vectors = get_encoder(encoder).fit(rows).encode(rows)
    start = time.process_time()
    found = {"vectors": find_outliers(vectors)}
    cost = 1e3 * (time.process_time() - start) / len(rows)
    if images:
        measured = image_properties(rows)
        looks = {name: measured[name] for name in PROPERTIES}
        found["vectors and looks"] = find_outliers(vectors, properties=looks)
    report: dict[str, Any] = {"cpu_ms": cost}
    for name, outliers in found.items():
        report[name] = judged(-outliers.scores, kind) | {
            "flagged": float(outliers.flagged[kind != ""].mean()) if group else None,
            "false": float(outliers.flagged[kind == ""].mean()),
        }
    if group:
        report |= {name: judged(scores, kind) for name, scores in peers(vectors).items()}
    return report


def judged(scores: np.ndarray, kind: np.ndarray) -> dict[str, Any]:
    if not (kind != "").any():
        return {"AP": None, "kinds": {}}
    kinds = {}
    for name in np.unique(kind[kind != ""]).tolist():
        among = (kind == name) | (kind == "")
        kinds[name] = float(average_precision_score(kind[among] == name, scores[among]))
    return {"AP": float(average_precision_score(kind != "", scores)), "kinds": kinds}


def page(report: dict[str, Any]) -> dict[str, Any]:
    tools = ("vectors", "vectors and looks", "mean of 10", "LOF", "isolation forest")
    rows, kinds = [], []
    for name, groups in report.items():
        for group, found in groups.items():
            ours = found.get("vectors and looks", found["vectors"])
            if ours["AP"] is None:
                rows.append([name, "none", *["–"] * len(tools), "–", f"{ours['false']:.2%}"])
                continue
            aps = [f"{found[tool]['AP']:.2f}" if tool in found else "–" for tool in tools]
            rows.append([name, group, *aps, f"{ours['flagged']:.0%}", f"{ours['false']:.2%}"])
            each = ", ".join(f"{kind} {ap:.2f}" for kind, ap in ours["kinds"].items())
            kinds.append([name, group, each])
    header = ["set", "of each kind", *tools, "strangers flagged", "others flagged"]
    return {
        "title": "Strangers",
        "note": "Average precision of five kinds of strangers (four in MNIST) among 500 to 2,000 "
        f"rows; peers are scikit-learn {sklearn.__version__} on the same vectors.",
        "tables": [
            {"caption": "All kinds together.", "header": header, "rows": rows},
            {
                "caption": "Each kind alone, by the best that we have for the set.",
                "header": ["set", "of each kind", "average precision"],
                "rows": kinds,
            },
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="few rows")
    options = parser.parse_args()
    if "THRESHER_DATA" not in os.environ:
        sys.exit("Set THRESHER_DATA to the folder that this script's first lines describe.")
    folder, count = Path(os.environ["THRESHER_DATA"]), 150 if options.quick else 500
    report: dict[str, Any] = {}
    plan = [("builtin:image", image_sets, ""), ("builtin:text", text_sets, "")]
    if shipped():
        plan.insert(1, ("joined:image", photograph_sets, ", joined:image"))
    for encoder, sets, suffix in plan:
        for set_name, values, pools in sets(folder, count):
            name = set_name + suffix
            report[name] = {}
            for group in GROUPS:
                found = report[name][str(group)] = measure(values, pools, group, encoder)
                print(name, group, {k: v["AP"] for k, v in found.items() if k != "cpu_ms"})
    if options.out:
        write_json(options.out, {"sets": report, "page": page(report)})


if __name__ == "__main__":
    main()
