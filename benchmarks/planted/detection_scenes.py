"""Made-up scenes, detectors of three strengths that look at them, and labels with errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

KINDS = ("missing", "badly placed", "wrong class", "spurious")
SIDE = 640
Scene = dict[str, np.ndarray]


@dataclass(frozen=True)
class Family:
    """How scenes of a family look: objects an image, classes, and sizes (log-normal, pixels)."""

    objects: float
    classes: int
    size: float
    spread: float
    crowded: float


FAMILIES = {
    "streets": Family(objects=7, classes=8, size=55, spread=0.7, crowded=0.3),
    "shelves": Family(objects=18, classes=20, size=40, spread=0.4, crowded=0.7),
    "animals": Family(objects=2, classes=12, size=160, spread=0.5, crowded=0.1),
}


@dataclass(frozen=True)
class Detector:
    """How a detector errs.

    Attributes
    ----------
    finds : float
        Log-odds of finding an object of usual size and clearness.
    off : float
        Deviation of the corners, as a share of the sides, of clear objects.
    confused : float
        Share of objects taken for a class alike.
    invented : float
        Boxes on nothing for each image.
    sharp : float
        How much clearer objects get higher confidences.
    """

    finds: float
    off: float
    confused: float
    invented: float
    sharp: float


DETECTORS = {
    "strong": Detector(finds=3.5, off=0.025, confused=0.03, invented=1.0, sharp=1.6),
    "middling": Detector(finds=2.2, off=0.05, confused=0.08, invented=2.5, sharp=1.2),
    "weak": Detector(finds=1.0, off=0.09, confused=0.18, invented=5.0, sharp=0.9),
}


@dataclass
class Planted:
    """Labels, predictions, and which images have an error of each kind."""

    targets: list[Scene]
    predictions: list[Scene]
    classes: int
    wrong: dict[str, np.ndarray]
    boxes: dict[str, int] = field(default_factory=dict)


def scene(rng: np.random.Generator, family: Family) -> Scene:
    """Draw the objects of one image; each is more or less clear to see."""
    n = int(rng.poisson(family.objects))
    centers = rng.uniform(0.05 * SIDE, 0.95 * SIDE, (n, 2))
    for at in range(1, n):
        if rng.random() < family.crowded:
            centers[at] = centers[rng.integers(at)] + rng.normal(0, family.size, 2)
    sizes = family.size * np.exp(family.spread * rng.normal(size=(n, 1)))
    sizes = sizes * np.exp(0.3 * rng.normal(size=(n, 2)))
    boxes = np.clip(np.hstack([centers - sizes / 2, centers + sizes / 2]), 0, SIDE)
    solid = (boxes[:, 2:] - boxes[:, :2] > 4).all(axis=1)
    share = 1 / np.arange(1, family.classes + 1)
    labels = rng.choice(family.classes, n, p=share / share.sum())
    return {"boxes": boxes[solid], "labels": labels[solid], "clear": rng.normal(size=n)[solid]}


def look(rng: np.random.Generator, scene: Scene, family: Family, detector: Detector) -> Scene:
    """Return what a detector says of a scene."""
    boxes, labels = scene["boxes"], scene["labels"]
    side = boxes[:, 2:] - boxes[:, :2]
    ease = scene["clear"] + 0.7 * np.log(np.sqrt(side.prod(axis=1)) / family.size)
    found = rng.random(len(boxes)) < 1 / (1 + np.exp(-detector.finds - ease))
    noise = detector.off * np.exp(-0.4 * ease)[:, None]
    moved = boxes + np.tile(side, 2) * noise * rng.standard_t(4, boxes.shape)
    alike = np.where(labels % 2 == 0, labels + 1, labels - 1) % family.classes
    said = np.where(rng.random(len(boxes)) < detector.confused, alike, labels)
    sure = detector.sharp * ease + 1.5 + rng.normal(size=len(boxes)) - 1.2 * (said != labels)
    twice = found & (rng.random(len(boxes)) < 0.04)
    again = moved + np.tile(side, 2) * 0.08 * rng.normal(size=boxes.shape)
    k = int(rng.poisson(detector.invented))
    low = rng.uniform(0, 0.9 * SIDE, (k, 2))
    extra = np.hstack([low, low + family.size * np.exp(0.8 * rng.normal(size=(k, 2)))])
    parts = (
        (moved[found], said[found], sure[found]),
        (again[twice], said[twice], sure[twice] - 1.5),
        (extra, rng.integers(family.classes, size=k), rng.normal(-2.0, 1.2, k)),
    )
    every = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    every[0] = np.clip(every[0], 0, SIDE)
    solid = (every[0][:, 2:] > every[0][:, :2] + 1).all(axis=1)
    scores = 1 / (1 + np.exp(-every[2][solid]))
    return {"boxes": every[0][solid], "labels": every[1][solid], "scores": scores}


def spoil(
    rng: np.random.Generator, scene: Scene, family: Family, rate: float
) -> tuple[Scene, dict[str, int]]:
    """Return labels in which a share of the boxes has each of the four errors."""
    boxes, labels = scene["boxes"].copy(), scene["labels"].copy()
    what = rng.random(len(boxes)) / rate
    missing, placed, swapped = what < 1, (what >= 1) & (what < 2), (what >= 2) & (what < 3)
    side = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    shift = rng.choice([-1, 1], boxes.shape) * rng.uniform(0.15, 0.5, boxes.shape)
    shift *= rng.random(boxes.shape) < 0.7
    shift[:, 0] = np.where((shift == 0).all(axis=1), 0.3, shift[:, 0])
    bad = boxes + side * shift
    bad = np.hstack(
        [np.minimum(bad[:, :2], bad[:, 2:] - 3), np.maximum(bad[:, 2:], bad[:, :2] + 3)]
    )
    boxes[placed] = bad[placed]
    labels[swapped] = (
        labels[swapped] + rng.integers(1, family.classes, len(labels))[swapped]
    ) % family.classes
    k = int(rng.binomial(len(boxes), rate)) if len(boxes) else 0
    low = rng.uniform(0, 0.9 * SIDE, (k, 2))
    extra = np.hstack([low, low + family.size * np.exp(0.5 * rng.normal(size=(k, 2)))])
    kept = {
        "boxes": np.vstack([boxes[~missing], extra]),
        "labels": np.concatenate([labels[~missing], rng.integers(family.classes, size=k)]),
    }
    counts = (missing.sum(), placed.sum(), swapped.sum(), k)
    return kept, dict(zip(KINDS, map(int, counts), strict=True))


def planted(family: str, detector: str, *, images: int, rate: float, seed: int) -> Planted:
    """Make a set with errors, and a detector's predictions for it."""
    rng = np.random.default_rng([seed, *family.encode(), *detector.encode()])
    kind = FAMILIES[family]
    result = Planted([], [], kind.classes, {})
    counts: list[dict[str, int]] = []
    for _ in range(images):
        one = scene(rng, kind)
        result.predictions.append(look(rng, one, kind, DETECTORS[detector]))
        labels, count = spoil(rng, one, kind, rate)
        result.targets.append(labels)
        counts.append(count)
    result.wrong = {name: np.array([one[name] > 0 for one in counts]) for name in KINDS}
    result.boxes = {name: sum(one[name] for one in counts) for name in KINDS}
    return result


def as_json(data: Planted) -> dict[str, Any]:
    """Return a set and its predictions as COCO has them."""
    annotations, results = [], []
    for at, (labels, found) in enumerate(zip(data.targets, data.predictions, strict=True)):
        for box, label in zip(labels["boxes"], labels["labels"].tolist(), strict=True):
            one = {"image_id": at, "category_id": label + 1, "bbox": _sides(box)}
            annotations.append({"id": len(annotations) + 1} | one)
        every = zip(found["boxes"], found["labels"].tolist(), found["scores"].tolist(), strict=True)
        for box, label, score in every:
            results.append({"image_id": at, "category_id": label + 1, "bbox": _sides(box),
                            "score": round(score, 5)})  # fmt: skip
    images = [{"id": at, "file_name": f"{at}.jpg", "width": SIDE, "height": SIDE}
              for at in range(len(data.targets))]  # fmt: skip
    names = [{"id": code + 1, "name": f"class {code}"} for code in range(data.classes)]
    content = {"images": images, "annotations": annotations, "categories": names}
    return {"set": content, "results": results}


def _sides(box: np.ndarray) -> list[float]:
    return [round(float(one), 2) for one in (box[0], box[1], box[2] - box[0], box[3] - box[1])]
