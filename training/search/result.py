"""What a search gives back, in memory and as JSON."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from thresher.core.files import read_json, write_json

from ..exporting import ExportedModel, load_exported
from .candidate import Candidate, pareto_front
from .target import Target

RECORD, MODELS = "search.json", "models"


@dataclass(frozen=True, eq=False)
class SearchResult:
    """Every candidate, and the one to take.

    The accuracy of the chosen one is a little flattered, since it was chosen on the same rows;
    judge it again on test rows.

    Attributes
    ----------
    folder : Path
        ``models/NAME`` holds each finished candidate as `export` writes it.
    candidates : list of Candidate
    chosen : Candidate or None
        None if none meets the target.
    reason : str
    target : Target
    batch_size, threads, validation_rows : int
    seconds : float
        Wall time of this call; work that was found done in the folder took none.
    """

    folder: Path
    candidates: list[Candidate]
    chosen: Candidate | None
    reason: str
    target: Target
    batch_size: int
    threads: int
    validation_rows: int
    seconds: float

    @property
    def front(self) -> list[Candidate]:
        """Finished candidates that no other beats in accuracy, bytes and time at once."""
        return pareto_front(self.candidates)

    def load(self, candidate: Candidate | None = None) -> ExportedModel:
        """Load a finished candidate, by default the chosen one."""
        taken = candidate or self.chosen
        if taken is None:
            raise LookupError(self.reason)
        return load_exported(self.folder / MODELS / taken.variant.name, threads=self.threads)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "candidates": [candidate.to_json() for candidate in self.candidates],
            "front": [candidate.variant.name for candidate in self.front],
            "chosen": None if self.chosen is None else self.chosen.variant.name,
            "reason": self.reason,
            "target": asdict(self.target),
            "batch_size": self.batch_size,
            "threads": self.threads,
            "validation_rows": self.validation_rows,
            "seconds": self.seconds,
        }

    def save(self) -> None:
        """Write ``search.json`` into the folder."""
        write_json(self.folder / RECORD, self.to_json())


def load_search(folder: str | os.PathLike[str]) -> SearchResult:
    """Read the result of a finished search from its folder."""
    found = read_json(Path(folder) / RECORD)
    candidates = [Candidate.from_json(entry) for entry in found["candidates"]]
    named = {candidate.variant.name: candidate for candidate in candidates}
    return SearchResult(
        folder=Path(folder),
        candidates=candidates,
        chosen=named.get(found["chosen"]),
        target=Target(**found["target"]),
        **{key: found[key] for key in _PLAIN},
    )


_PLAIN = ("reason", "batch_size", "threads", "validation_rows", "seconds")
