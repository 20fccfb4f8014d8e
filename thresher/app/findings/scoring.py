"""A quality learnt from judged rows of a user's texts, as a score of each row and a threshold."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pyarrow as pa

from ...core.counted import counted
from ...core.errors import InputError, check_choice, check_number
from ...core.issues import Issues
from ...core.loaded import LoadedDataset
from ...core.signatures import checked
from ..sources import path_of, read_judgments, read_vectors
from .looking import look_by
from .options import FindingOptions
from .published_rules import read_text_rows, texts_of
from .search import Vectors

if TYPE_CHECKING:
    from curation.quality.head import QualityHead, ScoreThreshold

    from .outcome import Outcome


@checked
def curate_score(
    data: Any,
    *,
    labels: Any,
    good: str = "",
    at_least: float | None = None,
    precision: float = 0.9,
    action: str = "drop",
    encoder: str = "auto",
    embeddings: Vectors = None,
    scores: str | os.PathLike[str] | None = None,
    **options: Unpack[FindingOptions],
) -> Outcome:
    """Learn from a few hundred judged texts which ones are good, and keep those.

    Parameters
    ----------
    data : path, str, mapping or datasets.Dataset
        What `thresher.core.load_dataset` takes.
    labels : path-like or table
        Judged rows in the columns row_id and label, as `label_export` writes them.
    good : str
        The labels of good rows, separated by commas.
    at_least : float, optional
        Instead: labels are numbers, and rows are good from this one on.
    precision : float
        Share of good rows among those that stay, at least, with 95 % confidence, in (0, 1].
    action : {"drop", "review"}
        What becomes of rows below the threshold.
    encoder : str
        See `thresher.core.get_encoder`.
    embeddings : path-like or Embeddings, optional
        Vectors of your own.
    scores : path-like, optional
        The score of each row goes to this .csv, .jsonl or .parquet file.
    **options

    Returns
    -------
    Outcome
        Its ``facts`` hold the threshold and its precision.

    Raises
    ------
    InputError
        When labels are of other rows, or tell nothing.

    Examples
    --------
    >>> import datasets
    >>> from thresher.app import curate_score
    >>> texts = [f"{word} number {i}" for i in range(40) for word in ("a tale of", "buy now")]
    >>> rows = datasets.Dataset.from_dict({"id": [f"r{i}" for i in range(80)], "text": texts})
    >>> judged = {"row_id": [f"r{i}" for i in range(60)], "label": ["yes", "no"] * 30}
    >>> found = curate_score(rows, labels=judged, good="yes", precision=0.8)
    >>> found.facts["stay"]
    40
    """
    check_choice("--action", action, ("drop", "review"))
    check_number("--precision", precision, low=0, high=1, low_open=True)
    if bool(good) == (at_least is not None):
        raise InputError("Say which labels are good: --good yes,fine, or --at-least 3.")
    _check_scores_file(scores, path_of(data))

    def find(loaded: LoadedDataset, seed: int, said: Mapping[str, Any]) -> Outcome:
        from curation import fit_quality_head

        from .texts_decided import decided

        places, marks = _judged(loaded, labels, good, at_least)
        vectors = _vectors(loaded, encoder, embeddings, seed)
        head = fit_quality_head(vectors[places], marks)
        found = head.scores(vectors)
        found[places] = head.judged_scores
        limit = head.threshold(precision)
        stays = np.ones(len(found), bool) if limit.value is None else found >= limit.value
        if scores is not None:
            _write_scores(loaded, found, stays, Path(scores))
        outcome = decided(
            "score",
            loaded,
            _issues(loaded, found, stays, limit),
            methods={"quality": f"by a linear head on {counted(len(marks), 'judged row')}"},
            said=said,
            seed=seed,
            drop=("low score",) if action == "drop" else (),
            facts=_facts(head, limit, stays, precision),
            notes=(_note(head, limit, stays, precision),),
        )
        if scores is not None:
            outcome.written["scores"] = Path(scores)
        return outcome

    return look_by(find, read_text_rows, data, options=options)


def _check_scores_file(scores: str | os.PathLike[str] | None, data: str) -> None:
    from ...core.writing import SUFFIXES
    from ..targets import check_target

    if scores is None:
        return
    path = Path(scores)
    if SUFFIXES.get(path.suffix.lower()) not in ("csv", "jsonl", "parquet"):
        raise InputError(f"`--scores` ends in .csv, .jsonl or .parquet; got {path}.")
    check_target(path, option="--scores", data=data)


def _judged(
    loaded: LoadedDataset, labels: Any, good: str, at_least: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the judged rows, and which of them are good."""
    table = read_judgments(labels)
    place = {row_id: at for at, row_id in enumerate(loaded.row_ids.tolist())}
    judged = dict(zip(table["row_id"].to_pylist(), table["label"].to_pylist(), strict=True))
    known = {place[row]: label for row, label in judged.items() if row in place and label}
    if not known:
        first = ", ".join(list(judged)[:3])
        raise InputError(
            f"None of the {counted(len(judged), 'judged row')} ({first}, …) is in the data. Labels "
            "name rows by their ids: those of a labeling session over the same file, or of a key "
            "column."
        )
    positions = np.array(sorted(known), np.int64)
    values = [known[at] for at in positions.tolist()]
    return positions, np.array(_are_good(values, good, at_least), bool)


