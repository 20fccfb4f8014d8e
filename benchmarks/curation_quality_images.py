"""Claim: of 22 kinds of damage among photographs most are found, at few false alarms.

Every kind is planted in four photographs of a set, drawn at random (`planted/image_damage.py`);
three plantings a set. Recall: the share of damaged images that are flagged, whatever for.
Precision: the share of flagged images that were damaged. The photographs hold some damage of their
own (bars, a lost focus), which counts as a false alarm here. Limits were chosen on Imagenette's
training part and on 2,000 rows of CIFAR-10's; those of turned, negative and swapped images, which a
network sees, also on Imagenette's validation part and the ImageNet samples as they are. Clean sets,
which took no part, are given as they are. Beside us: CleanVision (all its issues but copies) and
DataEval's outliers (its default statistics and limits), where they are installed.

Data: the folder in THRESHER_DATA holds ``imagenette224_subset.parquet`` (fastai/imagenette; columns
``split``, ``jpeg``), ``copydetect_photos_dev.parquet`` (columns ``edit``, ``jpeg``; the unedited of
EliSchwartz/imagenet-sample-images), ``cifar10_test.parquet`` and ``mnist_test_label_errors.npz``.

Run: THRESHER_DATA=… python benchmarks/curation_quality_images.py --out images.json
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from planted.image_damage import DAMAGES, plant

from curation import find_quality_issues
from thresher.core.files import write_json
from thresher.core.images import decode_image

EACH = 4
SEEDS = 3
Images = list[np.ndarray | None]
Finder = Callable[[Images], np.ndarray]
# CleanVision's other issues are about copies, which are another check.
CLEANVISION = ("dark", "light", "low_information", "odd_aspect_ratio", "blurry", "odd_size")


def ours(images: Images) -> np.ndarray:
    return find_quality_issues(images, kind="image").flagged


def cleanvision() -> Finder:
    from cleanvision.imagelab import Imagelab
    from datasets import Dataset, Features, Image
    from PIL import Image as Pillow

    logging.disable(logging.INFO)

    def find(images: Images) -> np.ndarray:
        readable = [row for row, image in enumerate(images) if image is not None]
        pictures = [Pillow.fromarray(images[row]) for row in readable]
        rows = Dataset.from_dict({"image": pictures}, features=Features({"image": Image()}))
        lab = Imagelab(hf_dataset=rows, image_key="image")
        kinds = {kind: {} for kind in (*CLEANVISION, "grayscale")}
        lab.find_issues(kinds, n_jobs=1, verbose=False)
        flagged = np.array([image is None for image in images])
        columns = [f"is_{kind}_issue" for kind in kinds]
        flagged[readable] = lab.issues[columns].to_numpy().any(axis=1)
        return flagged

    return find


def dataeval() -> Finder:
    from dataeval.quality import Outliers

    def find(images: Images) -> np.ndarray:
        readable = [row for row, image in enumerate(images) if image is not None]
        # Its images have the channels first; those without color get three equal ones.
        given = [np.moveaxis(np.atleast_3d(images[row]), 2, 0) for row in readable]
        given = [np.repeat(image, 3 // len(image), axis=0) for image in given]
        found = Outliers().evaluate(given).data()
        flagged = np.array([image is None for image in images])
        flagged[np.array(readable)[np.unique(found["item_index"].to_numpy())]] = True
        return flagged

    return find


def finders() -> tuple[dict[str, Finder], dict[str, str]]:
    found: dict[str, Finder] = {"Thresher": ours}
    versions = {}
    for name, make in (("cleanvision", cleanvision), ("dataeval", dataeval)):
        try:
            versions[name] = version(name)
            found[name] = make()
        except (PackageNotFoundError, ImportError) as error:
            print(f"{name} is left out: {error}")
    return found, versions


def sets(folder: Path, quick: bool) -> dict[str, Images]:
    table = pq.read_table(folder / "imagenette224_subset.parquet", columns=["split", "jpeg"])
    rows = table.to_pylist()
    parts = {
        part: [decode_image(row["jpeg"]) for row in rows if row["split"] == split]
        for part, split in (("Imagenette, tuned on", "train"), ("Imagenette, val", "val"))
    }
    rows = pq.read_table(folder / "copydetect_photos_dev.parquet", columns=["edit", "jpeg"])
    parts["ImageNet samples"] = [
        decode_image(row["jpeg"]) for row in rows.to_pylist() if not row["edit"]
    ]
    return {name: images[:150] if quick else images[:500] for name, images in parts.items()}


def clean_sets(folder: Path, quick: bool) -> dict[str, Images]:
    from sklearn.datasets import load_digits

    count = 500 if quick else 2000
    files = pq.read_table(folder / "cifar10_test.parquet", columns=["jpeg"])["jpeg"][:count]
    mnist = np.load(folder / "mnist_test_label_errors.npz")["images"][:count]
    digits = (load_digits().images * 15.9).astype(np.uint8)
    return {
        "CIFAR-10, test": [decode_image(data.as_py()) for data in files],
        "MNIST, test": list(mnist),
        "digits, 8 × 8": list(digits),
    }


def judge(images: Images, find: Finder) -> dict[str, Any]:
    kinds: dict[str, list[float]] = {kind: [] for kind in DAMAGES}
    true = false = damaged = sound = 0
    for seed in range(SEEDS):
        planted, damage = plant(images, each=EACH, seed=seed)
        flagged, bad = find(planted), damage != ""
        true += int((flagged & bad).sum())
        false += int((flagged & ~bad).sum())
        damaged, sound = damaged + int(bad.sum()), sound + int((~bad).sum())
        for kind in DAMAGES:
            kinds[kind].append(float(flagged[damage == kind].mean()))
    start = time.process_time()
    as_they_are = float(find(images).mean())
    cost = 1e3 * (time.process_time() - start) / len(images)
    return {
        "precision": true / max(1, true + false),
        "recall": true / damaged,
        "false alarms": false / sound,
        "flagged as they are": as_they_are,
        "cpu_ms": cost,
        "kinds": {kind: float(np.mean(shares)) for kind, shares in kinds.items()},
    }


def table_of(report: dict[str, Any], tools: list[str]) -> list[dict[str, Any]]:
    rows = [
        [name, tool] + [f"{report[name][tool][key]:{form}}" for key, form in COLUMNS]
        for name in report
        for tool in tools
    ]
    header = ["set", "tool", "precision", "recall", "false alarms", "flagged as they are", "ms"]
    names = list(report)
    kinds = [
        [kind]
        + [
            " / ".join(f"{report[name][tool]['kinds'][kind]:.2f}" for name in names)
            for tool in tools
        ]
        for kind in DAMAGES
    ]
    caption = "Recall of each kind: " + " / ".join(names) + "."
    return [
        {"caption": "22 kinds of damage, four images of each.", "header": header, "rows": rows},
        {"caption": caption, "header": ["damage", *tools], "rows": kinds},
    ]


COLUMNS = (
    ("precision", ".3f"),
    ("recall", ".3f"),
    ("false alarms", ".2%"),
    ("flagged as they are", ".2%"),
    ("cpu_ms", ".1f"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="few photographs")
    options = parser.parse_args()
    if "THRESHER_DATA" not in os.environ:
        sys.exit("Set THRESHER_DATA to the folder that this script's first lines describe.")
    folder = Path(os.environ["THRESHER_DATA"])
    tools, versions = finders()
    report: dict[str, Any] = {}
    for name, images in sets(folder, options.quick).items():
        report[name] = {tool: judge(images, find) for tool, find in tools.items()}
        for tool, found in report[name].items():
            print(name, tool, {key: round(found[key], 4) for key, _ in COLUMNS}, flush=True)
    clean = {
        name: {tool: float(find(images).mean()) for tool, find in tools.items()}
        for name, images in clean_sets(folder, options.quick).items()
    }
    print(clean)
    rows = [[name, *(f"{shares[tool]:.2%}" for tool in tools)] for name, shares in clean.items()]
    false = {"caption": "Images of clean sets that are flagged.", "header": ["set", *tools]}
    page = {
        "title": "Damaged images",
        "note": "Beside us: " + ", ".join(f"{name} {number}" for name, number in versions.items()),
        "tables": [*table_of(report, list(tools)), false | {"rows": rows}],
    }
    if options.out:
        write_json(options.out, {"sets": report, "clean": clean, "peers": versions, "page": page})


if __name__ == "__main__":
    main()
