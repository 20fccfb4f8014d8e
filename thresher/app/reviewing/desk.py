"""One review as a page uses it: verdicts that are checked and kept, and what they will do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...core.embeddings import Embeddings
from ...core.errors import InputError, check_choice
from ...core.manifest import Manifest
from ..cleaning import Cleaned
from ..review_sheet import Reviewed
from ..verdict import Verdict, VerdictError
from ..verdict_files import write_verdicts
from ..verdicts import check_each, with_verdicts
from .journal import CODES, JOURNAL, NOTHING, Journal, Step, verdicts_of
from .projection import kept_map, places_by_row
from .table import ReviewTable

MAP, SHEET = "map.npz", "verdicts.jsonl"


@dataclass(frozen=True)
class Finish:
    """How the decisions are applied: where clean data would go, and what writes them.

    Attributes
    ----------
    out : Path
        Proposed for the clean data.
    data : str
        The source, as the user calls it.
    refused : str
        Why nothing can be applied from here; empty where it can.
    write : callable
        Takes a file of verdicts, a path for clean data, and who gave the verdicts; does what
        ``thresher curate apply`` does.
    """

    out: Path
    data: str
    refused: str
    write: Callable[[Path, Path, str], Cleaned]


class ReviewDesk:
    """What people see and say of one set of decisions; safe to use from several threads.

    Parameters
    ----------
    reviewed : Reviewed
    folder : Path
        For the journal and what is made beside it; made when it is not there.
    finish : Finish
    vectors : Embeddings, optional
        For the map.

    Raises
    ------
    InputError
        When the journal in the folder is about other decisions.
    """

    def __init__(
        self,
        reviewed: Reviewed,
        folder: Path,
        *,
        finish: Finish,
        vectors: Embeddings | None = None,
    ) -> None:
        self.table = ReviewTable(reviewed)
        self.folder, self.finish, self.vectors = folder, finish, vectors
        self._mapping = threading.Lock()
        self.journal = Journal(
            folder / JOURNAL,
            row_ids=reviewed.manifest.row_ids.tolist(),
            decisions=reviewed.manifest.fingerprint,
        )

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()

    def say(
        self,
        verdict: str,
        rows: Sequence[int],
        *,
        person: str,
        label: str | None = None,
        note: str | None = None,
        new_label: bool = False,
        key: str | None = None,
    ) -> Step:
        """Check a verdict about some rows by the rule for all verdicts, and put it on disk.

        Parameters
        ----------
        verdict : str
            One of `CODES`.
        rows : sequence of int
            Row numbers.
        person : str
        label : str, optional
            With ``"relabel"`` alone.
        note : str, optional
        new_label : bool
            Whether `label` may be one that no row has.
        key : str, optional
            What was sent under a key before is not recorded again.

        Raises
        ------
        InputError
            When it cannot be carried out, or cannot be written; nothing is recorded then.
        """
        check_choice("verdict", verdict, CODES)
        numbers = self._checked(rows)
        label = (label or "").strip() or None
        if (verdict == "relabel") != (label is not None):
            raise InputError("A new label goes with the verdict 'relabel', and with no other.")
        if verdict != NOTHING:
            self._check(verdict, numbers, label, new_label=new_label)
        note = (note or "").strip() or None
        return self.journal.record(verdict, numbers, person=person, label=label, note=note, key=key)

    def _checked(self, rows: Sequence[int]) -> np.ndarray:
        numbers = np.unique(np.asarray(rows if len(rows) else [], np.int64))
        if not len(numbers):
            raise InputError("A verdict needs a row; none is chosen.")
        if numbers[0] < 0 or numbers[-1] >= len(self.table):
            wrong = numbers[0] if numbers[0] < 0 else numbers[-1]
            raise InputError(f"There is no row {wrong}: they go from 0 to {len(self.table) - 1}.")
        if numbers[-1] >= self.table.decided:
            raise InputError(
                f"{self.table.row_ids[int(numbers[-1])].as_py()} was set aside in reading, or is "
                "of other data: there is nothing to decide about it."
            )
        return numbers

    def _check(
        self, verdict: str, numbers: np.ndarray, label: str | None, *, new_label: bool
    ) -> None:
        # Whether a verdict can be carried out by itself hangs on the verdict and its label and, for
        # keeping this copy, on whether there is another: a million rows need not be looked at.
        alone = numbers[self.table.twins[numbers] < 0] if verdict == "keep_other" else numbers
        numbers = (alone if len(alone) else numbers)[:1]
        twins = self.table.twins[numbers]
        lines = self.table.decisions_of(np.union1d(numbers, twins[twins >= 0]).tolist())
        ids = self.table.row_ids.take(numbers).to_pylist()
        found = self.table.findings_of(numbers.tolist())
        by_id = {
            row_id: [one for one, _ in found[number]]
            for row_id, number in zip(ids, numbers.tolist(), strict=True)
        }
        said = [Verdict(row_id, verdict, label=label) for row_id in ids]
        # What a finding suggests may be a label that no row has: it was not typed in by mistake.
        known = self.table.own_labels if verdict == "relabel" else set(self.table.labels)
        check_each(lines, said, found=by_id, labels=known, new_labels=new_label)

    def undo(self, person: str, *, key: str | None = None) -> Step | None:
        """Take back the last step of a person; None where there is none left."""
        return self.journal.undo(person, key=key)

    def decided(self) -> Manifest:
        """Return the decisions after the verdicts so far.

        Raises
        ------
        VerdictError
            When some contradict each other.
        """
        reviewed = self.table.reviewed
        said = list(verdicts_of(self.journal))
        return with_verdicts(reviewed.manifest, said, issues=reviewed.issues, new_labels=True)

    def preview(self) -> dict[str, Any]:
        """Return what applying would do: counts of the decisions now and before, or what is wrong.

        Returns
        -------
        dict
            ``before`` and ``after`` (rows by action), ``verdicts``, ``out``, ``data``, ``refused``
            and, where verdicts contradict each other, ``error`` and the ``rows`` it is about.
        """
        before = self.table.reviewed.manifest.counts()
        result: dict[str, Any] = {
            "verdicts": len(self.journal),
            "before": before,
            "after": before,
            "out": str(self.finish.out),
            "data": self.finish.data,
            "refused": self.finish.refused,
            "error": "",
            "rows": [],
        }
        try:
            return result | {"after": self.decided().counts()}
        except VerdictError as error:
            numbers = self.table.numbers_of(error.row_ids)
            return result | {"error": str(error), "rows": numbers.tolist()}

    def apply(self, out: Path) -> Cleaned:
        """Write clean data as decided, by way of the file of verdicts.

        Raises
        ------
        InputError
            When there is no verdict, one cannot be carried out, or nothing can be written there.
        """
        if self.finish.refused:
            raise InputError(self.finish.refused)
        self.journal.catch_up()
        said, sheet = verdicts_of(self.journal), self.folder / SHEET
        write_verdicts(sheet, list(said), people=list(said.values()))
        return self.finish.write(sheet, out, ", ".join(sorted(set(said.values()))))

    @cached_property
    def _places(self) -> np.ndarray:
        if self.vectors is None:
            raise InputError(
                "There are no vectors to make a map of. Runs of `thresher curate DATA --out` keep "
                "them; for other folders name a file of vectors with --embeddings."
            )
        places = kept_map(self.vectors, self.folder / MAP)
        numbers = self.table.numbers_of(self.vectors.row_ids)
        return places_by_row(places, numbers, rows=len(self.table))

    def map(self) -> np.ndarray:
        """Return the place of each row on the map: float32, shape (n, 2), NaN for none."""
        with self._mapping:
            return self._places
