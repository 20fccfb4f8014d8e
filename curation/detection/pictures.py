"""What the image files say against their annotations: missing, turned, of another size."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from thresher.core.counted import counted
from thresher.core.detection.detection_set import DetectionSet
from thresher.core.detection.image_files import images_below, read_frame
from thresher.core.issues import Issues
from thresher.core.progress import track


def find_file_issues(dataset: DetectionSet) -> tuple[Issues, list[str]]:
    """Find images without a file, listed twice, turned by EXIF, or of another size than stated.

    Returns
    -------
    Issues
        Of images, all to be looked at.
    list of str
        What is true of the set as a whole, in sentences.
    """
    there = np.array([bool(name) and Path(name).is_file() for name in dataset.files.tolist()])
    if not there.any():
        return Issues.empty(), ["no image file was found: what images show was not checked"]
    rows: list[tuple[str, float, str]] = []
    times = Counter(dataset.files.tolist())
    of_image = np.bincount(dataset.image_of, minlength=len(dataset))
    names = zip(dataset.row_ids.tolist(), dataset.files.tolist(), strict=True)
    for at, (row_id, file) in enumerate(track(list(names), description="read image headers")):
        said = "label file without an image" if not file else f"missing: there is no file {file!r}"
        if there[at]:
            stated = (int(dataset.sizes[at, 0]), int(dataset.sizes[at, 1]))
            said = _against_file(file, stated, yolo=_is_yolo(dataset)) if of_image[at] else ""
            said = said or (
                f"its file is listed {counted(times[file], 'time')}" if times[file] > 1 else ""
            )
        if said:
            rows.append((row_id, 0.1 if there[at] else 0.0, said))
    issues = Issues.from_columns(
        "quality",
        row_ids=[row for row, *_ in rows],
        scores=[score for _, score, _ in rows],
        details=[said for *_, said in rows],
    )
    return Issues.concat([issues]), _unlisted(dataset, there)


def _is_yolo(dataset: DetectionSet) -> bool:
    source = dataset.origin.source
    return source is not None and source.format == "yolo"


def _against_file(file: str, stated: tuple[int, int], *, yolo: bool) -> str:
    frame = read_frame(file)
    if frame is None:
        return "unreadable: the image file is damaged"
    width, height, turned = frame
    shown = (height, width) if turned > 4 else (width, height)
    if turned > 4 and not yolo and stated == (width, height) != shown:
        return (
            f"turned: EXIF ({turned}) shows the image as {shown[0]} × {shown[1]}, and its boxes "
            "are for the image as stored"
        )
    if not yolo and min(stated) > 0 and stated not in (shown, (width, height)):
        return f"the image has {width} × {height} pixels, and {stated[0]} × {stated[1]} are stated"
    if turned in (2, 3, 4) or (turned > 4 and (yolo or width == height)):
        return (
            f"turned: EXIF ({turned}) turns the image, and nothing tells whether its boxes follow"
        )
    return ""


def _unlisted(dataset: DetectionSet, there: np.ndarray) -> list[str]:
    """Tell how many images lie beside the listed ones and are not listed."""
    if _is_yolo(dataset):
        return []
    listed = {str(Path(name).resolve()) for name in dataset.files[there].tolist()}
    folders = {Path(name).parent for name in dataset.files[there].tolist()}
    beside = {str(path.resolve()) for folder in folders for path in images_below(folder)}
    extra = sorted(beside - listed)
    if not extra:
        return []
    return [
        f"{counted(len(extra), 'image file is', 'image files are')} not in the annotations, such "
        f"as {Path(extra[0]).name!r}"
    ]
