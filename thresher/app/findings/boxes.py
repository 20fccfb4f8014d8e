"""Images with boxes: what is wrong with them, what to do, and the set without it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...core.detection.detection_set import DetectionSet
from ...core.detection.loading import load_detection_set
from ...core.detection.predictions import load_predictions
from ...core.detection.writing import write_detection_set
from ...core.errors import InputError
from ...core.file_names import shown
from ...core.issues import Issues
from ...core.leftovers import holds_nothing
from ...core.manifest import Manifest
from ...core.shown import Shown
from ...core.signatures import checked
from ...core.writing import SUFFIXES, write_dataset
from ..given import as_dataset

PathLike = str | os.PathLike[str]
TABLES = ("parquet", "csv", "jsonl")


@dataclass(frozen=True, repr=False)
class CuratedBoxes(Shown):
    """What was found in a detection set, decided and written.

    Attributes
    ----------
    dataset : DetectionSet
        As it was read.
    issues : Issues
    manifest : Manifest
        A decision for each image, and then for each box.
    notes : list of str
        What is true of the set as a whole.
    written : dict of str to Path
    """

    dataset: DetectionSet
    issues: Issues
    manifest: Manifest
    notes: list[str]
    written: dict[str, Path] = field(default_factory=dict)

    def table(self) -> pa.Table:
        """Return the findings with the decision, the image, and the box that each is about."""
        found, data = self.issues.table, self.dataset
        ids = np.concatenate([data.row_ids, data.box_ids])
        at = pc.index_in(found["row_id"], value_set=pa.array(ids.tolist(), pa.string()))
        row = at.combine_chunks().to_numpy(zero_copy_only=False).astype(np.int64)
        box = row - len(data)
        of_box = box >= 0
        image = np.where(of_box, data.image_of[np.maximum(box, 0)], row) if len(box) else row
        sides: dict[str, Any] = {
            name: pa.array(
                [float(data.boxes[one, side]) if one >= 0 else None for one in box.tolist()],
                pa.float64(),
            )
            for side, name in enumerate(("x1", "y1", "x2", "y2"))
        }
        names = [
            data.class_names(data.codes[[one]])[0] if one >= 0 else None for one in box.tolist()
        ]
        action = self.manifest.table["action"].combine_chunks().take(pa.array(row))
        columns = {name: found[name] for name in found.column_names}
        return pa.table(
            columns
            | {
                "action": action,
                "image": data.row_ids[image].tolist(),
                "file": [shown(name) for name in data.files[image].tolist()],
                "split": data.splits[image].tolist(),
                "class": pa.array(names, pa.string()),
            }
            | sides
        )

    def to_json(self, *, show: int = 5) -> dict[str, Any]:
        """Return plain JSON types, with the `show` worst findings of each check."""
        worst = []
        for check in self.issues.counts():
            worst += [one.__dict__ for one in Issues(self.issues.of(check).table.slice(0, show))]
        n = len(self.dataset)
        return {
            "images": n,
            "boxes": len(self.dataset.boxes),
            "classes": list(self.dataset.classes),
            "set_aside": [fault.__dict__ for fault in self.dataset.faults],
            "found": self.issues.counts(),
            "images_to_drop": int((self.manifest.actions[:n] == "drop").sum()),
            "boxes_to_drop": int((self.manifest.actions[n:] == "drop").sum()),
            "to_review": self.manifest.counts()["review"],
            "notes": self.notes,
            "worst": worst,
            "written": {name: str(path) for name, path in self.written.items()},
        }


@checked
def curate_boxes(
    data: PathLike,
    *,
    predictions: PathLike | None = None,
    format: str | None = None,  # noqa: A002 — as in write_dataset
    images: PathLike | None = None,
    looks: bool = True,
    objects: bool = False,
    outlines: bool = False,
    out: PathLike | None = None,
    manifest: PathLike | None = None,
    clean: PathLike | None = None,
    clean_format: str | None = None,
    label_studio: PathLike | None = None,
) -> CuratedBoxes:
    r"""Find what is wrong in images with boxes, and write the set without it.

    Parameters
    ----------
    data : path-like
        What `thresher.core.load_detection_set` takes.
    predictions : path-like, optional
        Of a detector that did not learn from these images; see `thresher.core.load_predictions`.
    format : {"coco", "yolo", "voc"}, optional
        Found by the files when left out.
    images : path-like, optional
        Folder of the images, where they do not lie beside the annotations.
    looks : bool
        Whether images are compared with each other.
    objects : bool
        Whether objects are cut out and compared too.
    outlines : bool
        Whether polygons and runs are drawn and looked at.
    out : path-like, optional
        File of the findings: .csv, .jsonl or .parquet.
    manifest : path-like, optional
        Folder of the decisions.
    clean : path-like, optional
        New folder of the set without what is to drop.
    clean_format : {"coco", "yolo", "voc"}, optional
        By default the one that the set came in, with every byte of what did not change.
    label_studio : path-like, optional
        .json file of tasks for Label Studio: the images with something to look at and their boxes;
        see `active_learning.export_boxes` for what the server needs.

    Returns
    -------
    CuratedBoxes

    Raises
    ------
    InputError
        When the set or the predictions cannot be read, or a file cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from thresher.app import curate_boxes
    >>> _ = Path("photo.txt").write_text("0 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.2 0.2\n")
    >>> found = curate_boxes(".", format="yolo", clean="clean")
    >>> found.manifest.counts()["drop"], Path("clean/photo.txt").read_text()
    (1, '0 0.5 0.5 0.2 0.2\n')
    """
    from curation import (
        apply_box_decisions,
        decide_boxes,
        find_box_errors,
        find_detection_issues,
        find_mask_issues,
    )

    _check_out(out, clean, clean_format)
    dataset = load_detection_set(data, format=format, images=images)
    said = None if predictions is None else load_predictions(dataset, predictions)
    found = find_detection_issues(dataset, looks=looks, objects=objects)
    parts = [found.issues]
    if outlines:
        parts.append(find_mask_issues(dataset))
    if said is not None:
        parts.append(find_box_errors(dataset, said).to_issues())
    issues = Issues.concat(parts)
    decided = decide_boxes(dataset, issues)
    notes = [*found.notes, *(one.said() for one in found.covered)]
    written: dict[str, Path] = {}
    result = CuratedBoxes(dataset, issues, decided, notes, written)
    if out is not None:
        write_dataset(as_dataset(result.table()), out)
        written["findings"] = Path(out)
    if manifest is not None:
        decided.save(manifest)
        written["manifest"] = Path(manifest)
    if label_studio is not None:
        notes.append(_write_tasks(result, Path(label_studio)))
        written["label_studio"] = Path(label_studio)
    if clean is not None:
        write_detection_set(apply_box_decisions(dataset, decided), clean, format=clean_format)
        written["clean"] = Path(clean)
    return result


def _write_tasks(found: CuratedBoxes, path: Path) -> str:
    """Write the images with something to look at as tasks; return what the server needs."""
    from active_learning import export_boxes

    rows = found.table()
    asked = pc.equal(rows["action"], "review")
    said: dict[str, list[str]] = {}
    for row in rows.filter(asked).to_pylist():
        number = row["row_id"].removeprefix(row["image"])
        better = f" (better: {row['suggested']})" if row["suggested"] else ""
        said.setdefault(row["image"], []).append(f"{number} {row['detail']}{better}".strip())
    known = [
        row_id
        for row_id, file, size in zip(
            found.dataset.row_ids.tolist(),
            found.dataset.files.tolist(),
            found.dataset.sizes.min(axis=1).tolist(),
            strict=True,
        )
        if row_id in said and size > 0 and Path(file).is_file()
    ]
    if not known:
        raise InputError("`label_studio`: no image with something to look at has a file.")
    notes = {row_id: "; ".join(texts) for row_id, texts in said.items()}
    folder = export_boxes(found.dataset, path, images=known, notes=notes)
    return f"Label Studio must serve {folder} (LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT)"


def _check_out(out: PathLike | None, clean: PathLike | None, clean_format: str | None) -> None:
    """Refuse before any work what could not be written after it."""
    if out is not None and SUFFIXES.get(Path(out).suffix.lower()) not in TABLES:
        raise InputError(f"`out` is a file of findings, .csv, .jsonl or .parquet; got {out}.")
    if clean is None and clean_format is not None:
        raise InputError("`clean_format` is for a clean set: name its folder with `clean`.")
    if clean is not None and not holds_nothing(Path(clean)):
        raise InputError(f"`clean` must be a new or empty folder, and {clean} holds something.")
