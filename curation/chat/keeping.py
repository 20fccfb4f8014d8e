"""Which of several copies stays: the row that ranks first, and none that is close to one kept.

Stars, as in `curation.duplicates.stars`: rows are taken by rank, and each is kept unless one that
was kept before is a copy of it in any sense. So every row that goes has a kept row that it is a
copy of, by no chain of others. Cost: linear in the links.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thresher.core.issues import Issues

from .links import Links

WORDS = {
    "whole": "prompt and answer",
    "prompt": "prompt",
    "answer": "answer",
    "part": "turns",
    "meaning": "prompt and answer by meaning",
}


@dataclass(frozen=True)
class KeptRows:
    """Rows that stay, and for each other one the kept row of which it is a copy.

    Attributes
    ----------
    duplicate_of : ndarray of int64, shape (n,)
        Position of the kept row; −1 for kept rows.
    similarity : ndarray of float64, shape (n,)
        1 for equal texts; of parts the share of the turns; −1 for kept rows.
    by : list of str, n rows
        In which sense, empty for kept rows.
    """

    duplicate_of: np.ndarray
    similarity: np.ndarray
    by: list[str]

    def to_issues(self, row_ids: np.ndarray, *, equal: np.ndarray, why: Sequence[str]) -> Issues:
        """Return a finding for each row to drop.

        Parameters
        ----------
        row_ids : ndarray of str, shape (n,)
        equal : ndarray of bool, shape (n,)
            Whether the row is equal to its twin in every turn.
        why : sequence of str, n rows
            Why the twin is the one that stays.
        """
        dropped = np.flatnonzero(self.duplicate_of >= 0)
        parts = []
        for check, chosen in (
            ("exact_duplicate", dropped[equal[dropped]]),
            ("near_duplicate", dropped[~equal[dropped]]),
        ):
            parts.append(
                Issues.from_columns(
                    check,
                    row_ids=row_ids[chosen],
                    scores=np.clip(1 - self.similarity[chosen], 0, 1),
                    twins=row_ids[self.duplicate_of[chosen]],
                    details=[self._detail(row, equal[row], why[row]) for row in chosen.tolist()],
                )
            )
        return Issues.concat(parts)

    def _detail(self, row: int, equal: bool, why: str) -> str:
        if equal:
            return "equal in all turns to the kept row"
        what, similarity = WORDS[self.by[row]], self.similarity[row]
        if self.by[row] == "part":
            said = "begins alike: one is the beginning of the kept row, or the reverse"
        elif similarity >= 1:
            said = f"{what}: equal to the kept row's but for form"
        else:
            said = f"{what}: the same is said as in the kept row (similarity {similarity:.2f})"
        return f"{said}; {why}" if why else said


def keep_first(links: Sequence[Links], rank: np.ndarray) -> KeptRows:
    """Keep rows in the order of `rank`, int64 (n,), unless a kept one is a copy."""
    n = len(rank)
    twin, similarity = np.full(n, -1, np.int64), np.full(n, -1.0)
    by = [""] * n
    holders: list[dict[int, int]] = [{} for _ in links]
    for row in np.argsort(rank, kind="stable").tolist():
        found = _closest(row, links, holders)
        if found is None:
            for link, holder in zip(links, holders, strict=True):
                if link.keys[row] >= 0:
                    holder[int(link.keys[row])] = row
        else:
            twin[row], similarity[row], by[row] = found
    return KeptRows(twin, similarity, by)


def _closest(
    row: int, links: Sequence[Links], holders: Sequence[dict[int, int]]
) -> tuple[int, float, str] | None:
    """Return the closest kept row of the strongest sense that has one."""
    for link, holder in zip(links, holders, strict=True):
        key = int(link.keys[row])
        if key < 0:
            continue
        if key in holder:
            return holder[key], 1.0, link.by
        near = [(score, -holder[k], k) for k, score in link.close.get(key, ()) if k in holder]
        if near:
            score, place, _ = max(near)
            return -place, score, link.by
    return None
