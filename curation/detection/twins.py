"""Images that show the same with other boxes, leaks between splits, and objects cut out twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from thresher.core.counted import counted
from thresher.core.detection.detection_set import DetectionSet
from thresher.core.images import UnreadableImage, decode_image
from thresher.core.issues import Issue, Issues
from thresher.core.progress import track

from ..duplicates.images.graph import image_graph
from ..labels.box_scores import intersection_over_union

SAME_IMAGE, SAME_BOX = 0.6, 0.5
LOOK, CROP, SMALLEST = 64, 48, 12
# From the split to drop from to the one to spare.
ORDER = ("train", "val", "test")


def find_twin_images(dataset: DetectionSet) -> Issues:
    """Find images that show the same as another: across splits, with other boxes, or the same.

    Across splits the one that is for training is a leak, and its boxes go with it. In one split
    boxes that differ are a conflict; an image of equal pixels and boxes is a duplicate. A
    file that is damaged is told.
    """
    images: list[np.ndarray | None] = []
    found: list[Issue] = []
    names = zip(dataset.row_ids.tolist(), dataset.files.tolist(), strict=True)
    for row_id, name in track(names, description="read images", total=len(dataset)):
        image, damage = _decoded(name)
        images.append(image)
        if damage is not None:
            found.append(Issue(row_id, "quality", 0.0, detail=f"unreadable: {damage}"))
    graph = image_graph(
        images, row_ids=dataset.row_ids, threshold=SAME_IMAGE, mirror=False, crops=False
    )
    for first, second, likeness in zip(*graph.pairs(), strict=True):
        found.append(_judged(dataset, int(first), int(second), float(likeness)))
    return Issues.concat([Issues.from_rows(_once(found))])


def _decoded(name: str) -> tuple[np.ndarray | None, str | None]:
    """Return the image and what is wrong with its file; None, None for one that is not there."""
    try:
        return decode_image(Path(name).read_bytes(), shrink_to=LOOK) if name else None, None
    except OSError:
        return None, None
    except UnreadableImage as error:
        return None, error.reason


def _judged(dataset: DetectionSet, first: int, second: int, likeness: float) -> Issue:
    kept, other = first, second
    ranks = [_rank(str(dataset.splits[at])) for at in (first, second)]
    if ranks[0] < ranks[1]:
        kept, other = second, first
    unlike = box_differences(dataset, kept, other)
    row, twin = str(dataset.row_ids[other]), str(dataset.row_ids[kept])
    same = (
        "the same boxes"
        if not unlike
        else (f"{counted(unlike, 'box', 'boxes')} that the other has not")
    )
    if ranks[0] != ranks[1]:
        said = f"shows what an image of {dataset.splits[kept]!r} shows, with {same}"
        return Issue(row, "leakage", 1 - likeness, twin, None, said)
    if unlike:
        said = (
            f"shows what {twin!r} shows, and "
            f"{counted(unlike, 'of their boxes differs', 'of their boxes differ')}"
        )
        return Issue(row, "conflict", 1 - likeness, twin, None, said)
    check = "exact_duplicate" if likeness >= 1 else "near_duplicate"
    return Issue(row, check, 1 - min(likeness, 1.0), twin, None, f"shows what {twin!r} shows")


def _rank(split: str) -> int:
    return next((at for at, name in enumerate(ORDER) if split.lower().startswith(name)), -1)


def _once(found: list[Issue]) -> list[Issue]:
    """Keep the most alike twin of each image and check."""
    best: dict[tuple[str, str], Issue] = {}
    for issue in sorted(found, key=lambda issue: (issue.score, issue.row_id, issue.twin or "")):
        best.setdefault((issue.row_id, issue.check), issue)
    return list(best.values())


def box_differences(dataset: DetectionSet, first: int, second: int) -> int:
    """Return how many boxes of two images have no partner of their class in the other.

    Places are compared as shares of the images; a partner overlaps by half or more.
    """
    sides = [dataset.of_image(at) for at in (first, second)]
    scaled = [
        dataset.boxes[boxes] / np.maximum(np.tile(dataset.sizes[at], 2), 1)
        for at, boxes in zip((first, second), sides, strict=True)
    ]
    codes = [dataset.codes[boxes] for boxes in sides]
    overlap = intersection_over_union(*scaled) * (codes[0][:, None] == codes[1][None])
    matched = 0
    overlap = np.where(np.isfinite(overlap), overlap, 0)
    while overlap.size and overlap.max() >= SAME_BOX:
        row, column = np.unravel_index(int(overlap.argmax()), overlap.shape)
        overlap[row], overlap[:, column] = 0, 0
        matched += 1
    return len(codes[0]) + len(codes[1]) - 2 * matched


def find_twin_objects(dataset: DetectionSet) -> Issues:
    """Find objects that look the same, cut out of different images.

    Of two classes they are a conflict; of one class and in different splits, or in an image each,
    near duplicates. Objects with a side below 12 pixels are left out.
    """
    crops, boxes = _crops(dataset)
    if len(crops) < 2:
        return Issues.empty()
    graph = image_graph(crops, threshold=SAME_IMAGE, mirror=False, crops=False)
    left, right, likeness = graph.pairs()
    first, second = boxes[left], boxes[right]
    apart = dataset.image_of[first] != dataset.image_of[second]
    found = []
    for a, b, alike in zip(first[apart], second[apart], likeness[apart], strict=True):
        found.append(_judged_object(dataset, min(a, b), max(a, b), float(alike)))
    return Issues.concat([Issues.from_rows(_once(found))])


def _judged_object(dataset: DetectionSet, kept: int, other: int, likeness: float) -> Issue:
    row, twin = str(dataset.box_ids[other]), str(dataset.box_ids[kept])
    score = 1 - min(likeness, 1.0)
    if dataset.codes[kept] != dataset.codes[other]:
        name = dataset.class_names(dataset.codes[[kept]])[0]
        return Issue(row, "conflict", score, twin, name, f"looks like {twin!r}, a {name!r}")
    splits = dataset.splits[dataset.image_of[[kept, other]]]
    where = f" of {splits[0]!r}" if splits[0] != splits[1] else ""
    return Issue(row, "near_duplicate", score, twin, None, f"looks like {twin!r}{where}")


def _crops(dataset: DetectionSet) -> tuple[list[np.ndarray | None], np.ndarray]:
    """Return what the boxes show, small, and their positions."""
    crops: list[np.ndarray | None] = []
    boxes: list[int] = []
    for at, name in enumerate(track(dataset.files.tolist(), description="cut objects out")):
        mine = dataset.of_image(at)
        image = _whole(name) if len(mine) else None
        if image is not None:
            for box in mine.tolist():
                crop = _cut(image, dataset.boxes[box])
                if crop is not None:
                    crops.append(crop)
                    boxes.append(box)
    return crops, np.array(boxes, np.int64)


def _whole(name: str) -> np.ndarray | None:
    try:
        return decode_image(Path(name).read_bytes()) if name else None
    except (OSError, UnreadableImage):
        return None


def _cut(image: np.ndarray, box: np.ndarray) -> np.ndarray | None:
    import cv2

    if not np.isfinite(box).all():
        return None
    height, width = image.shape[:2]
    x1, y1, x2, y2 = np.clip(np.rint(box), 0, [width, height, width, height]).astype(int).tolist()
    if min(x2 - x1, y2 - y1) < SMALLEST:
        return None
    small = cv2.resize(image[y1:y2, x1:x2], (CROP, CROP), interpolation=cv2.INTER_AREA)
    return np.asarray(small)
