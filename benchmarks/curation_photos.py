"""Claim: edited photographs are found where perceptual hashes miss them, crops and mirrors first.

Ours: `image_graph` (looks of crops, bars, mirror images; aligned verification), as it is and with
turned images, and our 64-bit perceptual hash. Peer where it installs: the four hashes of imagededup
(its default: at most 10 different bits) at their defaults and at the number of bits that is best on
the truth. Recall of a kind of edit: the share of edits paired with their original. Precision of a
kind: the share of the pairs with such an edit that show one photograph. All pairs: those of rows
that show one photograph. The thresholds of ours are the library's defaults.

The kinds and strengths in ``copydetect_photos_dev`` were looked at while this was written. The
second table is on photographs and edits that were not: Imagenette's, each edited at a strength
drawn at random (crops of 50 to 95 % of each side at any place, turns up to 10°, captions of 5 to
25 %).

Data: the folder in THRESHER_DATA holds ``copydetect_photos_dev.parquet`` (columns ``id``,
``source_id``, ``edit``, ``jpeg``; edits of EliSchwartz/imagenet-sample-images) and
``imagenette224_subset.parquet`` (fastai/imagenette; column ``jpeg``).

Run: THRESHER_DATA=… python benchmarks/curation_photos.py --out photos.json
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from curation.duplicates.images.graph import image_graph
from curation.duplicates.images.perceptual_hash import hash_graph, perceptual_hashes
from thresher.core.files import write_json
from thresher.core.images import decode_image

HASHES = ("PHash", "DHash", "WHash", "AHash")
DEFAULT_BITS, MOST_BITS = 10, 20
Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]
Edit = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Photos:
    """Photographs and their edits: files, number of the source, kind of edit (empty: original)."""

    files: list[bytes]
    source: np.ndarray
    edit: np.ndarray

    @property
    def originals(self) -> np.ndarray:
        """Position of each row's original."""
        place = {int(self.source[row]): int(row) for row in np.flatnonzero(self.edit == "")}
        return np.array([place[source] for source in self.source.tolist()])


def ours(*, turned: bool) -> Callable[[Photos], Pairs]:
    def find(photos: Photos) -> Pairs:
        images = [decode_image(data) for data in photos.files]
        return image_graph(images, turned=turned).expand().pairs()

    return find


def our_hash(photos: Photos) -> Pairs:
    images = [decode_image(data) for data in photos.files]
    mirrored = perceptual_hashes([image[:, ::-1] for image in images])
    return hash_graph(perceptual_hashes(images), mirrored=mirrored).expand().pairs()


def imagededup(name: str) -> Callable[[Photos], Pairs]:
    from imagededup import methods

    def find(photos: Photos) -> Pairs:
        encoder = getattr(methods, name)(verbose=False)
        encoded = {
            str(row): encoder.encode_image(image_array=np.asarray(Image.open(io.BytesIO(data))))
            for row, data in enumerate(photos.files)
        }
        values = np.array([int(encoded[str(row)], 16) for row in range(len(encoded))], np.uint64)
        # The same comparison as its find_duplicates, for every number of bits at once.
        bits = np.bitwise_count(values[:, None] ^ values)
        first, second = np.nonzero(np.triu(bits <= MOST_BITS, 1))
        return first, second, 1 - bits[first, second] / 64

    return find


def judge(photos: Photos, pairs: Pairs, limit: float) -> dict[str, Any]:
    first, second, similarity = pairs
    passed = similarity >= limit - 1e-9
    first, second = first[passed], second[passed]
    true = photos.source[first] == photos.source[second]
    counts = np.unique(photos.source, return_counts=True)[1]
    every = int((counts * (counts - 1) // 2).sum())
    precision, recall = float(true.sum() / max(1, len(true))), float(true.sum() / every)
    found = {(min(a, b), max(a, b)) for a, b in zip(first.tolist(), second.tolist(), strict=True)}
    original, kinds = photos.originals, {}
    for kind in sorted(set(photos.edit.tolist()) - {""}):
        rows = np.flatnonzero(photos.edit == kind)
        hit = [(min(r, original[r]), max(r, original[r])) in found for r in rows.tolist()]
        mine = (photos.edit[first] == kind) | (photos.edit[second] == kind)
        kinds[kind] = {"recall": float(np.mean(hit)), "precision": share(true[mine])}
    edits = np.array([item["recall"] for item in kinds.values()])
    return {
        "precision": precision,
        "recall": recall,
        "F1": 2 * precision * recall / max(1e-12, precision + recall),
        "mean recall of edits": float(edits.mean()),
        "kinds": kinds,
    }


def share(true: np.ndarray) -> float:
    return float(true.mean()) if len(true) else 1.0


def measure(photos: Photos, tools: dict[str, Callable[[Photos], Pairs]]) -> list[dict[str, Any]]:
    report = []
    for name, find in tools.items():
        start = time.process_time()
        pairs = find(photos)
        cost = 1e3 * (time.process_time() - start) / len(photos.files)
        limits = {"default": 1 - DEFAULT_BITS / 64 if name in HASHES else 0.0}
        if name in HASHES:
            at = {bits: judge(photos, pairs, 1 - bits / 64)["F1"] for bits in range(MOST_BITS + 1)}
            bits = max(at, key=at.__getitem__)
            limits[f"best, {bits} bits"] = 1 - bits / 64
        for at_name, limit in limits.items():
            report.append({"tool": name, "at": at_name, "cpu_ms": cost})
            report[-1] |= judge(photos, pairs, limit)
            print({key: value for key, value in report[-1].items() if key != "kinds"})
    return report


def published(folder: Path) -> Photos:
    table = pq.read_table(folder / "copydetect_photos_dev.parquet")
    ids = table["id"].to_pylist()
    sources = [
        source or name for source, name in zip(table["source_id"].to_pylist(), ids, strict=True)
    ]
    numbers = np.unique(sources, return_inverse=True)[1]
    edits = np.array([edit or "" for edit in table["edit"].to_pylist()])
    return Photos(table["jpeg"].to_pylist(), numbers, edits)


def cropped(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = (round(size * rng.uniform(0.5, 0.95)) for size in image.shape[:2])
    top = int(rng.integers(image.shape[0] - height + 1))
    left = int(rng.integers(image.shape[1] - width + 1))
    return image[top : top + height, left : left + width]


def tilted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-10, 10), 1)
    return cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REFLECT)


