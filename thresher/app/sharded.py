"""Curation over many files, out of core, by several workers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict, Unpack

from curation.sharded import (
    ShardColumn,
    apply_to_shards,
    clean_paths,
    embed_shards,
)
from curation.sharded import curate_shards as decide_shards
from curation.sharded.embedding import compared_columns
from curation.sharded.kept import Kept
from curation.sharded.parquet_files import parquet_schema
from curation.sharded.written import written_into

from ..core.errors import InputError
from ..core.manifest_parts import ManifestParts
from ..core.options import Option, filled
from ..core.progress import messages
from ..core.role_words import KIND, role_lines
from ..core.schema import ROW_ID
from ..core.shown import Shown
from ..core.signatures import checked
from ..core.urls import Place, place, places

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, repr=False)
class CuratedShards(Shown):
    """What was decided about many files.

    Attributes
    ----------
    manifest : ManifestParts
    folder : Path
        That holds it.
    roles : dict of str to str
        What was taken for what.
    clean : list of Path or Url
        Clean files, where some were asked for.
    """

    manifest: ManifestParts
    folder: Path
    roles: dict[str, str]
    clean: list[Place]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        header = self.manifest.header
        return {
            "manifest": str(self.folder),
            "roles": self.roles,
            "rows": len(self.manifest),
            **self.manifest.counts(),
            **{name: header[name] for name in ("pairs", "recall", "search")},
            "clean": [str(path) for path in self.clean],
        }


class ShardOptions(TypedDict, total=False):
    """Which columns of Parquet files are used, and which of close rows is kept."""

    column: Annotated[str | None, Option(None, "Column to compare.")]
    encoder: Annotated[str, Option("auto", "Encoder of that column.")]
    label: Annotated[str | None, Option(None, "Label column.")]
    split: Annotated[str | None, Option(None, "Split column.")]
    order: Annotated[
        str,
        Option("degree", "``arrival``: of close rows the first is kept, and more can be added."),
    ]
    against: Annotated[
        Path | str | None,
        Option(None, "Work folder of a curation by arrival, to whose rows these are added."),
    ]
    memory: Annotated[
        float | None,
        Option(None, "GB that all processes may use together; by default what is free."),
    ]


@checked
def curate_shards(
    sources: Sequence[PathLike],
    *,
    work: PathLike,
    threshold: float = 0.9,
    pred_probs: Sequence[PathLike] = (),
    executor: str = "serial",
    workers: int | None = None,
    recall: float = 0.995,
    clean: PathLike | None = None,
    random_state: int = 0,
    **options: Unpack[ShardOptions],
) -> CuratedShards:
    """Curate more rows than fit in memory, over many files.

    Finds near duplicates, and wrong labels where `pred_probs` is given. The manifest is the same
    whatever the executor, the workers and the cut into files; a call that was interrupted goes on
    when it is made again.

    Parameters
    ----------
    sources : sequence of path-like
        Parquet files; or .npy files of vectors; or folders of embeddings. Files may be at
        addresses such as ``s3://bucket/part-*.parquet``.
    work : path-like
        Folder that keeps what is done.
    threshold : float
        Cosine of near duplicates.
    pred_probs : sequence of path-like
        .npy files of probabilities, to judge labels by.
    executor : {"serial", "processes", "ray", "slurm"}
    workers : int, optional
        By default one a processor.
    recall : float
        Share of pairs to aim at.
    clean : path-like, optional
        Folder, or address, where each Parquet file is written anew, as decided.
    random_state : int
    **options

    Returns
    -------
    CuratedShards

    Raises
    ------
    InputError
        For sources of several kinds, and columns that they do not have.

    Examples
    --------
    >>> import numpy as np
    >>> from thresher.app import curate_shards
    >>> vectors = np.random.default_rng(0).normal(size=(100, 32)).astype(np.float32)
    >>> np.save("vectors.npy", np.concatenate([vectors, vectors[:5]]))
    >>> curate_shards(["vectors.npy"], work="work").manifest.counts()["drop"]
    5
    """
    paths, here = places(sources), Path(work)
    target = None if clean is None else place(clean)
    asked = filled(ShardOptions, options)
    column, label, split = asked["column"], asked["label"], asked["split"]
    kept = None if asked["against"] is None else Kept.load(asked["against"])
    first = 0 if kept is None else kept.rows
    _check_sources(paths, {"--label": label, "--split": split, "--clean": target})
    if target is not None:
        clean_paths(paths, target)
    roles = _roles(paths, column=column, label=label, split=split, judged=len(pred_probs) > 0)
    messages(role_lines({}, roles))
    parts: Sequence[PathLike] = paths
    if paths[0].suffix == ".parquet":
        parts = embed_shards(
            paths,
            here,
            column=column,
            encoder=asked["encoder"] if kept is None else kept.encoder(asked["encoder"]),
            first_row=first,
            executor=executor,
            workers=workers,
            random_state=random_state,
        )
    manifest = decide_shards(
        parts,
        here,
        threshold=threshold,
        pred_probs=[Path(path) for path in pred_probs] or None,
        labels=_open(paths, label),
        splits=_open(paths, split),
        executor=executor,
        workers=workers,
        recall=recall,
        random_state=random_state,
        order=asked["order"],
        against=asked["against"],
        memory=asked["memory"],
    )
    written = _apply(manifest, paths, target, work=here, label=label, first_row=first)
    return CuratedShards(manifest, here / "manifest", roles, written)


def _apply(
    manifest: ManifestParts,
    sources: list[Place],
    target: Place | None,
    *,
    work: Path,
    label: str | None,
    first_row: int,
) -> list[Place]:
    """Write the clean files; in a folder those of an earlier call for other files go."""
    if target is None:
        return []
    names = [source.name for source in sources]
    # Behind rows that were kept before, and at an address, files of other calls stand beside.
    alone = isinstance(target, Path) and not first_row
    with written_into(Path(target), names, work=work) if alone else nullcontext():
        return apply_to_shards(manifest, sources, target, label=label, first_row=first_row)


def _check_sources(sources: list[Place], asked: Mapping[str, object]) -> None:
    named = [name for name, value in asked.items() if value is not None]
    if not sources:
        raise InputError("There are no files: name Parquet or .npy files, or folders of vectors.")
    other = [path for path in sources if path.suffix != ".parquet"]
    if other and (named or len(other) < len(sources)):
        raise InputError(
            f"{', '.join(named) or 'Mixed sources'}: only for Parquet files; {other[0]} is none."
        )


def _roles(
    sources: list[Place], *, column: str | None, label: str | None, split: str | None, judged: bool
) -> dict[str, str]:
    """Return what is taken for what, in words; the first file speaks for all."""
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


def _open(sources: list[Place], column: str | None) -> ShardColumn | None:
    return None if column is None else ShardColumn.open(sources, column)
