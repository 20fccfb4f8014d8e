"""What is done with decisions: reviewed, applied to the data, taken back, compared with others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..core.errors import InputError
from ..core.manifest import Manifest
from ..core.shown import Shown, ShownRows
from ..core.signatures import checked
from ..core.writing import write_dataset
from .clean_run import manifest_in, places_in
from .cleaning import Cleaned
from .given import as_dataset
from .judging import apply_decisions, decisions_beside, judged
from .places import Places
from .review_opening import open_review, said_in_page
from .review_sheet import write_review
from .sources import path_of
from .targets import check_spares, check_target
from .undoing import undo_manifest

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, repr=False)
class Applied(Shown):
    """Decisions that were applied.

    Attributes
    ----------
    clean : Cleaned
    manifest : Manifest
        As it was applied, after the verdicts where there are some.
    folder : Path
        That holds these decisions.
    verdicts : int or None
        Verdicts of people that were taken in; None where none were given.
    """

    clean: Cleaned
    manifest: Manifest
    folder: Path
    verdicts: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        told = {
            "verdicts": self.verdicts,
            "manifest": str(self.folder),
            "decisions": self.manifest.counts(),
        }
        return self.clean.to_json() | ({} if self.verdicts is None else told)


@dataclass(frozen=True, repr=False)
class Differences(ShownRows):
    """Rows that two manifests decide differently.

    Attributes
    ----------
    table : pyarrow.Table
        As `Manifest.diff` gives it, with ``split``, ``file`` and ``line`` of each row.
    places : Places
        Where the rows stand.
    """

    table: pa.Table
    places: Places


@dataclass(frozen=True, repr=False)
class ReviewTable(Shown):
    """A table whose column ``verdict`` is to be filled, and how many rows it has."""

    path: Path
    rows: int


@checked
def curate_review(
    run: PathLike,
    *,
    out: PathLike,
    data: Any = None,
    actions: Sequence[str] = ("review",),
    formulas: bool = False,
) -> ReviewTable:
    """Write what is to be looked at, with a column ``verdict`` to fill.

    It is filled with accept, reject, relabel (and the new label in the column ``label``),
    keep_other (this row stays, its twin goes) or drop; then `curate_apply` takes it. What was said
    in a page stands there already.

    Parameters
    ----------
    run : path-like
        Folder of a run, or of decisions.
    out : path-like
        The table: .csv or .jsonl.
    data : optional
        The data, where `run` is a folder of decisions alone.
    actions : sequence of str
        Rows with these decisions: some of ``"review"``, ``"drop"``, ``"relabel"``.
    formulas : bool
        Leave cells as they are that a spreadsheet would run as formulas.

    Returns
    -------
    ReviewTable

    Raises
    ------
    InputError
        When there is no such folder, or the rows are not known.

    Examples
    --------
    >>> import datasets
    >>> from thresher.app import curate_duplicates, curate_review
    >>> rows = datasets.Dataset.from_dict({"text": ["a red car", "a blue boat", "a red car"]})
    >>> _ = curate_duplicates(rows, exact=True, manifest="decisions")
    >>> curate_review("decisions", data=rows, out="review.csv", actions=["drop"]).rows
    1
    """
    source, target = Path(run), Path(out)
    check_target(target, option="--out", data=path_of(data))
    reviewed = open_review(source, data)
    said = said_in_page(source, reviewed.manifest)
    rows = write_review(reviewed, target, actions=actions, escape=not formulas, verdicts=said)
    return ReviewTable(target, rows)


@checked
def curate_apply(
    manifest: PathLike,
    data: Any,
    *,
    out: PathLike,
    format: str | None = None,  # noqa: A002 — as in write_dataset
    verdicts: PathLike | None = None,
    decided: PathLike | None = None,
    by: str | None = None,
    new_labels: bool = False,
) -> Applied:
    """Write the data as a manifest decided, after the verdicts of people where there are some.

    Rows to drop are left out, rows to relabel get their new label; columns, cells and order stay.

    Parameters
    ----------
    manifest : path-like
        Folder of a manifest, or of a run.
    data : path, str, mapping or datasets.Dataset
        What was decided about.
    out : path-like
        Where the clean data go; beside it, ``OUT.undo`` keeps what was dropped.
    format : str, optional
        See `thresher.core.write_dataset`; by default that of the suffix.
    verdicts : path-like, optional
        A review that was filled in; see `curate_review`.
    decided : path-like, optional
        Folder for the decisions after the verdicts; by default ``OUT.manifest``.
    by : str, optional
        Who gave the verdicts; by default the name of the user.
    new_labels : bool
        Take labels in verdicts that no row has.

    Returns
    -------
    Applied

    Raises
    ------
    InputError
        When the data are others, or a verdict is wrong; then nothing is written.

    Examples
    --------
    >>> import datasets
    >>> from thresher.app import curate_apply, curate_duplicates
    >>> rows = datasets.Dataset.from_dict({"text": ["a red car", "a blue boat", "a red car"]})
    >>> _ = curate_duplicates(rows, exact=True, manifest="decisions")
    >>> curate_apply("decisions", rows, out="clean.csv").clean.kept
    2
    """
    if verdicts is None and (decided is not None or by is not None or new_labels):
        raise InputError("--manifest, --by and --new-labels go with --verdicts FILE.")
    source, target = Path(manifest), Path(out)
    check_target(target, option="--out", data=path_of(data))
    check_spares(target, option="--out", decisions=source)
    issues, folder = None, source
    if verdicts is None:
        decisions = manifest_in(source)
    else:
        folder = decisions_beside(target) if decided is None else Path(decided)
        check_target(folder, option="--manifest", data=path_of(data))
        decisions, issues = judged(source, Path(verdicts), by=by, new_labels=new_labels)
    cleaned = apply_decisions(decisions, data, target, format=format, issues=issues, keep=folder)
    told = None if issues is None else len(decisions.header["verdicts"][-1]["rows"])
    return Applied(cleaned, decisions, folder, told)


@checked
def curate_undo(
    manifest: PathLike,
    clean: PathLike,
    *,
    out: PathLike,
    format: str | None = None,  # noqa: A002 — as in write_dataset
) -> int:
    """Put dropped rows and old labels back, in their old order; return the number of rows.

    Parameters
    ----------
    manifest : path-like
        Folder of the manifest that was applied, or of a run.
    clean : path-like
        What was written then.
    out : path-like
        Where the data as they were go.
    format : str, optional
        As in `curate_apply`.

    Raises
    ------
    InputError
        When the clean data were changed since.

    Examples
    --------
    >>> import datasets
    >>> from thresher.app import curate_duplicates, curate_undo
    >>> rows = datasets.Dataset.from_dict({"text": ["a red car", "a blue boat", "a red car"]})
    >>> _ = curate_duplicates(rows, exact=True, manifest="decisions", clean="clean.csv")
    >>> curate_undo("decisions", "clean.csv", out="again.csv")
    3
    """
    target = Path(out)
    check_target(target, option="--out", data=str(clean))
    check_spares(target, option="--out", decisions=Path(manifest))
    return undo_manifest(manifest_in(Path(manifest)), Path(clean), target, format=format)


@checked
def curate_diff(first: PathLike, second: PathLike, *, out: PathLike | None = None) -> Differences:
    """Show rows that two manifests decide differently.

    Parameters
    ----------
    first, second : path-like
        Folders of manifests.
    out : path-like, optional
        A .parquet, .csv or .jsonl file for the differences.

    Returns
    -------
    Differences

    Raises
    ------
    InputError
        When a folder holds no manifest.

    Examples
    --------
    >>> import datasets
    >>> from thresher.app import curate_diff, curate_duplicates
    >>> rows = datasets.Dataset.from_dict({"text": ["a red car", "a blue boat", "a red car"]})
    >>> _ = curate_duplicates(rows, exact=True, manifest="first")
    >>> _ = curate_duplicates(rows, exact=True, keep="length", manifest="second")
    >>> len(curate_diff("first", "second").table)
    0
    """
    here, places = manifest_in(Path(first)), places_in(Path(first))
    table = here.diff(manifest_in(Path(second)))
    for name, column in places.columns(table["row_id"].to_pylist()).items():
        table = table.append_column(name, column)
    if out is not None:
        write_dataset(as_dataset(table), out)
    return Differences(table, places)
