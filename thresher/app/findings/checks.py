"""The checks one by one over a user's data, as `thresher.app` has them.

Each reads the data, finds, decides about every row, and writes what was asked for. Messages name
options as the command line has them; the arguments have the same names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

from ...core.errors import InputError, check_choice, check_number
from ...core.signatures import checked
from ..sources import read_annotations
from .looking import look
from .options import FindingOptions
from .search import Probabilities, Search, Vectors

if TYPE_CHECKING:
    from .outcome import Outcome

PathLike = str | os.PathLike[str]


@checked
def curate_labels(
    data: Any,
    *,
    method: str = "auto",
    action: str = "auto",
    encoder: str = "auto",
    embeddings: Vectors = None,
    work: PathLike | None = None,
    pred_probs: Probabilities = None,
    annotations: Any = None,
    annotations_form: Mapping[str, Any] | None = None,
    dynamics: PathLike | None = None,
    **options: Unpack[FindingOptions],
) -> Outcome:
    """Find labels that look wrong, each with a better one.

    Parameters
    ----------
    data, encoder, embeddings, work
        As in `curate_duplicates`.
    method : str
        See `curation.find_label_issues`.
    action : {"drop", "relabel", "review", "none", "auto"}
        What becomes of wrong labels; ``"auto"`` drops them where it is sure that there are any.
    pred_probs : path-like or ndarray of float, shape (n, K), optional
        Out-of-sample probabilities of the sorted classes.
    annotations : path-like or table, optional
        Answers of several annotators, in the columns row_id, annotator and label: a file, an Arrow
        table, a mapping of columns or a DataFrame.
    annotations_form : mapping, optional
        How their file is read, as `benchmark_form` in `curate_leakage`.
    dynamics : path-like, optional
        What each row did in training: the file of a `training.DynamicsRecorder`.
    **options

    Returns
    -------
    Outcome

    Raises
    ------
    InputError
        Also when the data has no label.

    Examples
    --------
    >>> import datasets
    >>> numbers = {"x": list(range(60)), "label": ["low"] * 30 + ["high"] * 30}
    >>> rows = datasets.Dataset.from_dict(numbers)
    >>> from thresher.app import curate_labels
    >>> found = curate_labels(rows, action="review")
    >>> found.manifest.counts()["drop"]
    0
    """
    asked: dict[str, Any] = {"method": method}
    if annotations is not None:
        asked["annotations"] = read_annotations(annotations, annotations_form or {})
    elif annotations_form:
        raise InputError("--annotations-… go with --annotations FILE.")
    asked |= {} if dynamics is None else {"dynamics": os.fspath(dynamics)}
    search = Search(
        (("label", asked),),
        label_action=action,
        encoder=encoder,
        embeddings=embeddings,
        work=work,
        pred_probs=pred_probs,
        needs=("label",),
    )
    return look(search, data, command="labels", options=options)


@checked
def curate_outliers(
    data: Any,
    *,
    encoder: str = "auto",
    embeddings: Vectors = None,
    work: PathLike | None = None,
    **options: Unpack[FindingOptions],
) -> Outcome:
    """Find rows unlike all others of their class; they are there to be looked at.

    Parameters
    ----------
    data, encoder, embeddings, work
        As in `curate_duplicates`.
    **options

    Returns
    -------
    Outcome

    Raises
    ------
    InputError
        For data that cannot be read.

    Examples
    --------
    >>> import datasets
    >>> numbers = {"x": list(range(60)), "label": ["low"] * 30 + ["high"] * 30}
    >>> rows = datasets.Dataset.from_dict(numbers)
    >>> from thresher.app import curate_outliers
    >>> found = curate_outliers(rows)
    >>> found.manifest.counts()["drop"]
    0
    """
    search = Search(("outlier",), encoder=encoder, embeddings=embeddings, work=work)
    return look(search, data, command="outliers", options=options)


@checked
def curate_quality(
    data: Any,
    *,
    rules: str = "",
    action: str = "review",
    **options: Unpack[FindingOptions],
) -> Outcome:
    """Find unreadable, blank, blurred, garbled or odd rows; what holds nothing is dropped.

    Parameters
    ----------
    data
        As in `curate_duplicates`.
    rules : str
        Of texts, look by published rules instead: ``"gopher"``, ``"c4"`` and ``"fineweb"``,
        separated by commas; see `curation.find_rule_issues`.
    action : {"review", "drop"}
        What becomes of texts that do not keep them.
    **options

    Returns
    -------
    Outcome
        Its ``corpus`` says which classes are rare, whether the rows are sorted, and what gives a
        label away.

    Raises
    ------
    InputError
        For data that cannot be read.

    Examples
    --------
    >>> import datasets
    >>> from thresher.app import curate_quality
    >>> found = curate_quality(datasets.Dataset.from_dict({"text": ["a red car", " ", "a boat"]}))
    >>> found.manifest.counts()["drop"]
    1
    """
    check_choice("--action", action, ("review", "drop"))
    names = tuple(name.strip() for name in rules.split(",") if name.strip())
    if names:
        from .published_rules import look_by_rules

        return look_by_rules(data, names, drop=action == "drop", options=options)
    if action != "review":
        raise InputError("--action goes with --rules: what it does is for texts that break them.")
    search = Search(("quality",), drop_unusable=True, corpus=True)
    return look(search, data, command="quality", options=options)


@checked
def curate_coreset(
    data: Any,
    *,
    rows: int | None = None,
    share: float | None = None,
    tokens: float | None = None,
    tokenizer: PathLike | None = None,
    method: str = "auto",
    encoder: str = "auto",
    embeddings: Vectors = None,
    work: PathLike | None = None,
    **options: Unpack[FindingOptions],
) -> Outcome:
    """Choose the rows to train on when not all can be; where there are labels, class by class.

    Parameters
    ----------
    data, encoder, embeddings, work
        As in `curate_duplicates`.
    rows : int, optional
        Keep this many training rows.
    share : float, optional
        Keep this share of the training rows, in (0, 1], instead.
    tokens : float, optional
        Keep training texts of so many tokens, instead.
    tokenizer : path-like, optional
        File ``tokenizer.json``, or a folder that holds one; without it words are counted.
    method : str
        See `curation.select_coreset`.
    **options

    Returns
    -------
    Outcome

    Raises
    ------
    InputError
        When not one of `rows`, `share` and `tokens` is given.

    Examples
    --------
    >>> import datasets
    >>> numbers = {"x": list(range(60)), "label": ["low"] * 30 + ["high"] * 30}
    >>> rows = datasets.Dataset.from_dict(numbers)
    >>> from thresher.app import curate_coreset
    >>> found = curate_coreset(rows, rows=6, method="random")
    >>> found.manifest.counts()["keep"]
    6
    """
    if sum(size is not None for size in (rows, share, tokens)) != 1:
        raise InputError(
            "Give the size of the core set: --rows N, --share 0.3 or --tokens 1e6, one of them."
        )
    if share is not None:
        check_number("--share", share, low=0, high=1, low_open=True)
    asked: dict[str, Any] = {"method": method}
    asked |= {"n": rows or 1} if tokens is None else {"tokens": tokens}
    asked |= {} if tokenizer is None else {"tokenizer": os.fspath(tokenizer)}
    search = Search(
        (("coreset", asked),),
        share=share,
        encoder=encoder,
        embeddings=embeddings,
        work=work,
    )
    return look(search, data, command="coreset", options=options)


@checked
def curate_report(
    data: Any,
    *,
    threshold: float | None = None,
    action: str = "auto",
    encoder: str = "auto",
    embeddings: Vectors = None,
    work: PathLike | None = None,
    pred_probs: Probabilities = None,
    **options: Unpack[FindingOptions],
) -> Outcome:
    """Write one page with the findings of all checks, to the file that `out` names.

    Parameters
    ----------
    data, threshold, encoder, embeddings, work
        As in `curate_duplicates`.
    action, pred_probs
        As in `curate_labels`.
    **options

    Returns
    -------
    Outcome
        Its ``written["findings"]`` is the page.

    Raises
    ------
    InputError
        When `out` is missing.

    Examples
    --------
    >>> import datasets
    >>> from thresher.app import curate_report
    >>> rows = datasets.Dataset.from_dict({"text": ["a red car", "a blue boat", "a red car"]})
    >>> curate_report(rows, out="report.html").written["findings"].name
    'report.html'
    """
    search = Search(
        None,
        threshold=threshold,
        label_action=action,
        encoder=encoder,
        embeddings=embeddings,
        work=work,
        pred_probs=pred_probs,
        drop_unusable=True,
        corpus=True,
        page=True,
    )
    return look(search, data, command="report", options=options)
