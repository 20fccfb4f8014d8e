"""A labeling session is started, or replayed on labels that are known already."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Unpack

import numpy as np

from ...core.columns import class_names, read_column, read_row_ids, read_splits, take_rows
from ...core.counted import counted
from ...core.embeddings import Embeddings
from ...core.encoders import embed
from ...core.errors import InputError, check_choice
from ...core.loaded import LoadedDataset
from ...core.options import Option, filled, picked
from ...core.schema import TASKS as KINDS
from ...core.shown import Shown
from ...core.signatures import checked
from ..label_folder import LabelFolder, Start, costs_of, kept_rows, known_answers
from ..read_options import InputOptions
from ..sources import read_rows, read_vectors
from ..whole_rows import with_all_numbers

if TYPE_CHECKING:
    from active_learning import Curves

PathLike = str | os.PathLike[str]
NO_CLASSES = (
    "Name the allowed labels with --classes, such as --classes yes,no; or with --label the column "
    "whose labels are known already."
)


class VectorOptions(InputOptions, total=False):
    """How the data are read, and how rows become vectors."""

    embeddings: Annotated[
        str | os.PathLike[str] | Embeddings | None,
        Option(None, "Vectors of your own: .npy or .npz in the order of the data, or a folder."),
    ]
    encoder: Annotated[str, Option("auto", "Encoder where no vectors are given.")]


class StartOptions(VectorOptions, total=False):
    """How the data are read, and how rows are chosen."""

    row_id: Annotated[str | None, Option(None, "Column with ids of the rows.")]
    strategy: Annotated[str, Option("auto", "How rows are chosen; see `active_learning.query`.")]
    audit: Annotated[float, Option(0.1, "Share drawn at random to measure by.", low=0, high=1)]
    cost: Annotated[str | None, Option(None, "Column with the cost of a label.")]
    random_state: Annotated[int, Option(0, "Seed of everything random.")]


@dataclass(frozen=True, repr=False)
class Started(Shown):
    """A new session.

    Attributes
    ----------
    folder : Path
    rows : int
        That may be asked.
    classes : tuple of str
        Empty for regression.
    known_labels : int
        Labels that the data came with.
    encoder : str
        What made the vectors.
    set_aside : int
        Rows that cannot be used.
    """

    folder: Path
    rows: int
    classes: tuple[str, ...]
    known_labels: int
    encoder: str
    set_aside: int

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {**vars(self), "folder": str(self.folder), "classes": list(self.classes)}


@checked
def label_init(
    data: Any,
    *,
    out: PathLike,
    classes: Sequence[str] | None = None,
    task: str = "classification",
    label: str | None = None,
    manifest: PathLike | None = None,
    **options: Unpack[StartOptions],
) -> Started:
    """Start a session: read and embed the data, and write both beside an empty file of labels.

    Rows of the split "test" are left out.

    Parameters
    ----------
    data : path, str, mapping or datasets.Dataset
        What `thresher.core.load_dataset` takes.
    out : path-like
        New folder of the session.
    classes : sequence of str, optional
        Allowed labels; those of the column `label` when left out.
    task : {"classification", "multi_label", "regression", "spans", "boxes"}
    label : str, optional
        Column with labels that are known already; they count as answers.
    manifest : path-like, optional
        Decisions of curation: rows that they drop are never asked.
    **options

    Returns
    -------
    Started

    Raises
    ------
    InputError
        For data that cannot be read, a folder that holds something, and labels without classes.

    Examples
    --------
    >>> import datasets
    >>> rows = datasets.Dataset.from_dict({"text": ["works well", "broke at once", "very good"]})
    >>> from thresher.app import label_init
    >>> started = label_init(rows, out="labeling", classes=["good", "bad"])
    >>> started.rows, started.known_labels
    (3, 0)
    """
    from active_learning import get_strategy
    from active_learning.tasks import TASKS

    asked = filled(StartOptions, options)
    check_choice("task", task, TASKS)
    get_strategy(asked["strategy"])  # what can be told before anything is read is told
    _check_classes(classes, task, label)
    loaded, vectors = _read(
        data,
        options,
        label=label or "none",
        task=task if label is not None and task in KINDS else None,
        row_id=asked["row_id"],
    )
    loaded, vectors = _without_test(loaded, vectors)
    known = _known(loaded, label)
    start = Start(
        classes=_classes(classes, task, known),
        task=task,
        strategy=asked["strategy"],
        audit=asked["audit"],
        random_state=asked["random_state"],
        candidates=kept_rows(None if manifest is None else Path(manifest), vectors.row_ids),
        costs=costs_of(loaded, column=asked["cost"]),
        known=known,
    )
    folder = Path(out)
    LabelFolder.create(folder, loaded, vectors, start)
    return Started(
        folder=folder,
        rows=len(vectors),
        classes=start.classes or (),
        known_labels=len(known),
        encoder=vectors.encoder,
        set_aside=len(loaded.set_aside),
    )


@checked
def label_simulate(
    data: Any,
    *,
    label: str,
    strategies: Sequence[str] = ("auto", "random"),
    budgets: Sequence[int] = (10, 20, 40, 80, 160),
    seeds: int = 3,
    out: PathLike | None = None,
    **options: Unpack[VectorOptions],
) -> Curves:
    """Show what strategies would have reached on data that is labeled already.

    Test rows are those of the split "test"; without one, a quarter is held out for each seed.

    Parameters
    ----------
    data : path, str, mapping or datasets.Dataset
        What `thresher.core.load_dataset` takes.
    label : str
        Column with the labels, all known.
    strategies : sequence of str
    budgets : sequence of int
        Numbers of labels.
    seeds : int
        Repetitions.
    out : path-like, optional
        Folder for ``curves.json`` and ``curves.svg``.
    **options

    Returns
    -------
    Curves

    Raises
    ------
    InputError
        When a label is missing.

    Examples
    --------
    >>> import datasets
    >>> from thresher.app import label_simulate
    >>> numbers = {"x": list(range(60)), "label": ["low"] * 30 + ["high"] * 30}
    >>> rows = datasets.Dataset.from_dict(numbers)
    >>> curves = label_simulate(rows, label="label", budgets=[10, 20], seeds=1)
    >>> list(curves.strategies)
    ['auto', 'random']
    """
    loaded, vectors = _read(data, options, label=label)
    curves = _simulate(loaded, vectors, strategies, budgets, seeds)
    if out is not None:
        curves.to_json(Path(out) / "curves.json")
        curves.to_svg(Path(out) / "curves.svg")
    return curves


def _read(data: Any, options: Mapping[str, Any], **more: Any) -> tuple[LoadedDataset, Embeddings]:
    """Read rows and their vectors; rows of a table need all numbers where we make the vectors."""
    asked = filled(VectorOptions, options)
    loaded = read_rows(data, **picked(InputOptions, options), **more)
    if asked["embeddings"] is None:
        loaded = with_all_numbers(loaded)
    seed = options.get("random_state", 0)
    return loaded, _vectors(loaded, asked["embeddings"], encoder=asked["encoder"], seed=seed)


def _simulate(
    loaded: LoadedDataset,
    vectors: Embeddings,
    names: Sequence[str],
    sizes: Sequence[int],
    seeds: int,
) -> Curves:
    from active_learning import simulate

    dataset, schema = loaded.dataset, loaded.schema
    labels = np.array(class_names(dataset, str(schema.label)).to_pylist(), dtype=object)
    missing = [row for row, value in zip(vectors.row_ids, labels, strict=True) if value is None]
    if missing:
        raise InputError(
            f"{counted(len(missing), 'row has', 'rows have')} no label, first row {missing[0]!r}: "
            "simulate on rows whose label is known."
        )
    test = read_splits(dataset) == "test"
    held_out: dict[str, Any] = {}
    if test.any():
        held_out = {"test_embeddings": vectors.take(test), "test_labels": labels[test]}
    return simulate(
        vectors.take(~test),
        labels[~test],
        strategies=list(names),
        budgets=list(sizes),
        seeds=seeds,
        **held_out,
    )


def _vectors(
    loaded: LoadedDataset, vectors: PathLike | Embeddings | None, *, encoder: str, seed: int
) -> Embeddings:
    given, schema = read_vectors(vectors, loaded), loaded.schema
    if given is not None:
        return given
    column = schema.inputs if schema.modality == "features" else schema.inputs[0]
    return embed(loaded.dataset, column=column, encoder=encoder, random_state=seed)


def _without_test(loaded: LoadedDataset, vectors: Embeddings) -> tuple[LoadedDataset, Embeddings]:
    ids = read_row_ids(loaded.dataset)
    if not np.array_equal(ids, vectors.row_ids):
        raise InputError("The vectors are of other rows than the data, or in another order.")
    pool = np.flatnonzero(read_splits(loaded.dataset) != "test")
    return replace(loaded, dataset=take_rows(loaded.dataset, pool)), vectors.take(pool)


def _known(loaded: LoadedDataset, label: str | None) -> dict[str, str]:
    if label is None or loaded.schema.label is None:
        return {}
    if loaded.schema.task == "multi_label":
        sets = read_column(loaded.dataset, loaded.schema.label).to_pylist()
        return known_answers(loaded, [None if row is None else json.dumps(row) for row in sets])
    return known_answers(loaded, class_names(loaded.dataset, loaded.schema.label).to_pylist())


def _check_classes(given: Sequence[str] | None, task: str, label: str | None) -> None:
    if given is None and label is None and task != "regression":
        raise InputError(NO_CLASSES)


def _classes(
    given: Sequence[str] | None, task: str, known: dict[str, str]
) -> tuple[str, ...] | None:
    if given is not None:
        return tuple(given)
    if task == "classification" and known:
        return tuple(sorted(set(known.values())))
    if task == "multi_label" and known:
        return tuple(sorted({name for row in known.values() for name in json.loads(row)}))
    if task == "regression":
        return None
    raise InputError(NO_CLASSES)
