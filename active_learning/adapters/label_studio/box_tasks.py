"""A detection set as tasks of Label Studio with its boxes drawn in, and taken back corrected."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from thresher.core.counted import counted
from thresher.core.detection.detection_set import DetectionSet
from thresher.core.errors import InputError
from thresher.core.files import write_text
from thresher.core.signatures import checked

from ...tasks import Task, get_task
from .config import Shown, control_of, labeling_config
from .results import from_result
from .tasks import prediction

# Corners closer than this are the same: Label Studio keeps shares of the image.
SAME_PIXELS, SAME_OBJECT = 0.05, 0.5
Mark = Mapping[str, Any]


@checked
def export_boxes(
    dataset: DetectionSet,
    path: str | os.PathLike[str],
    *,
    images: np.ndarray | Sequence[str] | None = None,
    notes: Mapping[str, str] | None = None,
) -> Path:
    r"""Write images as Label Studio's tasks with their boxes as predictions, to be corrected.

    Beside the file lies the page's configuration, of the same name with the ending ``.xml``. Images
    are named by their places below a folder, which the server must serve
    (``LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true`` and
    ``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT`` set to it).

    Parameters
    ----------
    dataset : DetectionSet
    path : path-like
        Ends in .json.
    images : array of str, optional
        Row ids of the images to write; by default all.
    notes : mapping of str to str, optional
        What people read beside an image, by its row id, such as what was found in it.

    Returns
    -------
    Path
        The folder that the server must serve.

    Raises
    ------
    InputError
        For an image whose file or size is not known, and for no image at all.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from active_learning import export_boxes
    >>> from thresher.core import load_detection_set
    >>> Path("set").mkdir()
    >>> Image.new("RGB", (40, 20)).save("set/a.png")
    >>> _ = Path("set/a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    >>> folder = export_boxes(load_detection_set("set"), "tasks.json")
    >>> folder.name, json.loads(Path("tasks.json").read_text())[0]["data"]["image"]
    ('set', '/data/local-files/?d=a.png')
    """
    if Path(path).suffix.lower() != ".json":
        raise InputError(f"{path} must end in .json: Label Studio takes tasks as JSON.")
    wanted = set(dataset.row_ids.tolist() if images is None else np.asarray(images).tolist())
    rows = [at for at, row_id in enumerate(dataset.row_ids.tolist()) if row_id in wanted]
    if not rows or len(rows) < len(wanted):
        raise InputError(
            f"{len(rows)} of {counted(len(wanted), 'image is', 'images are')} in the set: name "
            "some of its row ids."
        )
    _check_files(dataset, rows)
    folder = Path(os.path.commonpath([Path(dataset.files[at]).parent for at in rows]))
    task, shown = (
        get_task("boxes", classes=dataset.classes),
        Shown("image", ("image",), lambda _: {}),
    )
    control = control_of(shown)
    tasks = []
    for at in rows:
        row_id, (width, height) = str(dataset.row_ids[at]), dataset.sizes[at].tolist()
        below = quote(os.fsencode(Path(dataset.files[at]).relative_to(folder)))
        data = {"row_id": row_id, control.key: f"/data/local-files/?d={below}", "width": width,
                "height": height, "note": (notes or {}).get(row_id, "")}  # fmt: skip
        label = task.encode(_marks(dataset, at))
        tasks.append(
            {"data": data, "predictions": [prediction(label, None, task, control, data=data)]}
        )
    write_text(path, json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
    config = labeling_config(task, shown).replace(
        "</View>", '  <Text name="note" value="$note"/>\n</View>'
    )
    write_text(Path(path).with_suffix(".xml"), config)
    return folder


def _check_files(dataset: DetectionSet, rows: Sequence[int]) -> None:
    for at in rows:
        if not Path(dataset.files[at]).is_file() or not (dataset.sizes[at] > 0).all():
            raise InputError(
                f"The file or size of the image {dataset.row_ids[at]!r} is not known: Label Studio "
                "shows images and keeps boxes in percent of them."
            )


def _marks(dataset: DetectionSet, image: int) -> list[dict[str, Any]]:
    """Return the boxes of an image that can be drawn, cut to the image."""
    limit = np.tile(dataset.sizes[image], 2).astype(np.float64)
    marks = []
    for box in dataset.of_image(image).tolist():
        if dataset.codes[box] < 0 or not np.isfinite(dataset.boxes[box]).all():
            continue
        x1, y1, x2, y2 = np.clip(dataset.boxes[box], 0, limit).tolist()
        if x2 > x1 and y2 > y1:
            name = dataset.classes[dataset.codes[box]]
            marks.append({"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1, "label": name})
    return marks


@checked
def import_boxes(dataset: DetectionSet, path: str | os.PathLike[str]) -> DetectionSet:
    r"""Return a set with the boxes that people corrected in Label Studio.

    A box that nobody moved stays what it was, to the byte when the set is written; one that was
    moved or given another class is changed, and what people drew or deleted is added or taken away.
    Of several annotations of an image the last one counts; images without one stay.

    Parameters
    ----------
    dataset : DetectionSet
    path : path-like
        Label Studio's JSON export of the tasks that `export_boxes` wrote.

    Raises
    ------
    InputError
        When the file is none, or names images or classes that the set has not.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from active_learning import export_boxes, import_boxes
    >>> from thresher.core import load_detection_set
    >>> Path("set").mkdir()
    >>> Image.new("RGB", (40, 20)).save("set/a.png")
    >>> _ = Path("set/a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    >>> photos = load_detection_set("set")
    >>> _ = export_boxes(photos, "tasks.json")
    >>> tasks = json.loads(Path("tasks.json").read_text())
    >>> tasks[0]["annotations"] = [{"result": []}]  # somebody deleted the box
    >>> _ = Path("export.json").write_text(json.dumps(tasks))
    >>> len(import_boxes(photos, "export.json").boxes)
    0
    """
    task = get_task("boxes", classes=dataset.classes)
    place = {row_id: at for at, row_id in enumerate(dataset.row_ids.tolist())}
    boxes, codes = dataset.boxes.copy(), dataset.codes.copy()
    stays = np.ones(len(boxes), bool)
    new: list[tuple[int, np.ndarray, int]] = []
    for image, marks in _answers(path, task, place):
        drawn = np.array(
            [[m["x"], m["y"], m["x"] + m["width"], m["y"] + m["height"]] for m in marks], np.float64
        ).reshape(-1, 4)
        labels = np.array([dataset.classes.index(m["label"]) for m in marks], np.int64)
        mine = _drawable(dataset, image)
        partner = _partners(boxes[mine], codes[mine], drawn, labels)
        for at, box in enumerate(mine.tolist()):
            if partner[at] < 0:
                stays[box] = False
                continue
            shown = np.clip(boxes[box], 0, np.tile(dataset.sizes[image], 2))
            if np.abs(shown - drawn[partner[at]]).max() > SAME_PIXELS:
                boxes[box] = drawn[partner[at]]
            codes[box] = labels[partner[at]]
        for at in sorted(set(range(len(drawn))) - set(partner.tolist())):
            new.append((image, drawn[at], int(labels[at])))
    kept = dataset.changed(boxes=boxes, codes=codes).keep(
        images=np.ones(len(dataset), bool), boxes=stays
    )
    return kept.added(
        image_of=np.array([one[0] for one in new], np.int64),
        boxes=np.array([one[1] for one in new], np.float64).reshape(-1, 4),
        codes=np.array([one[2] for one in new], np.int64),
    )


def _drawable(dataset: DetectionSet, image: int) -> np.ndarray:
    """Return the boxes of an image that were shown; of the others nobody said anything."""
    limit = np.tile(dataset.sizes[image], 2).astype(np.float64)
    at = dataset.of_image(image)
    cut = np.clip(dataset.boxes[at], 0, limit)
    good = (cut[:, 2:] > cut[:, :2]).all(axis=1) & (dataset.codes[at] >= 0)
    return np.asarray(at[good & np.isfinite(dataset.boxes[at]).all(axis=1)])


def _answers(
    path: str | os.PathLike[str], task: Task, place: Mapping[str, int]
) -> list[tuple[int, list[Mark]]]:
    """Return the position of each image with an answer, and the boxes of the last one."""
    try:
        tasks = json.loads(Path(path).read_bytes())
        found = []
        for number, one in enumerate(tasks, 1):
            given = [a for a in one.get("annotations") or () if not a.get("was_cancelled")]
            row_id = str(one["data"]["row_id"])
            if row_id not in place:
                raise InputError(
                    f"Task {number} of {path} is of the image {row_id!r}, which the set has not."
                )
            if given:
                last = max(given, key=lambda a: str(a.get("updated_at") or ""))
                label = from_result(task, last["result"] or (), name=None)
                found.append((place[row_id], task.decode(label) if label else []))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no JSON export of Label Studio ({error!r:.100}).") from error
    return found


def _partners(
    boxes: np.ndarray, codes: np.ndarray, drawn: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Return which drawn box each old one became, int64, shape (n,); −1: it was deleted."""
    low = np.maximum(boxes[:, None, :2], drawn[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], drawn[None, :, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(side[:, 2:] - side[:, :2], axis=1) for side in (boxes, drawn)]
    overlap = both / np.maximum(areas[0][:, None] + areas[1][None] - both, 1e-9)
    worth = overlap + 0.1 * (codes[:, None] == labels[None]) * (overlap > 0)
    found = np.full(len(boxes), -1)
    while worth.size and worth.max() >= SAME_OBJECT:
        row, column = np.unravel_index(int(worth.argmax()), worth.shape)
        found[row] = column
        worth[row], worth[:, column] = 0, 0
    return found
