"""Copies in a user's data, within it and between its splits, as `thresher.app` has them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

from ...core.errors import InputError
from ...core.signatures import checked
from ..sources import read_benchmark
from .looking import look
from .options import FindingOptions
from .search import Search, Vectors

if TYPE_CHECKING:
    from .outcome import Outcome

PathLike = str | os.PathLike[str]


@checked
def curate_duplicates(
    data: Any,
    *,
    threshold: float | None = None,
    exact: bool = False,
    keep: str = "connected",
    crops: bool = False,
    turns: bool = False,
    encoder: str = "auto",
    embeddings: Vectors = None,
    work: PathLike | None = None,
    **options: Unpack[FindingOptions],
) -> Outcome:
    """Find equal and nearly equal rows; every row to drop has a kept twin that close.

    Parameters
    ----------
    data : path, str, mapping or datasets.Dataset
        What `thresher.core.load_dataset` takes.
    threshold : float, optional
        Similarity that counts as near, in (0, 1]; chosen for the data when left out.
    exact : bool
        Look for equal content only.
    keep : str
        Which copy stays; see `curation.find_near_duplicates`.
    crops, turns : bool
        Of images, find cropped and mirrored copies too, and those turned by quarters.
    encoder : str
        See `thresher.core.get_encoder`.
    embeddings : path-like or Embeddings, optional
        Vectors of your own: ``.npy`` or ``.npz`` in the order of the rows, or a saved folder.
    work : path-like, optional
        Folder that keeps vectors and pairs; the same call goes on from there.
    **options

    Returns
    -------
    Outcome
        With ``issues``, ``manifest``, and ``clean`` where clean data were written.

    Raises
    ------
    InputError
        For data that cannot be read, and files that would be overwritten.

    Examples
    --------
    >>> import datasets
    >>> from thresher.app import curate_duplicates
    >>> rows = datasets.Dataset.from_dict({"text": ["a red car", "a blue boat", "a red car"]})
    >>> found = curate_duplicates(rows, exact=True, clean="unique.csv")
    >>> found.manifest.counts()["drop"], found.clean.kept
    (1, 2)
    """
    if exact and (crops or turns):
        raise InputError("Give --exact, or --crops and --turns: equal content has no crops.")
    near = [] if exact else [("near_duplicate", {"keep": keep})]
    search = Search(
        (("exact_duplicate", {"keep": keep}), *near),
        threshold=threshold,
        encoder=encoder,
        embeddings=embeddings,
        work=work,
        compare=compare_by(crops=crops, turns=turns),
    )
    return look(search, data, command="duplicates", options=options)


@checked
def curate_leakage(
    data: Any,
    *,
    threshold: float | None = None,
    crops: bool = False,
    turns: bool = False,
    encoder: str = "auto",
    embeddings: Vectors = None,
    work: PathLike | None = None,
    benchmark: Any = None,
    benchmark_text: str | None = None,
    benchmark_form: Mapping[str, Any] | None = None,
    words: int | None = None,
    **options: Unpack[FindingOptions],
) -> Outcome:
    """Find training rows that give test rows away; without them no close pair is left.

    Parameters
    ----------
    data, crops, turns, encoder, embeddings, work
        As in `curate_duplicates`.
    threshold : float, optional
        Similarity that counts as near; with `benchmark` a share of its word sequences.
    benchmark : optional
        Texts of a benchmark, in data of their own: find training texts that hold them.
    benchmark_text : str, optional
        Its text columns, separated by commas.
    benchmark_form : mapping, optional
        How its file is read: ``delimiter``, ``header``, ``encoding``, ``max_unpacked``, ``na``.
    words : int, optional
        Words of a sequence, for `benchmark`; usually 13.
    **options

    Returns
    -------
    Outcome

    Raises
    ------
    InputError
        Also when the data has one split alone and there is no benchmark.

    Examples
    --------
    >>> import datasets
    >>> from thresher.app import curate_leakage
    >>> rows = {"text": ["a red car", "a blue boat", "A red car!"]}
    >>> rows["split"] = ["train", "train", "test"]
    >>> found = curate_leakage(datasets.Dataset.from_dict(rows), threshold=0.9)
    >>> found.manifest.counts()["drop"]
    1
    """
    compare = compare_by(crops=crops, turns=turns)
    if benchmark is None:
        if words is not None or benchmark_text is not None or benchmark_form:
            raise InputError("--words and --benchmark-… go with --benchmark DATA.")
        search = Search(
            ("leakage",),
            threshold=threshold,
            encoder=encoder,
            embeddings=embeddings,
            work=work,
            compare=compare,
            needs=("splits",),
        )
        return look(search, data, command="leakage", options=options)
    if compare != "auto" or encoder != "auto" or embeddings is not None or work is not None:
        raise InputError("--benchmark compares words: it takes no encoder, vectors, crops or work.")
    asked: dict[str, Any] = {
        "benchmark": read_benchmark(benchmark, text=benchmark_text, form=benchmark_form or {})
    }
    asked |= {} if words is None else {"n": words}
    asked |= {} if threshold is None else {"threshold": threshold}
    return look(Search((("contamination", asked),)), data, command="leakage", options=options)


def compare_by(*, crops: bool, turns: bool) -> str:
    """Return how images are compared, as `curation.Curator` names it."""
    if turns:
        return "turns"
    return "crops" if crops else "auto"
