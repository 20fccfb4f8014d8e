"""``thresher curate shards``: many files, out of core, by several workers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ...core.progress import messages
from ...core.role_words import KIND, role_lines
from ...core.schema import ROW_ID
from ..terminal import write_line
from .options import Json, help_of

Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILES...",
        help="Parquet files; or .npy files of vectors; or folders of embeddings. In this order.",
    ),
]


def shards(
    sources: Sources,
    *,
    work: Annotated[
        Path, typer.Option(help="Folder that keeps what is done; the same one goes on.")
    ],
    threshold: Annotated[float, typer.Option(help="Cosine of near duplicates.")] = 0.9,
    column: Annotated[str | None, typer.Option(help="Column to compare, of Parquet files.")] = None,
    encoder: Annotated[str, typer.Option(help="Encoder of Parquet files.")] = "auto",
    label: Annotated[str | None, typer.Option(help="Label column, of Parquet files.")] = None,
    split: Annotated[str | None, typer.Option(help="Split column, of Parquet files.")] = None,
    pred_probs: Annotated[
        list[Path] | None,
        typer.Option(help="A .npy file of probabilities, to judge labels by; repeatable."),
    ] = None,
    executor: Annotated[str, typer.Option(help="serial, processes or ray.")] = "serial",
    workers: Annotated[int | None, typer.Option(min=1, help="Default: one a processor.")] = None,
    recall: Annotated[float, typer.Option(help="Share of pairs to aim at.")] = 0.995,
    clean: Annotated[
        Path | None, typer.Option(help="Write each Parquet file anew, as decided, to this folder.")
    ] = None,
    seed: Annotated[int, typer.Option(help=help_of("seed"))] = 0,
    as_json: Json = False,
) -> None:
    """Curate more rows than fit in memory, over many files.

    Finds near duplicates, and wrong labels where --pred-probs is given. The manifest is written to
    WORK/manifest and is the same whatever the executor, the workers and the cut into files. A run
    that was interrupted goes on when it is called again.

    Example: thresher curate shards reviews-*.parquet --column text --work work --executor processes
    """
    from curation.sharded import apply_to_shards, clean_paths, curate_shards, embed_shards

    from ..console import shown_progress

    _check_sources(sources, {"--label": label, "--split": split, "--clean": clean})
    if clean:
        clean_paths(sources, clean)
    judged = pred_probs is not None and len(pred_probs) > 0
    roles = _roles(sources, column=column, label=label, split=split, judged=judged)
    with shown_progress():
        messages(role_lines({}, roles))
        parts = sources
        if sources[0].suffix == ".parquet":
            parts = embed_shards(
                sources,
                work,
                column=column,
                encoder=encoder,
                executor=executor,
                workers=workers,
                random_state=seed,
            )
        manifest = curate_shards(
            parts,
            work,
            threshold=threshold,
            pred_probs=pred_probs or None,
            labels=_read(sources, label),
            splits=_read(sources, split),
            executor=executor,
            workers=workers,
            recall=recall,
            random_state=seed,
        )
        written = apply_to_shards(manifest, sources, clean, label=label) if clean else []
    found: dict[str, Any] = {
        "manifest": str(work / "manifest"),
        "roles": roles,
        "rows": len(manifest),
        **manifest.counts(),
        "pairs": manifest.header["pairs"],
        "recall": manifest.header["recall"],
        "search": manifest.header["search"],
        "clean": [str(path) for path in written],
    }
    write_line(json.dumps(found, sort_keys=True) if as_json else _shown(found))


def _check_sources(sources: list[Path], asked: Mapping[str, object]) -> None:
    from ...core.errors import InputError

    named = [name for name, value in asked.items() if value is not None]
    other = [path for path in sources if path.suffix != ".parquet"]
    if other and (named or len(other) < len(sources)):
        raise InputError(
            f"{', '.join(named) or 'Mixed sources'}: only for Parquet files; {other[0]} is none."
        )


def _roles(
    sources: list[Path], *, column: str | None, label: str | None, split: str | None, judged: bool
) -> dict[str, str]:
    """Return what is taken for what, in words; the first file speaks for all."""
    from curation.sharded.embedding import compared_columns
    from curation.sharded.parquet_files import parquet_schema

    if sources[0].suffix != ".parquet":
        key = "none, rows are counted" if sources[0].suffix == ".npy" else "row ids of the vectors"
        return {"vectors": ", ".join(path.name for path in sources), "label": "none beside vectors",
                "key": key}  # fmt: skip
    modality, compared = compared_columns(sources[0], column=column)
    names = parquet_schema(sources[0]).names
    found = {KIND[modality]: ", ".join(compared), "label": "none"}
    if label is not None:
        found["label"] = label if judged else f"{label} (not judged without --pred-probs)"
    found["key"] = ROW_ID if ROW_ID in names else "none, rows are counted"
    if split is not None:
        found["split"] = split
    beside = [name for name in names if name not in (*compared, label, split, ROW_ID)]
    return found | ({"beside": ", ".join(beside)} if beside else {})


def _read(sources: list[Path], column: str | None) -> np.ndarray | None:
    from curation.sharded import read_shard_column

    return None if column is None else read_shard_column(sources, column)


def _shown(found: dict[str, Any]) -> str:
    recall = found["recall"]
    measured = (
        "all pairs"
        if recall is None
        else f"recall {recall[0]:.4f} ({recall[1]:.4f}–{recall[2]:.4f})"
    )
    lines = [
        f"{found['rows']:,} rows: {found['keep']:,} keep, {found['drop']:,} drop, "
        f"{found['relabel']:,} relabel, {found['review']:,} review",
        f"{found['pairs']:,} close pairs; {measured}; {found['search']}",
        f"decisions: {found['manifest']}",
    ]
    lines += [f"clean: {path}" for path in found["clean"]]
    return "\n".join(lines)
