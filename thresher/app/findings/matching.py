"""The records of two of a user's files that describe the same things."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pyarrow as pa

from ...core.columns import read_row_ids, read_texts
from ...core.loaded import LoadedDataset
from ...core.loading.options import FileOptions
from ...core.shown import ShownRows
from ...core.signatures import checked
from ..sources import read_text_rows, row_numbers

if TYPE_CHECKING:
    from curation.duplicates.record_matching import RecordMatches


@dataclass(frozen=True, repr=False)
class MatchedFiles(ShownRows):
    """Pairs of records, each the other's closest, most probable first.

    Attributes
    ----------
    found : RecordMatches
    table : pyarrow.Table
        A row for each pair: ``match``, ``probability``, ``similarity``, ``lead``, and id, row,
        text, file and line of both sides.
    left, right : int
        Records of either side.
    """

    found: RecordMatches
    table: pa.Table
    left: int
    right: int


@checked
def curate_match(
    left: Any,
    right: Any,
    *,
    text: str | None = None,
    right_text: str | None = None,
    row_id: str | None = None,
    threshold: float = 0.5,
    out: str | os.PathLike[str] | None = None,
    right_form: Mapping[str, Any] | None = None,
    **options: Unpack[FileOptions],
) -> MatchedFiles:
    """Match the records of two files one to one, without labels.

    Parameters
    ----------
    left, right : path, str, mapping or datasets.Dataset
        What `thresher.core.load_dataset` takes.
    text : str, optional
        Text columns, separated by commas; found out when left out.
    right_text : str, optional
        Those of `right`, where they have other names.
    row_id : str, optional
        Column of ids, in both.
    threshold : float
        Probability from which a pair is a match, in [0, 1].
    out : path-like, optional
        File of the pairs: .csv, .jsonl or .parquet.
    right_form : mapping, optional
        How `right` is read, where it differs.
    **options

    Returns
    -------
    MatchedFiles

    Raises
    ------
    InputError
        For data without texts.

    Examples
    --------
    >>> import datasets
    >>> from thresher.app import curate_match
    >>> names = [f"lamp {letter * 3} no {letter}1" for letter in "abcdefghijkl"]
    >>> ours = datasets.Dataset.from_dict({"text": names})
    >>> theirs = datasets.Dataset.from_dict({"text": [f"{name} new" for name in names[::-1]]})
    >>> curate_match(ours, theirs).table.num_rows
    12
    """
    from curation import match_records

    from ...core.writing import write_dataset
    from ..given import as_dataset
    from .outcome import check_findings_file

    check_findings_file(None if out is None else Path(out))
    form = {name: value for name, value in options.items() if value is not None}
    sides = [
        read_text_rows(left, text=text, row_id=row_id, form=form),
        read_text_rows(
            right,
            text=right_text or text,
            of="right",
            row_id=row_id,
            form=form | dict(right_form or {}),
        ),
    ]
    texts = [read_texts(side.dataset, side.schema.inputs[0]) for side in sides]
    ids = [read_row_ids(side.dataset) for side in sides]
    found = match_records(*texts, left_ids=ids[0], right_ids=ids[1], threshold=threshold)
    numbers = [row_numbers(side) for side in sides]
    text_of = [dict(zip(*pair, strict=True)) for pair in zip(ids, texts, strict=True)]
    table = pa.table(
        {
            "match": found.matched,
            "probability": found.probability,
            "similarity": found.similarity,
            "lead": found.lead,
            **_described("left", found.left_ids, numbers[0], text_of[0]),
            **_placed("left", found.left_ids, sides[0]),
            **_described("right", found.right_ids, numbers[1], text_of[1]),
            **_placed("right", found.right_ids, sides[1]),
        }
    )
    if out is not None:
        write_dataset(as_dataset(table), out)
    return MatchedFiles(found, table, len(ids[0]), len(ids[1]))


def _described(
    side: str, ids: np.ndarray, numbers: Mapping[str | None, int], texts: Mapping[str, str]
) -> dict[str, Any]:
    """Return the columns that tell which rows of a file are meant."""
    return {
        f"{side}_id": ids.tolist(),
        f"{side}_row": [numbers[row_id] for row_id in ids.tolist()],
        f"{side}_text": [texts[row_id] for row_id in ids.tolist()],
    }


def _placed(side: str, ids: np.ndarray, loaded: LoadedDataset) -> dict[str, pa.Array]:
    from ..places import places_of

    found = places_of(loaded).columns(ids.tolist(), prefix=f"{side}_")
    return {name: found[name] for name in (f"{side}_file", f"{side}_line")}