def captioned(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    result, height = image.copy(), round(image.shape[0] * rng.uniform(0.05, 0.25))
    band = slice(0, height) if rng.random() < 0.5 else slice(-height, None)
    result[band] = rng.integers(0, 256)
    place = (5, height - 4) if band.start == 0 else (5, image.shape[0] - height // 2)
    cv2.putText(result, "a caption", place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (128, 128, 128), 2)
    return result


def recolored(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (image * rng.uniform(0.5, 1.3, 3) + rng.uniform(-30, 30, 3)).clip(0, 255).astype("u1")


def blurred(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), rng.uniform(1, 4))


def mirrored(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    return image[:, ::-1]


def mirrored_crop(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return cropped(mirrored(image, rng), rng)


UNSEEN: dict[str, Edit] = {
    "crop of 50–95 %": cropped,
    "mirror": mirrored,
    "mirrored crop": mirrored_crop,
    "turn up to 10°": tilted,
    "caption of 5–25 %": captioned,
    "colors": recolored,
    "blur": blurred,
}


def unseen(folder: Path, count: int) -> Photos:
    """Edit photographs at random strengths; as many more stay without an edit."""
    rng = np.random.default_rng(0)
    files = pq.read_table(folder / "imagenette224_subset.parquet", columns=["jpeg"])["jpeg"]
    chosen = rng.choice(len(files), 2 * count, replace=False)
    originals = [files[int(row)].as_py() for row in chosen]
    made, source, edits = list(originals), list(range(2 * count)), [""] * (2 * count)
    for number, data in enumerate(originals[:count]):
        for kind, change in UNSEEN.items():
            stream = io.BytesIO()
            changed = np.ascontiguousarray(change(decode_image(data), rng))
            Image.fromarray(changed).save(stream, "JPEG", quality=int(rng.integers(30, 90)))
            made.append(stream.getvalue())
            source.append(number)
            edits.append(kind)
    return Photos(made, np.array(source), np.array(edits))


def table(report: list[dict[str, Any]], caption: str) -> dict[str, Any]:
    shown = [run for run in report if run["at"] == "default" or run["tool"] == HASHES[0]]
    names = [run["tool"] + ("" if run["at"] == "default" else f", {run['at']}") for run in shown]
    rows = [
        [kind]
        + [
            f"{run['kinds'][kind]['precision']:.2f} / {run['kinds'][kind]['recall']:.2f}"
            for run in shown
        ]
        for kind in shown[0]["kinds"]
    ]
    for label, key, form in (
        ("all pairs: precision", "precision", ".3f"),
        ("all pairs: recall", "recall", ".3f"),
        ("all pairs: F1", "F1", ".3f"),
        ("CPU ms an image", "cpu_ms", ".1f"),
    ):
        rows.append([label, *(format(run[key], form) for run in shown)])
    return {"caption": caption, "header": ["edit", *names], "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="few photographs")
    options = parser.parse_args()
    if "THRESHER_DATA" not in os.environ:
        sys.exit("Set THRESHER_DATA to the folder that this script's first lines describe.")
    folder = Path(os.environ["THRESHER_DATA"])
    tools: dict[str, Callable[[Photos], Pairs]] = {
        "Thresher": ours(turned=False),
        "Thresher, turned": ours(turned=True),
        "Thresher, hash": our_hash,
    }
    peer = "not installed"
    try:
        peer = version("imagededup")
        tools |= {name: imagededup(name) for name in HASHES}
    except PackageNotFoundError:
        print("imagededup is not installed and is left out")
    sets = {"unseen": unseen(folder, 20 if options.quick else 80)}
    if not options.quick:
        sets["published"] = published(folder)
    report: dict[str, Any] = {"imagededup": peer}
    for name, photos in sets.items():
        report[name] = {"images": len(photos.files), "runs": measure(photos, tools)}
    page = {
        "title": "Edited photographs",
        "note": f"Precision / recall of each kind of edit. imagededup {peer}: its four hashes at "
        "the default of 10 bits, and pHash at the number of bits that is best on the truth.",
        "tables": [
            table(report[name]["runs"], f"{report[name]['images']} photographs, {what}.")
            for name, what in (
                ("published", "15 kinds of edits (copydetect_photos_dev)"),
                ("unseen", "Imagenette, edits at random strength, none looked at before"),
            )
            if name in report
        ],
    }
    if options.out:
        write_json(options.out, report | {"page": page})


if __name__ == "__main__":
    main()
