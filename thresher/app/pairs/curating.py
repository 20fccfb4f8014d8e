"""Image–text pairs: scored, chosen and written by one function."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.pairs import (
    ChosenPairs,
    EvaluationImages,
    PairColumns,
    PairHead,
    PairRules,
    PairScores,
    choose_pairs,
    combine_scores,
    pair_weights,
    read_evaluation,
    score_pairs,
    soft_cap_sample,
    write_ids,
    write_pair_shards,
)

from ...core.encoders import get_encoder
from ...core.errors import InputError, check_choice
from ...core.files import atomic_path
from ...core.loading.tables import is_table, read_table
from ...core.options import filled
from ...core.packing import data_suffix
from ...core.progress import message
from ...core.shown import Shown
from ...core.signatures import checked
from ...core.writing import write_dataset
from ..given import as_dataset
from .options import PairOptions

PathLike = str | os.PathLike[str]
SAME = ("image", "caption", "both", "none")
TABLES = (".parquet", ".csv", ".jsonl")
GOOD, BAD = ("good", "true", "1", "yes", "keep"), ("bad", "false", "0", "no", "drop")


@dataclass(frozen=True, repr=False)
class CuratedPairs(Shown):
    """What was measured, decided and written about pairs.

    Attributes
    ----------
    scores : PairScores
    chosen : ChosenPairs
    counts : ndarray of int64, shape (n,)
        How often each pair is to be used.
    head : PairHead or None
        What the labels taught.
    folder : Path
        Holds ``manifest``, ``issues.parquet`` and ``scores.parquet``.
    written : list of Path
    """

    scores: PairScores
    chosen: ChosenPairs
    counts: np.ndarray
    head: PairHead | None
    folder: Path
    written: list[Path]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "pairs": len(self.scores),
            "kept": len(self.chosen.kept),
            "dropped": {name: count for name, count in self.chosen.steps.items() if count},
            "set_aside": len(self.scores.set_aside),
            "ranked_by": self.chosen.manifest.header["rank_by"],
            "draws": int(self.counts.sum()),
            "average_precision": None if self.head is None else self.head.average_precision,
            "manifest": str(self.folder / "manifest"),
            "scores": str(self.folder / "scores.parquet"),
            "issues": str(self.folder / "issues.parquet"),
            "written": [str(path) for path in self.written],
        }


@checked
def curate_pairs(
    sources: Sequence[PathLike],
    *,
    work: PathLike,
    out: Sequence[PathLike] = (),
    keep_out: Sequence[PathLike] = (),
    labels: PathLike | None = None,
    executor: str = "serial",
    workers: int | None = None,
    device: str = "auto",
    random_state: int = 0,
    **options: Unpack[PairOptions],
) -> CuratedPairs:
    """Filter, deduplicate and cap pairs of images and captions, and write those that stay.

    Each shard is measured once; a call that was interrupted goes on when it is made again, and
    another choice of the same pairs reads no shard.

    Parameters
    ----------
    sources : sequence of path-like
        Tar files in the WebDataset layout, or tables with a caption column.
    work : path-like
        Folder that keeps what is done, the manifest, the findings and the scores.
    out : sequence of path-like
        ``.npy``: ids as DataComp reads them; ``.parquet``, ``.csv``, ``.jsonl``: weights; a folder:
        new shards.
    keep_out : sequence of path-like
        Images that a model will be judged on: folders, tar files, tables, ``.npy`` vectors.
    labels : path-like, optional
        Table with the columns ``pair_id`` and ``label`` (good or bad) of a few hundred pairs.
    executor : {"serial", "processes", "ray"}
    workers : int, optional
        By default one a processor.
    device : {"auto", "cpu", "cuda"}
        Of the encoder.
    random_state : int
    **options

    Returns
    -------
    CuratedPairs

    Raises
    ------
    InputError
        For files without captions, and choices by what was not measured.

    Examples
    --------
    >>> import pyarrow as pa, pyarrow.parquet as pq
    >>> from thresher.app import curate_pairs
    >>> captions = ["a red kettle", "IMG_2034", "a blue chair", "A red kettle."]
    >>> pq.write_table(pa.table({"url": list("abcd"), "text": captions}), "pairs.parquet")
    >>> found = curate_pairs(["pairs.parquet"], work="work", same="caption")
    >>> found.chosen.steps["caption_fault"], len(found.chosen.kept)
    (1, 2)
    """
    asked = filled(PairOptions, options)
    targets, here = [Path(path) for path in out], Path(work)
    rules = _rules(asked)
    _check(asked, targets)
    runner: dict[str, Any] = {"executor": executor, "workers": workers}
    scores = _scored(sources, here, asked, device=device, random_state=random_state, runner=runner)
    head = None if labels is None else _learned(scores, Path(labels), random_state)
    rank_by = asked["rank_by"]
    chosen = choose_pairs(
        scores,
        here,
        rules=rules,
        rank_by=head.score(scores) if head is not None and rank_by is None else rank_by,
        top=asked["top"],
        on=_same(asked["same"], scores, near=asked["threshold"] is not None),
        threshold=asked["threshold"],
        evaluation=_evaluation(keep_out, asked["encoder"], device),
        leak_threshold=asked["leak_threshold"],
        **runner,
    )
    counts = _drawn(chosen, asked, random_state)
    _save(scores, chosen, head, here)
    written = [
        path
        for target in targets
        for path in _write(scores, chosen, counts, target, here=here, runner=runner)
    ]
    return CuratedPairs(scores, chosen, counts, head, here, written)


def _scored(
    sources: Sequence[PathLike],
    here: Path,
    asked: PairOptions,
    *,
    device: str,
    random_state: int,
    runner: dict[str, Any],
) -> PairScores:
    columns = PairColumns(
        asked["caption"], asked["image"], asked["row_id"], similarity=asked["similarity"]
    )
    return score_pairs(
        sources,
        here,
        columns=columns,
        encoder=asked["encoder"],
        vectors=asked["vectors"],
        arrays=asked["arrays"],
        decode=asked["decode"],
        device=device,
        random_state=random_state,
        **runner,
    )


def _evaluation(
    keep_out: Sequence[PathLike], encoder: str | None, device: str
) -> EvaluationImages | None:
    if not keep_out:
        return None
    if encoder is None:
        return read_evaluation(keep_out)
    return read_evaluation(keep_out, encoder=get_encoder(encoder, modality="image", device=device))


def _save(scores: PairScores, chosen: ChosenPairs, head: PairHead | None, here: Path) -> None:
    chosen.manifest.save(here / "manifest")
    chosen.issues.save(here / "issues.parquet")
    with atomic_path(here / "scores.parquet") as temporary:
        pq.write_table(scores.table, temporary)
    if head is not None:
        head.save(here / "head.json")


def _check(asked: PairOptions, targets: list[Path]) -> None:
    """Refuse what cannot be done before any shard is read."""
    for target in targets:
        suffix = data_suffix(target)
        if suffix and suffix != ".npy" and suffix not in TABLES and not target.is_dir():
            raise InputError(
                f"Pairs are written as ids (.npy), weights ({', '.join(TABLES)}) or new shards (a "
                f"folder), got {target}."
            )
    names = _names(asked["same"])
    for name in names:
        check_choice("same", name, SAME)
    if "none" in names and len(names) > 1:
        raise InputError(
            f"`same` is none, or a list of {', '.join(SAME[:-1])}; got {asked['same']!r}."
        )
    if asked["draws"] is None and asked["most_draws"] is not None:
        raise InputError("`most_draws` caps drawn pairs: say with `draws` how many to draw.")


def _names(listed: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (listed or "").split(",") if part.strip())


def _rules(asked: PairOptions) -> PairRules:
    limits = {
        name: asked[name]  # type: ignore[literal-required]
        for name in PairRules.__dataclass_fields__
        if name.startswith(("least_", "most_"))
    }
    captions: dict[str, Any] = {"caption_faults": ()} if asked["any_caption"] else {}
    return PairRules(languages=_names(asked["languages"]), **limits, **captions)


def _same(asked: str | None, scores: PairScores, *, near: bool) -> tuple[str, ...]:
    """Return what makes two pairs copies; of pairs without images their captions."""
    if asked is None:
        keys = scores.table["image_key"]
        known = keys.null_count < len(keys) or (near and scores.image is not None)
        if not known:
            message("copies: by their captions, since no image or hash of one is stored")
        return ("image",) if known else ("caption",)
    return () if _names(asked) == ("none",) else _names(asked)


def _learned(scores: PairScores, path: Path, random_state: int) -> PairHead:
    if not is_table(path) or not path.is_file():
        raise InputError(f"Labels are a .csv, .jsonl or .parquet file that is there, got {path}.")
    found = read_table(path, name=path.name)
    table = found.parts[0].table if found.parts else pa.table({})
    if not {"pair_id", "label"} <= set(table.column_names):
        raise InputError(
            f"{path} must have the columns pair_id and label, it has "
            f"{', '.join(table.column_names) or 'none'}."
        )
    ids = pc.cast(table["pair_id"], pa.string()).to_pylist()
    said = [str(value).strip().lower() for value in table["label"].to_pylist()]
    other = next((at for at, word in enumerate(said) if word not in GOOD + BAD), None)
    if other is not None:
        raise InputError(
            f"A label of a pair is one of {', '.join(GOOD)} or of {', '.join(BAD)}; {path} has "
            f"{said[other]!r} for the pair {ids[other]!r}."
        )
    return combine_scores(scores, ids, [word in GOOD for word in said], random_state=random_state)


def _drawn(chosen: ChosenPairs, asked: PairOptions, random_state: int) -> np.ndarray:
    counts = np.zeros(len(chosen.score), np.int64)
    kept = chosen.kept
    if asked["draws"] is None:
        counts[kept] = 1
        return counts
    counts[kept] = soft_cap_sample(
        np.nan_to_num(chosen.score[kept], nan=-np.inf)
        if np.isfinite(chosen.score[kept]).any()
        else np.zeros(len(kept)),
        asked["draws"],
        penalty=asked["penalty"],
        most=asked["most_draws"],
        random_state=random_state,
    )
    return counts


def _write(
    scores: PairScores,
    chosen: ChosenPairs,
    counts: np.ndarray,
    target: Path,
    *,
    here: Path,
    runner: dict[str, Any],
) -> list[Path]:
    suffix = data_suffix(target)
    if suffix == ".npy":
        return [write_ids(scores, counts, target)]
    if suffix in TABLES:
        return [write_dataset(as_dataset(pair_weights(scores, counts, chosen.score)), target)]
    return write_pair_shards(scores, counts > 0, target, work_folder=here, **runner)
