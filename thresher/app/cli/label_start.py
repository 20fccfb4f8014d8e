"""``thresher label init`` and ``simulate``: start a session, or see what strategies would do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ...core.columns import class_names, read_column, read_row_ids, read_splits, take_rows
from ...core.embeddings import Embeddings
from ...core.encoders import embed
from ...core.errors import InputError, check_choice
from ...core.loaded import LoadedDataset
from ...core.schema import TASKS as KINDS
from ..console import shown_progress
from ..label_folder import LabelFolder, Start, costs_of, kept_rows, known_answers
from ..whole_rows import with_all_numbers
from .finding_source import read_rows, read_vectors
from .label_output import curve_lines, say
from .options import (
    Data,
    Delimiter,
    Encoding,
    Features,
    Header,
    Image,
    Json,
    MaxUnpacked,
    Na,
    Text,
    Where,
    help_of,
)

if TYPE_CHECKING:
    from active_learning import Curves

Vectors = Annotated[
    Path | None,
    typer.Option(help="Vectors of your own, .npy or .npz in the order of the data, or a folder."),
]
Encoder = Annotated[str, typer.Option(help="Encoder where no vectors are given; built in: auto.")]


def init(
    data: Data,
    out: Annotated[Path, typer.Option(help="New folder of the session.")],
    *,
    classes: Annotated[str | None, typer.Option(help="Allowed labels, with commas.")] = None,
    task: Annotated[
        str, typer.Option(help="classification, multi_label, regression, spans or boxes.")
    ] = "classification",
    label: Annotated[
        str | None,
        typer.Option(help="Column with labels that are known already; they count as answers."),
    ] = None,
    image: Image = None,
    text: Text = None,
    features: Features = None,
    where: Where = None,
    delimiter: Delimiter = None,
    header: Header = None,
    encoding: Encoding = None,
    max_unpacked: MaxUnpacked = None,
    na: Na = None,
    row_id: Annotated[str | None, typer.Option(help="Column with ids of the rows.")] = None,
    embeddings: Vectors = None,
    encoder: Encoder = "auto",
    strategy: Annotated[str, typer.Option(help="How rows are chosen.")] = "auto",
    audit: Annotated[float, typer.Option(help="Share drawn at random to measure by.")] = 0.1,
    cost: Annotated[str | None, typer.Option(help="Column with the cost of a label.")] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Manifest of curation: rows it drops are never asked.")
    ] = None,
    seed: Annotated[int, typer.Option(help=help_of("seed"))] = 0,
    as_json: Json = False,
) -> None:
    """Start a session: read the data, embed it, and write both beside an empty file of labels.

    Rows of the split "test" are left out.

    Example: thresher label init reviews.csv --text review --classes good,bad --out labeling
    """
    from active_learning import get_strategy
    from active_learning.tasks import TASKS

    check_choice("task", task, TASKS)
    get_strategy(strategy)  # an unknown name is told before anything is read
    with shown_progress():
        loaded = read_rows(
            data,
            label=label or "none",
            task=task if label is not None and task in KINDS else None,
            image=image,
            text=text,
            features=features,
            where=where,
            delimiter=delimiter,
            header=header,
            encoding=encoding,
            max_unpacked=max_unpacked,
            na=na,
            row_id=row_id,
        )
        if embeddings is None:
            loaded = with_all_numbers(loaded)
        vectors = _vectors(loaded, embeddings, encoder=encoder, seed=seed)
        loaded, vectors = _without_test(loaded, vectors)
        known = _known(loaded, label)
        start = Start(
            classes=_classes(classes, task, known),
            task=task,
            strategy=strategy,
            audit=audit,
            random_state=seed,
            candidates=kept_rows(manifest, vectors.row_ids),
            costs=costs_of(loaded, column=cost),
            known=known,
        )
        LabelFolder.create(out, loaded, vectors, start)
    rows, told = len(vectors), len(known)
    result = {
        "folder": str(out),
        "rows": rows,
        "classes": list(start.classes or ()),
        "known_labels": told,
        "encoder": vectors.encoder,
        "set_aside": len(loaded.set_aside),
    }
    say(
        result,
        [
            f"{rows:,} rows, encoder {vectors.encoder}, {told} labels known already, "
            f"{len(loaded.set_aside)} rows cannot be used",
            f"Next: thresher label next {out} -n 20 --annotator YOU --out batch.csv",
        ],
        as_json=as_json,
    )


def simulate_strategies(
    data: Data,
    label: Annotated[str, typer.Option(help="Column with the labels, all known.")],
    *,
    image: Image = None,
    text: Text = None,
    features: Features = None,
    where: Where = None,
    delimiter: Delimiter = None,
    header: Header = None,
    encoding: Encoding = None,
    max_unpacked: MaxUnpacked = None,
    na: Na = None,
    embeddings: Vectors = None,
    encoder: Encoder = "auto",
    strategies: Annotated[str, typer.Option(help="Names, with commas.")] = "auto,random",
    budgets: Annotated[str, typer.Option(help="Numbers of labels.")] = "10,20,40,80,160",
    seeds: Annotated[int, typer.Option(help="Repetitions.")] = 3,
    out: Annotated[Path | None, typer.Option(help="Folder for curves.json and curves.svg.")] = None,
    as_json: Json = False,
) -> None:
    """Show what strategies would have reached on data that is labeled already.

    Test rows are those of the split "test"; without one, a quarter is held out for each seed.

    Example: thresher label simulate reviews.csv --text review --label stars --out curves
    """
    sizes = [_whole(item) for item in budgets.split(",")]
    with shown_progress():
        loaded = read_rows(
            data,
            label=label,
            image=image,
            text=text,
            features=features,
            where=where,
            delimiter=delimiter,
            header=header,
            encoding=encoding,
            max_unpacked=max_unpacked,
            na=na,
        )
        if embeddings is None:
            loaded = with_all_numbers(loaded)
        vectors = _vectors(loaded, embeddings, encoder=encoder, seed=0)
        curves = _simulate(loaded, vectors, strategies.split(","), sizes, seeds)
    if out is not None:
        curves.to_json(out / "curves.json")
        curves.to_svg(out / "curves.svg")
    say({"rows": curves.rows(), **curves.summary()}, curve_lines(curves, out), as_json=as_json)


def _simulate(
    loaded: LoadedDataset, vectors: Embeddings, names: list[str], sizes: list[int], seeds: int
) -> Curves:
    from active_learning import simulate

    dataset, schema = loaded.dataset, loaded.schema
    labels = np.array(class_names(dataset, str(schema.label)).to_pylist(), dtype=object)
    missing = [row for row, value in zip(vectors.row_ids, labels, strict=True) if value is None]
    if missing:
        raise InputError(
            f"{len(missing)} rows have no label, first row {missing[0]!r}: simulate on rows whose "
            "label is known."
        )
    test = read_splits(dataset) == "test"
    held_out: dict[str, Any] = {}
    if test.any():
        held_out = {"test_embeddings": vectors.take(test), "test_labels": labels[test]}
    return simulate(
        vectors.take(~test),
        labels[~test],
        strategies=[name.strip() for name in names],
        budgets=sizes,
        seeds=seeds,
        **held_out,
    )


def _vectors(loaded: LoadedDataset, path: Path | None, *, encoder: str, seed: int) -> Embeddings:
    given, schema = read_vectors(path, loaded), loaded.schema
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


def _classes(given: str | None, task: str, known: dict[str, str]) -> tuple[str, ...] | None:
    if given is not None:
        return tuple(name.strip() for name in given.split(","))
    if task == "classification" and known:
        return tuple(sorted(set(known.values())))
    if task == "multi_label" and known:
        return tuple(sorted({name for row in known.values() for name in json.loads(row)}))
    if task == "regression":
        return None
    raise InputError("Name the allowed labels with --classes, such as --classes yes,no.")


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InputError(f"`--budgets` takes whole numbers with commas, got {text!r}.") from error
