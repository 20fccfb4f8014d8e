"""A search: which checks run over a user's rows, by what, and what is decided."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.columns import read_splits
from ...core.embeddings import Embeddings
from ...core.errors import InputError
from ...core.issues import Issues
from ...core.loaded import LoadedDataset
from ...core.manifest import Manifest
from ..sources import columns_of, read_probabilities, read_vectors

if TYPE_CHECKING:
    from curation import Curator

    from .outcome import Outcome

Vectors = str | os.PathLike[str] | Embeddings | None
Probabilities = str | os.PathLike[str] | np.ndarray | None


@dataclass(frozen=True)
class Search:
    """What is looked for, and by what.

    Attributes
    ----------
    steps : tuple
        See `curation.Curator`.
    share : float or None
        Size of a core set as a share of the training rows.
    drop_unusable : bool
        Whether rows that cannot be used are dropped, rather than left alone.
    corpus : bool
        Whether to look at the data as a whole too.
    page : bool
        Whether to insist on a file to write all to.
    compare, work : str, Path or None
        See `curation.Curator`.
    needs : tuple of str
        ``"label"`` or ``"splits"``: what the data must have.
    """

    steps: tuple[Any, ...] | None
    threshold: float | None = None
    label_action: str = "auto"
    encoder: str = "auto"
    embeddings: Vectors = None
    pred_probs: Probabilities = None
    share: float | None = None
    drop_unusable: bool = False
    corpus: bool = False
    page: bool = False
    compare: str = "auto"
    work: str | os.PathLike[str] | None = None
    needs: tuple[str, ...] = ()


def search_rows(
    search: Search,
    loaded: LoadedDataset,
    *,
    command: str,
    random_state: int,
    said: Mapping[str, Any],
) -> Outcome:
    """Run the checks of a search and decide about every row.

    `said` is what the user said of the source beside the columns' roles, for the manifest's header.
    """
    from curation import Curator

    from ..cleaning import cover_all_rows
    from .outcome import Outcome

    _check_needs(search, loaded)
    steps = (
        None if search.steps is None else [_sized(step, search, loaded) for step in search.steps]
    )
    schema, columns = loaded.schema, _columns(loaded)
    curator = Curator(
        steps,
        threshold="auto" if search.threshold is None else search.threshold,
        label_action=search.label_action,
        encoder=search.encoder,
        compare=search.compare,
        work_folder=search.work,
        random_state=random_state,
    ).fit(
        loaded.dataset,
        column=columns if schema.modality == "features" else columns[0],
        label=schema.label,
        task=schema.task,
        embeddings=read_vectors(search.embeddings, loaded),
        pred_probs=read_probabilities(search.pred_probs, loaded),
    )
    unusable = search.drop_unusable or schema.modality == "image"
    columns_read = columns_of(loaded, said)
    header = {**curator.manifest_.header, "columns": columns_read, "roles": loaded.roles}
    manifest = cover_all_rows(
        Manifest(curator.manifest_.table, header), loaded, action="drop" if unusable else "review"
    )
    issues = Issues.concat([curator.issues_, *_beside(curator), loaded.set_aside])
    corpus = curator.corpus_.to_json() if search.corpus else None
    return Outcome(
        command, loaded, curator.methods_, issues, manifest, curator=curator, corpus=corpus
    )


def _beside(curator: Curator) -> list[Issues]:
    """Return findings about rows that are not of the data, and that nothing is decided about."""
    found = curator.checks_.found.get("contamination")
    return [] if found is None else [found.to_issues()]


def _columns(loaded: LoadedDataset) -> list[str]:
    """Return what to look at; of a table all columns, unless some were named."""
    from curation.duplicates.tables.rows import describing_columns

    schema = loaded.schema
    columns = list(schema.inputs)
    if schema.modality != "features" or loaded.choices["features"].reason == "given":
        return columns
    return columns + describing_columns(loaded.dataset, columns, label=schema.label)


def _check_needs(search: Search, loaded: LoadedDataset) -> None:
    if "label" in search.needs and loaded.schema.label is None:
        raise InputError(
            f"This needs a label column ({loaded.choices['label'].reason}): name it with --label."
        )
    if "splits" in search.needs and len(np.unique(read_splits(loaded.dataset))) < 2:
        raise InputError(
            "Leaks are looked for between splits, and the data has only one. Give a column "
            '`split`, folders or files named by it, or "train=a.csv,test=b.csv" as DATA.'
        )


def _sized(step: Any, search: Search, loaded: LoadedDataset) -> Any:
    """Give a core set its size in rows."""
    if search.share is None or isinstance(step, str) or step[0] != "coreset":
        return step
    rows = int((read_splits(loaded.dataset) == "train").sum())
    return step[0], {**step[1], "n": max(1, round(search.share * rows))}
