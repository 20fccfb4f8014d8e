"""Find quality issues of images, texts or features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_choice
from thresher.core.matrices import as_matrix
from thresher.core.missing import id_texts
from thresher.core.signatures import checked

from .result import Finding, QualityIssues

KINDS = ("image", "text", "features")


@checked
def find_quality_issues(
    values: np.ndarray | Sequence[Any],
    *,
    kind: str,
    row_ids: np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> QualityIssues:
    """Find rows that are broken, empty or odd.

    Absolute limits catch what is useless anywhere; limits relative to the corpus catch what is odd
    here. Every finding says which limit it crossed.

    Parameters
    ----------
    values : array or list, n rows
        For ``"image"``: uint8 (n, h, w, 3), or a list of uint8 arrays (h, w, 3) or (h, w), None
        where a file cannot be read. For ``"text"``: a list of str, None where missing. For
        ``"features"``: float (n, d).
    kind : str
        ``"image"``, ``"text"`` or ``"features"``.
    row_ids : ndarray of str, shape (n,), optional
        Default ``"0"``, ``"1"``, ….
    names : sequence of str, length d, optional
        What findings and notes call the columns of features; default their places, from 0.

    Returns
    -------
    QualityIssues

    Raises
    ------
    InputError
        On another kind, on values that are not of it, and on names of columns for other values
        than features, or as many as there are no columns.

    Examples
    --------
    >>> from curation import find_quality_issues
    >>> texts = ["A kettle that works.", "", "Two chairs and a table.", "A lamp for the desk."]
    >>> found = find_quality_issues(texts, kind="text")
    >>> [(issue.row_id, issue.detail) for issue in found.to_issues()]
    [('1', 'empty: no letter and no digit')]
    """
    check_choice("kind", kind, KINDS)
    if kind == "features":
        values = as_matrix("values", values)
    elif names is not None:
        raise InputError(f"`names` are those of the columns of features, not of kind {kind!r}.")
    ids = np.arange(len(values)).astype(str) if row_ids is None else id_texts("row_ids", row_ids)
    if len(ids) != len(values):
        raise InputError(
            f"There are {counted(len(values), 'value')}, but {counted(len(ids), 'row id')}."
        )
    findings, notes, properties = _find(values, kind, names)
    return QualityIssues.of(ids, findings, notes=notes, properties=properties)


def _find(
    values: np.ndarray | Sequence[Any], kind: str, names: Sequence[str] | None
) -> tuple[list[Finding], tuple[str, ...], dict[str, np.ndarray]]:
    if kind == "image":
        from .image import image_findings

        return image_findings(values)
    if kind == "text":
        from .texts.finding import text_findings

        return text_findings(values)
    from .features import feature_findings

    return feature_findings(values, names=names)
