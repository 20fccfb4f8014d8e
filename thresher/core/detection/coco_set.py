"""COCO files as a set of columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..file_names import shown
from ..text_arrays import text_array
from .coco import Annotations, CocoFile, id_of, parsed, read_annotations, read_file
from .coco_source import CocoSource
from .detection_set import DetectionSet, Fault, Origin, unique_ids
from .image_files import find_folder, resolved
from .structure import line_of


def read_coco(
    parts: Sequence[tuple[str, Path]], *, folder: Path, images: Path | None
) -> DetectionSet:
    """Read COCO files as one set.

    Parameters
    ----------
    parts : sequence of (str, Path)
        Split and file.
    folder : Path
        Above all files.
    images : Path or None
        Folder of the images; looked for beside the files when left out.
    """
    files = tuple(read_file(path) for _, path in parts)
    faults: list[Fault] = []
    categories = [_categories(file, faults) for file in files]
    classes = tuple(dict.fromkeys(name for one in categories for name in one.values()))
    code_of = {name: code for code, name in enumerate(classes)}
    columns: list[tuple[Any, ...]] = []
    read, ids, back, first = [], [], [], 0
    for (split, path), file, named in zip(parts, files, categories, strict=True):
        entries = [entry for block in parsed(file, "images") for entry in block]
        position = _positions(entries, file, faults)
        found = read_annotations(
            file, position, {key: code_of[name] for key, name in named.items()}, faults
        )
        _tell_strays(file, found, faults)
        read.append(found)
        ids.append([_named(entry, at) for at, entry in enumerate(entries)])
        back.append({code_of[name]: key for key, name in reversed(named.items())})
        names = [str(entry.get("file_name", "")) for entry in entries]
        place = images or find_folder(names, _candidates(path, split))
        sizes = np.array([_size(entry) for entry in entries], np.int64).reshape(-1, 2)
        columns.append((split, ids[-1], resolved(names, place), sizes, found, first))
        first += len(entries)
    source = CocoSource(files, folder, ids, back, read)
    return _assembled(columns, classes, source, faults)


def _assembled(
    columns: Sequence[tuple[Any, ...]],
    classes: tuple[str, ...],
    source: CocoSource,
    faults: list[Fault],
) -> DetectionSet:
    """Join what was read of all files."""
    texts = [[shown(str(one)) for one in ids] for _, ids, *_ in columns]
    several = len({name for names in texts for name in set(names)}) < sum(
        len(set(names)) for names in texts
    )
    named = [
        f"{split}/{name}" if several else name
        for (split, *_), names in zip(columns, texts, strict=True)
        for name in names
    ]
    row_ids, _ = unique_ids(named)
    image_of = np.concatenate(
        [np.where(found.image_of < 0, -1, found.image_of + at) for *_, found, at in columns]
    )
    used = np.flatnonzero(image_of >= 0)
    numbers = np.concatenate([found.ids for *_, found, _ in columns])
    owners = row_ids[image_of[used]].tolist()
    box_ids, _ = unique_ids(
        [f"{owner}#{box}" for owner, box in zip(owners, numbers[used].tolist(), strict=True)]
    )

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(found, name) for *_, found, _ in columns])[used]

    return DetectionSet(
        row_ids=row_ids,
        files=text_array([path for _, _, paths, *_ in columns for path in paths]),
        sizes=np.concatenate([sizes for _, _, _, sizes, *_ in columns]),
        splits=text_array([split for split, ids, *_ in columns for _ in ids]),
        classes=classes,
        box_ids=box_ids,
        image_of=image_of[used],
        boxes=joined("boxes"),
        codes=joined("category"),
        crowd=joined("crowd"),
        origin=Origin(source, np.arange(len(row_ids)), used, tuple(faults)),
    )


def _categories(file: CocoFile, faults: list[Fault]) -> dict[Any, str]:
    """Return the names of category ids, in the order of the file."""
    found: dict[Any, str] = {}
    ids: dict[str, Any] = {}
    for block in parsed(file, "categories"):
        for entry in block:
            key, name = id_of(entry.get("id")), shown(str(entry.get("name", entry.get("id"))))
            if key is None or key in found:
                said = f"category id {key!r} is there twice, or is no number"
                faults.append(Fault(file.path.name, said))
                continue
            if name in ids:
                said = f"category {name!r} has two ids, {ids[name]!r} and {key!r}: they are joined"
                faults.append(Fault(file.path.name, said))
            found[key] = name
            ids.setdefault(name, key)
    return found


def _positions(
    entries: list[dict[str, Any]], file: CocoFile, faults: list[Fault]
) -> dict[Any, int]:
    """Return the position of each image id; of a repeated one, its first."""
    found: dict[Any, int] = {}
    starts = file.lists["images"].starts
    for at, entry in enumerate(entries):
        key = id_of(entry.get("id"))
        if key is None or key in found:
            where = f"{file.path.name} line {line_of(file.text, int(starts[at]))}"
            said = f"image id {key!r} is there twice: boxes go to the first"
            if key is None:
                said = f"an image has the id {entry.get('id')!r:.60}: no box can name it"
            faults.append(Fault(where, said))
            continue
        found[key] = at
    return found


def _named(entry: Mapping[str, Any], number: int) -> int | str:
    key = id_of(entry.get("id"))
    return f"without id {number}" if key is None else key


def _tell_strays(file: CocoFile, found: Annotations, faults: list[Fault]) -> None:
    starts = file.lists["annotations"].starts
    for at in np.flatnonzero(found.image_of < 0).tolist():
        where = f"{file.path.name} line {line_of(file.text, int(starts[at]))}"
        faults.append(Fault(where, f"annotation {found.ids[at]} is of an image that is not listed"))


def _size(entry: Mapping[str, Any]) -> tuple[int, int]:
    sides = [entry.get(name) for name in ("width", "height")]
    whole = [isinstance(side, (int, float)) and 0 < side < 2**31 for side in sides]
    return (int(sides[0] or 0), int(sides[1] or 0)) if all(whole) else (0, 0)


def _candidates(path: Path, split: str) -> Iterator[Path]:
    """Yield folders in which the images of a COCO file usually lie."""
    stem = path.stem.removeprefix("instances_")
    for base in (path.parent, path.parent.parent):
        for inner in ("", stem, f"images/{stem}", split, f"images/{split}", "images", "data"):
            yield base / inner
