"""One annotator at a desk: rows that wait, and rows that their tabs hold. Nothing here waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .desk_rows import DeskRow, Status


@dataclass
class Tab:
    """A page that an annotator has open, and the rows that it holds."""

    expires: float
    held: dict[str, DeskRow] = field(default_factory=dict)


class Line:
    """The rows of one annotator.

    Attributes
    ----------
    waiting : deque of DeskRow
    tabs : dict of str to Tab
    status : Status
        Why nothing waits.
    claims : dict of str to str
        Rows that a tab says to have and that this desk did not give it, with the tab's name.
    wanted : bool
        Whether the annotator came and found too few rows.
    adopted : bool
        Whether rows that the annotator held before this desk was opened have been taken over.
    left : float
        When the last tab was closed.
    """

    def __init__(self) -> None:
        self.waiting: deque[DeskRow] = deque()
        self.tabs: dict[str, Tab] = {}
        self.claims: dict[str, str] = {}
        self.status: Status = "choosing"
        self.wanted = True
        self.adopted = False
        self.left = 0.0

    def tab(self, lease: str, *, expires: float) -> Tab:
        """Return a tab, which lives until `expires`; a new one when it is not known."""
        tab = self.tabs.setdefault(lease, Tab(expires))
        tab.expires = expires
        return tab

    def take(
        self, tab: Tab, *, count: int, have: Iterable[str] | None, fits: Callable[[DeskRow], bool]
    ) -> list[DeskRow]:
        """Hand further rows to a tab; `have` are the ids that it shows, None for all it was given.

        Rows that do not fit any more are dropped.
        """
        rows: list[DeskRow] = []
        if have is not None:
            shown = set(have)
            for row in [row for row in self.waiting if row.row_id in shown]:
                self.hold(tab, row)
            lost = [row for row in tab.held.values() if row.row_id not in shown]
            for row in lost:
                if not fits(row):
                    del tab.held[row.row_id]
                elif len(rows) < count:
                    rows.append(row)
        while self.waiting and len(rows) < count:
            row = self.waiting.popleft()
            if fits(row):
                tab.held[row.row_id] = row
                rows.append(row)
        return rows

    def add(self, rows: Iterable[DeskRow]) -> None:
        """Let rows wait, unless they are here already."""
        here = {row.row_id for row in self.rows()}
        self.waiting.extend(row for row in rows if row.row_id not in here)

    def hold(self, tab: Tab, row: DeskRow) -> None:
        """Give a row to a tab, wherever it was."""
        self.drop(row.row_id)
        tab.held[row.row_id] = row

    def drop(self, row_id: str) -> DeskRow | None:
        """Take a row out wherever it is, since it was answered; return it."""
        found = None
        for tab in self.tabs.values():
            found = tab.held.pop(row_id, found)
        for row in [row for row in self.waiting if row.row_id == row_id]:
            self.waiting.remove(row)
            found = row
        return found

    def find(self, row_id: str) -> DeskRow | None:
        """Return a row wherever it is."""
        return next((row for row in self.rows() if row.row_id == row_id), None)

    def close_tab(self, lease: str) -> None:
        """Let the rows of a tab wait again, before all others."""
        tab = self.tabs.pop(lease, None)
        if tab is not None:
            self.waiting.extendleft(reversed(tab.held.values()))

    def close_dead_tabs(self, now: float) -> None:
        """Close the tabs of which nothing was heard for the time of their lease."""
        for lease in [name for name, tab in self.tabs.items() if tab.expires <= now]:
            self.close_tab(lease)

    def rows(self) -> list[DeskRow]:
        """Return all rows, those of tabs first."""
        held = [row for tab in self.tabs.values() for row in tab.held.values()]
        return held + list(self.waiting)

    def batches(self) -> set[int]:
        """Return the numbers of the asks that the rows came from."""
        return {row.batch for row in self.rows()}

    def clear(self) -> None:
        """Forget all rows and tabs."""
        self.waiting.clear()
        self.tabs.clear()
