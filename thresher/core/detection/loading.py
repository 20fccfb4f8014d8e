"""Reading a set of boxes, whatever its format."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ..errors import InputError, check_choice
from ..files import walk_files
from ..hidden import is_hidden
from ..signatures import checked
from .coco_set import read_coco
from .detection_set import DetectionSet
from .voc import read_voc
from .yolo import read_yolo

FORMATS = ("coco", "yolo", "voc")
LOOKED_AT = 20_000


@checked
def load_detection_set(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 — as in write_dataset
    images: str | os.PathLike[str] | None = None,
) -> DetectionSet:
    """Read images and boxes from COCO's JSON, YOLO's folders or Pascal VOC's XML.

    Parameters
    ----------
    path : path-like
        COCO: the file, or a folder with one for each split. YOLO: ``data.yaml`` or its folder. VOC:
        the folder.
    format : {"coco", "yolo", "voc"}, optional
        Found by the files when left out.
    images : path-like, optional
        Folder of the images (COCO and VOC), where they do not lie beside the annotations.

    Returns
    -------
    DetectionSet
        What could not be read of it is in its ``faults``, and stays as it is when it is written.

    Raises
    ------
    InputError
        When nothing can be read; a JSON file that is cut off names the line.

    Examples
    --------
    >>> from pathlib import Path
    >>> from thresher.core import load_detection_set
    >>> _ = Path("cats.json").write_text(
    ...     '{"images": [{"id": 7, "file_name": "a.jpg", "width": 64, "height": 48}],'
    ...     '"annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 30, 40]}],'
    ...     '"categories": [{"id": 3, "name": "cat"}]}'
    ... )
    >>> cats = load_detection_set("cats.json")
    >>> cats.row_ids.tolist(), cats.classes, cats.boxes.tolist()
    (['7'], ('cat',), [[1.0, 2.0, 31.0, 42.0]])
    """
    given = Path(path)
    if not given.exists():
        raise InputError(f"There is no {given}.")
    if format is not None:
        check_choice("format", format, FORMATS)
    kind = format or _format_of(given)
    folder = None if images is None else Path(images)
    if folder is not None and not folder.is_dir():
        raise InputError(f"`images` must be a folder, got {folder}.")
    if kind == "coco":
        parts, root = _coco_files(given)
        return read_coco(parts, folder=root, images=folder)
    if kind == "voc":
        if given.is_file():
            raise InputError(f"Pascal VOC is read by its folder: {given.parent}.")
        return read_voc(given, images=folder)
    if folder is not None:
        raise InputError("YOLO's images lie where `data.yaml` or the folders say: leave `images`.")
    return read_yolo(given)


def _format_of(path: Path) -> str:
    if path.is_file():
        kinds = {".json": "coco", ".yaml": "yolo", ".yml": "yolo"}
        if path.suffix.lower() not in kinds:
            raise InputError(
                f"{path} is no set of boxes: give a .json file of COCO, a data.yaml of YOLO, or a "
                "folder."
            )
        return kinds[path.suffix.lower()]
    found = list(islice(walk_files(path, skip=is_hidden), LOOKED_AT))
    if any(one.suffix == ".yaml" for one in found if one.parent == path):
        return "yolo"
    if any(one.suffix.lower() == ".xml" for one in found):
        return "voc"
    if any(True for _ in _coco_below(path)):
        return "coco"
    if any(one.suffix == ".txt" for one in found):
        return "yolo"
    raise InputError(
        f"{path} has no annotations: no .json of COCO, no .xml of Pascal VOC, no data.yaml and no "
        ".txt of YOLO."
    )


def _coco_below(path: Path) -> Iterator[Path]:
    """Yield the files of a folder that look like COCO's, by their first bytes."""
    for place in ("*.json", "annotations/*.json", "*/_annotations.coco.json"):
        for file in sorted(path.glob(place)):
            with file.open("rb") as stream:
                start = stream.read(2**20)
            if start.lstrip()[:1] == b"{" and (b'"images"' in start or b'"annotations"' in start):
                yield file


def _coco_files(path: Path) -> tuple[list[tuple[str, Path]], Path]:
    if path.is_file():
        return [("", path)], path.parent
    files = list(_coco_below(path))
    chosen = [file for file in files if file.name.startswith("instances_")] or files
    if not chosen:
        raise InputError(f"{path} has no file of COCO with images and annotations.")
    several = len({file.name for file in chosen}) < len(chosen)
    names = [
        file.parent.name if several else file.stem.removeprefix("instances_") for file in chosen
    ]
    named = [
        (name if len(chosen) > 1 else "", file) for name, file in zip(names, chosen, strict=True)
    ]
    return named, path
