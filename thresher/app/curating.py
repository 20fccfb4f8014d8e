"""All checks over a user's data as a run that goes on where it was stopped, and the clean data."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..core.errors import InputError
from ..core.packing import data_suffix
from ..core.shown import Shown
from ..core.signatures import checked
from ..core.writing import SUFFIXES
from .clean_run import check_whole, is_whole, run_folder, write_clean_data
from .cleaning import Cleaned
from .pipeline import run
from .result import RunResult
from .settings import Settings, settings_of
from .sources import path_of
from .targets import check_target

# A file is cleaned as it is: no test rows are held out of it, and rows without a label stay.
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {"data": {"test_fraction": 0.0, "keep_unlabeled": True}}
)


@dataclass(frozen=True, repr=False)
class Curated(Shown):
    """What `curate` did.

    Attributes
    ----------
    result : RunResult
        The run that found and decided.
    clean : Cleaned or None
        The clean data in the form of the source; None where the run has other rows than it.
    """

    result: RunResult
    clean: Cleaned | None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        clean = {} if self.clean is None else {"clean": self.clean.to_json()}
        return {**self.result.to_json(), **clean}


@checked
def curate(
    data: Any,
    *,
    out: str | os.PathLike[str],
    settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None = None,
) -> Curated:
    """Do all checks and write clean data; a call that was stopped goes on when made again.

    Parameters
    ----------
    data : path, str, mapping or datasets.Dataset
        What `thresher.core.load_dataset` takes.
    out : path-like
        A file for the clean data, beside which the folder of the run is made; or that folder.
    settings : mapping, path-like or Settings, optional
        As in `run`; no test rows are held out, and rows without a label stay, unless it says so.

    Returns
    -------
    Curated

    Raises
    ------
    InputError
        For data that cannot be read, and files that would be overwritten.

    Examples
    --------
    >>> from pathlib import Path
    >>> from thresher.app import curate
    >>> lines = ["text", "a red car", "a blue boat", "a red car"]
    >>> _ = Path("cars.csv").write_text(chr(10).join(lines))
    >>> done = curate("cars.csv", out="clean.csv")
    >>> done.clean.kept, done.clean.dropped
    (2, 1)
    """
    target = Path(out)
    asked = settings_of(settings, defaults=DEFAULTS)
    folder, file = target, None
    if target.suffix:
        _check_file(target, path_of(data))
        check_whole(asked)
        folder, file = run_folder(target), target
    result = run(data, out=folder, settings=asked, until="curate")
    clean = write_clean_data(data, result.folder, asked, out=file) if is_whole(asked) else None
    return Curated(result, clean)


def _check_file(out: Path, data: str) -> None:
    if data_suffix(out) not in SUFFIXES:
        raise InputError(
            f"`--out` ends in {out.suffix!r}. A file of clean data ends in .csv, .jsonl, .json, "
            ".parquet or .tar; a folder has no suffix."
        )
    check_target(out, option="--out", data=data)
