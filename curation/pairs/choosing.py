"""`choose_pairs`: what was measured becomes findings, and these one decision for every pair."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import thresher
from thresher.core.counted import counted
from thresher.core.errors import InputError, check_choice, check_number
from thresher.core.executor import Executor
from thresher.core.issues import Issues
from thresher.core.manifest import SCHEMA, Manifest
from thresher.core.shown import Shown
from thresher.core.ties import few_bits

from ..sharded.work import open_work
from .collecting import PairScores
from .deduplicating import deduplicate_pairs
from .leaks import EvaluationImages, find_pair_leaks
from .rules import PairRules

RANKINGS = ("similarity", "contrast")


@dataclass(frozen=True, repr=False)
class ChosenPairs(Shown):
    """Which pairs stay, and why the others do not.

    Attributes
    ----------
    manifest : Manifest
        One decision for every pair, under its ``pair_id``.
    issues : Issues
        Every finding, in words; what belongs to no pair among them.
    score : ndarray of float64, shape (n,)
        By which pairs were ranked, NaN where not known.
    steps : dict of str to int
        How many pairs each step dropped, in order.
    """

    manifest: Manifest
    issues: Issues
    score: np.ndarray
    steps: dict[str, int]

    @property
    def kept(self) -> np.ndarray:
        """Rows that stay, int64, increasing."""
        return np.flatnonzero(self.manifest.actions == "keep")


def choose_pairs(
    scores: PairScores,
    work_folder: str | os.PathLike[str],
    *,
    rules: PairRules | None = None,
    rank_by: str | np.ndarray | None = None,
    top: float | None = None,
    on: Sequence[str] = ("image",),
    threshold: float | None = None,
    evaluation: EvaluationImages | None = None,
    leak_threshold: float = 0.95,
    executor: str | Executor = "serial",
    workers: int | None = None,
) -> ChosenPairs:
    """Decide on every pair: rules, evaluation images, the best by a score, then duplicates.

    A later step looks only at what the earlier ones left. Since of pairs that are the same the best
    is kept, dropping low scores first changes nothing but the time it takes.

    Parameters
    ----------
    scores : PairScores
    work_folder : path
        Where the search for close pairs keeps what is done.
    rules : PairRules, optional
    rank_by : {"similarity", "contrast"} or ndarray of float, shape (n,), optional
        Higher is better. Default: the contrast where it was measured, else the similarity; where
        neither was, earlier pairs are better.
    top : float, optional
        Share of all pairs, in (0, 1], that stays at most, the best by the score.
    on, threshold
        See `deduplicate_pairs`; an empty `on` leaves duplicates in.
    evaluation : EvaluationImages, optional
        Pairs that show one of these are out.
    leak_threshold : float
        Cosine from which they do, where both have vectors.
    executor, workers
        Of the search; see `thresher.core.executor.get_executor`.

    Raises
    ------
    InputError
        For rules and scores on what was not measured.
    """
    score = _ranking(scores, rank_by, needed=top is not None)
    decided = _Decisions(scores)
    for name, rows, reasons in (rules or PairRules()).broken(scores):
        decided.drop("quality", rows, scores=0.0, details=reasons, step=name)
    if evaluation is not None:
        rows = decided.left()
        place, cosine = find_pair_leaks(scores, rows, evaluation, threshold=leak_threshold)
        shown = place >= 0
        said = [f"shows the evaluation image {evaluation.names[at]}" for at in place[shown]]
        decided.drop(
            "leakage", rows[shown], scores=1 - cosine[shown], details=said, step="evaluation"
        )
    if top is not None:
        _keep_top(decided, score, top, _name(scores, rank_by))
    if on:
        rows = decided.left()
        with open_work(Path(work_folder), executor=executor, workers=workers) as work:
            copies = deduplicate_pairs(
                scores, work, rows=rows, priority=score[rows], on=on, threshold=threshold
            )
        for name in on:
            same = np.flatnonzero((copies.relation == name) & (copies.duplicate_of >= 0))
            what = "image and caption" if name == "both" else name
            decided.drop(
                "exact_duplicate" if threshold is None else "near_duplicate",
                rows[same],
                scores=1 - copies.similarity[same],
                details=[
                    f"the same {what}, similarity {value:.4f}" for value in copies.similarity[same]
                ],
                step=f"same {what}",
                twins=rows[copies.duplicate_of[same]],
            )
    settings = {
        "rules": asdict(rules or PairRules()),
        "rank_by": _name(scores, rank_by),
        "top": top,
        "on": list(on),
        "threshold": threshold,
        "evaluation": None if evaluation is None else len(evaluation.names),
    }
    return decided.chosen(score, settings)


def _name(scores: PairScores, rank_by: str | np.ndarray | None) -> str | None:
    if isinstance(rank_by, np.ndarray):
        return "given"
    if rank_by is not None:
        return check_choice("rank_by", rank_by, RANKINGS)
    known = [name for name in ("contrast", "similarity") if np.isfinite(scores.numbers(name)).any()]
    return known[0] if known else None


def _ranking(scores: PairScores, rank_by: str | np.ndarray | None, *, needed: bool) -> np.ndarray:
    if isinstance(rank_by, np.ndarray):
        if rank_by.shape != (len(scores),):
            raise InputError(
                f"There are {counted(len(scores), 'pair')}, but scores of shape {rank_by.shape}."
            )
        return rank_by.astype(np.float64)
    name = _name(scores, rank_by)
    found = np.full(len(scores), np.nan) if name is None else scores.numbers(name)
    if len(scores) and (needed or rank_by is not None) and not np.isfinite(found).any():
        raise InputError(
            "Pairs are ranked by the similarity of image and caption, which nothing tells here: "
            "give an encoder, stored vectors, or a column of similarities."
        )
    return found


def _keep_top(decided: _Decisions, score: np.ndarray, top: float, name: str | None) -> None:
    check_number("top", top, low=0, high=1, low_open=True)
    rows = decided.left()
    order = np.lexsort((rows, -np.nan_to_num(score[rows], nan=-np.inf)))
    out = np.sort(rows[order[round(top * len(score)) :]])
    places = np.empty(len(rows))
    places[order] = np.arange(len(rows)) / max(1, len(rows))
    at = np.searchsorted(rows, out)
    decided.drop(
        "pair_score",
        out,
        scores=1 - places[at],
        details=[f"{name} {value:.4f} is not among the best {top:.4g}" for value in score[out]],
        step="score",
    )


@dataclass
class _Decisions:
    """What is decided so far; the first finding about a pair decides."""

    scores: PairScores
    stays: np.ndarray = field(init=False)
    reason: np.ndarray = field(init=False)
    value: np.ndarray = field(init=False)
    twin: np.ndarray = field(init=False)
    issues: list[Issues] = field(default_factory=list)
    steps: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.scores)
        self.ids = self.scores.table["pair_id"]
        self.stays = np.ones(n, bool)
        self.reason = np.full(n, None, object)
        self.value = np.full(n, np.nan, np.float32)
        self.twin = np.full(n, -1, np.int64)

    def left(self) -> np.ndarray:
        """Return the rows that no finding has dropped, increasing."""
        return np.flatnonzero(self.stays)

    def drop(
        self,
        check: str,
        rows: np.ndarray,
        *,
        scores: np.ndarray | float,
        details: list[str],
        step: str,
        twins: np.ndarray | None = None,
    ) -> None:
        """Take down findings, and drop the rows that were not dropped before."""
        values = np.clip(np.broadcast_to(np.asarray(scores, np.float32), rows.shape), 0, 1)
        named = None if twins is None else self._named(twins)
        self.issues.append(
            Issues.from_columns(
                check,
                row_ids=self._named(rows),
                scores=values.tolist(),
                details=details,
                twins=named,
            )
        )
        new = self.stays[rows]
        self.steps[step] = self.steps.get(step, 0) + int(new.sum())
        self.stays[rows[new]] = False
        self.reason[rows[new]], self.value[rows[new]] = check, values[new]
        if twins is not None:
            self.twin[rows[new]] = twins[new]

    def _named(self, rows: np.ndarray) -> list[str]:
        names: list[str] = self.ids.take(pa.array(rows)).to_pylist()
        return names

    def chosen(self, score: np.ndarray, settings: dict[str, Any]) -> ChosenPairs:
        """Return the decisions as a manifest."""
        stays = self.stays
        nothing = pa.nulls(len(stays), pa.string())
        columns = {
            "row_id": self.ids.combine_chunks(),
            "action": pa.array(np.where(stays, "keep", "drop"), pa.string()),
            "reason": pa.array(self.reason, pa.string()),
            "score": pa.array(few_bits(self.value).astype(np.float32), mask=stays),
            "twin": self.ids.combine_chunks().take(
                pa.array(np.maximum(self.twin, 0), mask=self.twin < 0)
            ),
            "old_label": nothing,
            "new_label": nothing,
        }
        header = {"thresher": thresher.__version__, "dataset": self.scores.key, "steps": self.steps}
        table = pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)
        manifest = Manifest(table, {**header, **settings})
        found = Issues.concat([*self.issues, self.scores.set_aside])
        return ChosenPairs(manifest, found, score, self.steps)
