"""What a person can say of a row, and what is wrong where that cannot be done."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import InputError

VERDICTS = ("accept", "reject", "relabel", "keep_other", "drop")


class VerdictError(InputError):
    """Verdicts cannot be carried out; ``row_ids`` names the rows that they are about."""

    def __init__(self, message: str, *about: Verdict) -> None:
        super().__init__(message)
        self.row_ids = tuple(one.row_id for one in about)


@dataclass(frozen=True)
class Verdict:
    """What a person said of one row, and in which line of a file, if it came from one."""

    row_id: str
    verdict: str
    line: int | None = None
    label: str | None = None
    note: str | None = None

    @property
    def said(self) -> str:
        """Where it was said, to begin a sentence."""
        return f"The verdict on row {self.row_id}" if self.line is None else f"Line {self.line}"
