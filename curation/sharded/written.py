"""Files of an earlier call in a folder of the user's: gone when this call does not write them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os.path import relpath
from pathlib import Path

from thresher.core.files import write_json

RECORD = "clean-files.json"


@contextmanager
def written_into(folder: Path, names: Iterable[str], *, work: Path) -> Iterator[None]:
    """Take note of the files that are written here; afterwards remove those of the call before.

    Parameters
    ----------
    folder : Path
        Gets the files.
    names : iterable of str
        Of the files, within the folder.
    work : Path
        Keeps what was written where.
    """
    record, place, now = work / RECORD, relpath(folder, work), set(names)
    known = _known(record)
    before = set(known.get(place, ()))
    write_json(record, known | {place: sorted(before | now)})  # a killed call is known too
    yield
    for name in before - now:
        (folder / name).unlink(missing_ok=True)
    write_json(record, known | {place: sorted(now)})


def _known(record: Path) -> dict[str, list[str]]:
    try:
        found = json.loads(record.read_bytes())
    except (FileNotFoundError, ValueError):
        found = None
    return found if isinstance(found, dict) else {}
