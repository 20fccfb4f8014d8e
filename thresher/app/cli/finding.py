"""What the finding commands share: their options, and read, search, write, print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ...core.columns import read_splits
from ...core.errors import InputError
from ...core.issues import Issues
from ...core.loaded import LoadedDataset
from ...core.manifest import Manifest
from .options import (
    Data,
    Delimiter,
    Encoding,
    Features,
    Header,
    Image,
    Json,
    Label,
    MaxUnpacked,
    Na,
    Task,
    Text,
    Where,
    command_of,
    help_of,
)

if TYPE_CHECKING:
    from curation import Curator

Findings = Annotated[
    Path | None,
    typer.Option("--out", help="Write the findings to this .html, .parquet, .csv or .jsonl file."),
]
ManifestFolder = Annotated[
    Path | None, typer.Option("--manifest", help="Write the decisions to this folder.")
]
Clean = Annotated[
    Path | None, typer.Option(help="Write the data without the rows to drop, at once.")
]
Format = Annotated[
    str | None,
    typer.Option(
        help="Of clean data, where no suffix says it: directory, imagefolder or webdataset."
    ),
]
Show = Annotated[int, typer.Option(min=0, help="Print this many of the worst rows of each check.")]
Seed = Annotated[int, typer.Option(help=help_of("seed"))]


@dataclass(frozen=True)
class Search:
    """What one command looks for, and by what.

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
    embeddings: Path | None = None
    pred_probs: Path | None = None
    share: float | None = None
    drop_unusable: bool = False
    corpus: bool = False
    page: bool = False
    compare: str = "auto"
    work: Path | None = None
    needs: tuple[str, ...] = ()


def shared_options(
    data: Data,
    *,
    label: Label = None,
    task: Task = None,
    image: Image = None,
    text: Text = None,
    features: Features = None,
    where: Where = None,
    delimiter: Delimiter = None,
    header: Header = None,
    encoding: Encoding = None,
    max_unpacked: MaxUnpacked = None,
    na: Na = None,
    out: Findings = None,
    manifest: ManifestFolder = None,
    clean: Clean = None,
    format: Format = None,  # noqa: A002 — as in write_dataset
    show: Show = 5,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Declare what every finding command takes; only its signature is used."""


def finding_command(own: Callable[..., Search]) -> Callable[..., None]:
    """Make a command of a function from a command's own options to a `Search`."""
    call = partial(look, command=own.__name__)
    return command_of(own, shared=shared_options, call=call)


def look(
    search: Search,
    *,
    command: str,
    data: str,
    label: str | None,
    task: str | None,
    image: str | None,
    text: str | None,
    features: str | None,
    where: list[str] | None,
    delimiter: str | None,
    header: bool | None,
    encoding: str | None,
    max_unpacked: float | None,
    na: list[str] | None,
    out: Path | None,
    manifest: Path | None,
    clean: Path | None,
    format: str | None,  # noqa: A002
    show: int,
    seed: int,
    as_json: bool,
) -> None:
    """Read the rows, search, write what was asked for, and print it."""
    from ..cleaning import apply_manifest
    from ..console import shown_progress
    from ..targets import check_target
    from .clean_run import save_decisions
    from .finding_output import (
        check_clean_format,
        check_findings_file,
        print_outcome,
        write_findings,
    )
    from .finding_source import clean_format, read_rows

    if search.page and out is None:
        raise InputError("Name the page to write: --out report.html.")
    check_findings_file(out)
    check_clean_format(clean, format)
    for option, path in (("--out", out), ("--manifest", manifest), ("--clean", clean)):
        check_target(path, option=option, data=data)
    with shown_progress():
        said: dict[str, Any] = {
            "task": task,
            "where": where,
            "delimiter": delimiter,
            "header": header,
            "encoding": encoding,
            "max_unpacked": max_unpacked,
            "na": na,
        }
        loaded = read_rows(data, label=label, image=image, text=text, features=features, **said)
        outcome = search_rows(search, loaded, command=command, seed=seed, said=said)
        written = {}
        if out is not None:
            write_findings(outcome, out)
            written["findings"] = out
        if manifest is not None:
            save_decisions(outcome.manifest, outcome.issues, outcome.places, manifest)
            written["manifest"] = manifest
        cleaned = None
        if clean is not None:
            chosen = clean_format(data, loaded, format, clean)
            cleaned = apply_manifest(outcome.manifest, loaded, clean, format=chosen)
    print_outcome(replace(outcome, clean=cleaned, written=written), show=show, as_json=as_json)


def search_rows(
    search: Search, loaded: LoadedDataset, *, command: str, seed: int, said: dict[str, Any]
) -> Any:
    """Run the checks of a search and decide about every row; return an `Outcome`.

    `said` is what the user said of the source beside the columns' roles, for the manifest's header.
    """
    from curation import Curator

    from ..cleaning import cover_all_rows
    from .finding_output import Outcome
    from .finding_source import columns_of, read_probabilities, read_vectors

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
        random_state=seed,
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
    return Outcome(command, loaded, curator, issues, manifest, corpus)


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