def _are_good(values: Sequence[str], good: str, at_least: float | None) -> list[bool]:
    if at_least is None:
        names = [name.strip() for name in good.split(",") if name.strip()]
        known = sorted(set(values))
        for name in names:
            check_choice("--good", name, known)
        return [value in names for value in values]
    try:
        return [float(value) >= at_least for value in values]
    except ValueError as error:
        raise InputError(
            f"--at-least needs labels that are numbers ({error}); name the good ones with --good."
        ) from error


def _vectors(loaded: LoadedDataset, encoder: str, given: Vectors, seed: int) -> np.ndarray:
    from ...core.encoders import embed

    texts = texts_of(loaded, "quality")
    own = read_vectors(given, loaded)
    found = embed(texts, encoder=encoder, random_state=seed) if own is None else own
    return np.asarray(found.vectors, np.float64)


def _issues(
    loaded: LoadedDataset, scores: np.ndarray, stays: np.ndarray, limit: ScoreThreshold
) -> Issues:
    low = np.flatnonzero(~stays)
    return Issues.from_columns(
        "quality",
        row_ids=loaded.row_ids[low],
        scores=scores[low],
        details=[f"low score: {scores[at]:.3f}, below {limit.value:.3f}" for at in low.tolist()],
    )


def _facts(
    head: QualityHead, limit: ScoreThreshold, stays: np.ndarray, wanted: float
) -> dict[str, Any]:
    return {
        "judged": len(head.good),
        "good among judged": int(head.good.sum()),
        "threshold": limit.value,
        "precision wanted": wanted,
        "precision, 95 % sure": limit.precision,
        "stay": int(stays.sum()),
    }


def _note(head: QualityHead, limit: ScoreThreshold, stays: np.ndarray, wanted: float) -> str:
    base = (
        f"{int(head.good.sum()):,} of "
        f"{counted(len(head.good), 'judged row is', 'judged rows are')} good"
    )
    seen = (
        f"{limit.good:,} of "
        f"{counted(limit.judged, 'judged row there is', 'judged rows there are')} good"
    )
    if limit.value is None:
        return (
            f"{base}; no threshold has a precision of {wanted:g} with 95 % confidence (the first "
            f"has {limit.precision:.2f}: {seen}), so that all rows stay: judge more rows"
        )
    return (
        f"{base}; from a score of {limit.value:.3f} on at least {limit.precision:.2f} are, with "
        f"95 % confidence ({seen}); {int(stays.sum()):,} of "
        f"{counted(len(stays), 'row stays', 'rows stay')}"
    )


def _write_scores(loaded: LoadedDataset, scores: np.ndarray, stays: np.ndarray, path: Path) -> None:
    from ...core.writing import write_dataset
    from ..given import as_dataset
    from ..places import places_of

    ids = loaded.row_ids.tolist()
    where = places_of(loaded).columns(ids)
    table = pa.table(
        {
            "row_id": ids,
            "file": where["file"],
            "line": where["line"],
            "score": np.round(scores, 6),
            "stays": stays,
        }
    )
    write_dataset(as_dataset(table), path)
