"""A candidate beside the model that serves: the same rows, and labels only where the two disagree.

On a row on which both give the same answer neither is better, whatever the label: it adds 0 to the
difference in accuracy and needs no label. A row on which they disagree adds 1 where the candidate
is right, -1 where the old model is, else 0. The mean of all is the difference in accuracy.

Rows count in the order in which they came, up to the first that still waits for its label, so that
labels that come late or in any order bias nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from thresher.core.errors import InputError, check_choice, check_number
from thresher.core.signatures import checked

from .asymptotic import AsymptoticSequence
from .betting import BettingSequence
from .journal import Journaled
from .sequence_state import field

Answer = str | int
SEQUENCES = ("asymptotic", "betting")
_GRID = 4001  # steps of 0.05 points of difference


@dataclass(frozen=True)
class Comparison:
    """What a shadow has shown so far.

    Attributes
    ----------
    verdict : {'promote', 'keep', 'undecided'}
    difference, lower, upper : float
        Accuracy of the candidate less that of the old model, and its limits, which hold at every
        time at once.
    rows, disagreements, labels, waiting : int
        Rows that count, disagreements seen, labels given, and disagreements without a label.
    """

    verdict: str
    difference: float
    lower: float
    upper: float
    rows: int
    disagreements: int
    labels: int
    waiting: int


class Shadow(Journaled):
    """Compare a candidate with the model that serves, looking as often as one likes.

    Parameters
    ----------
    alpha : float
        Share of runs in which the limits are ever wrong, on either side.
    margin : float
        The candidate is promoted once it is proved better by more than this; a negative margin
        allows one that is proved to lose no more.
    worth : float
        The old model is kept once the candidate is proved to gain less than this. At 0, two models
        that are equally good stay undecided for ever.
    sequence : {'asymptotic', 'betting'}
        The latter holds for any number of rows; the former, for many, with fewer of them.

    Examples
    --------
    >>> from lifecycle import Shadow
    >>> shadow = Shadow(alpha=0.05)
    >>> for row in range(400):
    ...     shadow.saw(f"row {row}", old="cat", new="dog" if row % 10 == 0 else "cat")
    >>> for row in shadow.wanted():
    ...     shadow.label(row, "dog")
    >>> found = shadow.result()
    >>> found.verdict, round(found.difference, 3), found.labels
    ('promote', 0.1, 40)
    """

    @checked
    def __init__(
        self,
        *,
        alpha: float = 0.02,
        margin: float = 0.0,
        worth: float = 0.0,
        sequence: Literal["asymptotic", "betting"] = "asymptotic",
    ) -> None:
        check_choice("sequence", sequence, SEQUENCES)
        self.margin = float(check_number("margin", margin, low=-1, high=1))
        self.worth = float(check_number("worth", worth, low=-1, high=1))
        if worth < margin:
            raise InputError(
                f"`worth` is {worth:g} and `margin` {margin:g}: a candidate between them would be "
                "promoted and refused. Let `worth` be at least `margin`."
            )
        self.sequence = sequence
        self._sequence: AsymptoticSequence | BettingSequence = (
            AsymptoticSequence(alpha=alpha, best_at=2000, low=-1, high=1)
            if sequence == "asymptotic"
            else BettingSequence(low=-1, high=1, alpha=alpha, grid=_GRID)
        )
        # Rows that do not count yet: a number of agreeing ones, or the name of one that disagrees.
        self._queue: deque[int | str] = deque()
        self._answers: dict[str, tuple[Answer, Answer]] = {}
        self._differences: dict[str, int] = {}
        self._labeled: dict[str, Answer] = {}
        self._agreeing = self._disagreements = 0
        self._verdict = "undecided"

    @checked
    def saw(self, row: str, *, old: Answer, new: Answer) -> None:
        """Note the answers of both models to a row.

        Raises
        ------
        InputError
            When the row is waiting for its label already, or was labeled.
        """
        if row in self._answers or row in self._labeled:
            raise InputError(
                f"Row {row!r} was seen before. Give each request an id of its own, also where the "
                "same input comes again."
            )
        self._record({"row": row, "old": old, "new": new} if old != new else {"agree": 1})

    @checked
    def agreed(self, rows: int) -> None:
        """Note that both models gave the same answer to so many further rows."""
        if rows < 0:
            raise InputError(f"`rows` must not be negative, got {rows}.")
        if rows:
            self._record({"agree": int(rows)})

    @checked
    def wanted(self, n: int | None = None) -> list[str]:
        """Return the rows whose labels are needed, the one that holds up the most first."""
        waiting = [row for row in self._answers if row not in self._differences]
        return waiting[:n]

    @checked
    def label(self, row: str, label: Answer) -> None:
        """Give the label of a row on which the models disagree; the same label twice counts once.

        Raises
        ------
        InputError
            When the row is not waiting, or has another label already.
        """
        if row in self._labeled:
            if self._labeled[row] != label:
                raise InputError(
                    f"Row {row!r} has the label {self._labeled[row]!r}, now it is {label!r}. The "
                    "first label has counted; let two people settle such rows before they count."
                )
            return
        if row not in self._answers:
            raise InputError(f"Row {row!r} is not one on which the models disagree.")
        self._record({"label": label, "of": row})

    @checked
    def unknowable(self, row: str) -> None:
        """Say that nobody can label a row; it then counts against the candidate."""
        if row not in self._answers or row in self._differences:
            raise InputError(f"Row {row!r} is not waiting for a label.")
        self._record({"unknowable": row})

    def _apply(self, line: Mapping[str, Any]) -> None:
        if "agree" in line:
            self._agreeing += int(line["agree"])
            if self._queue and isinstance(self._queue[-1], int):
                self._queue[-1] += int(line["agree"])
            else:
                self._queue.append(int(line["agree"]))
        elif "row" in line:
            self._disagreements += 1
            self._answers[line["row"]] = line["old"], line["new"]
            self._queue.append(line["row"])
        elif "of" in line:
            row, label = line["of"], line["label"]
            old, new = self._answers[row]
            self._differences[row] = int(new == label) - int(old == label)
            self._labeled[row] = label
        else:
            self._differences[line["unknowable"]] = -1
        self._count()

    def _count(self) -> None:
        """Let rows count up to the first whose label is missing."""
        values: list[float] = []
        while self._queue:
            first = self._queue[0]
            if isinstance(first, int):
                values += [0.0] * first
            elif first in self._differences:
                values.append(float(self._differences.pop(first)))
                del self._answers[first]
            else:
                break
            self._queue.popleft()
        if not values:
            return
        bounds = self._sequence.add(values)
        if self._verdict == "undecided":
            better, worse = bounds.lower > self.margin, bounds.upper < self.worth
            if better.any() or worse.any():
                at = int((better | worse).argmax())
                self._verdict = "promote" if better[at] else "keep"

    def result(self) -> Comparison:
        """Return what was shown so far; a verdict, once given, stays."""
        difference, lower, upper = self._sequence.now
        return Comparison(
            verdict=self._verdict,
            difference=difference,
            lower=max(-1.0, lower),
            upper=min(1.0, upper),
            rows=self._sequence.n,
            disagreements=self._disagreements,
            labels=len(self._labeled),
            waiting=len(self._answers) - len(self._differences),
        )

    def options(self) -> dict[str, Any]:
        """Return what it was made with."""
        names = {"margin": self.margin, "worth": self.worth, "sequence": self.sequence}
        return {"alpha": self._sequence.alpha, **names}

    def to_json(self) -> dict[str, Any]:
        """Return options and state."""
        return {
            "options": self.options(),
            "numbers": self._sequence.to_json(),
            "queue": list(self._queue),
            "answers": [[row, *both] for row, both in self._answers.items()],
            "differences": list(self._differences.items()),
            "labeled": list(self._labeled.items()),
            "agreeing": self._agreeing,
            "disagreements": self._disagreements,
            "verdict": self._verdict,
        }

    def _restore(self, state: Mapping[str, Any], where: str) -> None:
        numbers = field(state, "numbers", dict, where=where)
        self._sequence = type(self._sequence).from_json(numbers, where=where)
        self._queue = deque(field(state, "queue", list, where=where))
        answers: Sequence[Any] = field(state, "answers", list, where=where)
        try:
            self._answers = {row: (old, new) for row, old, new in answers}
            self._differences = dict(field(state, "differences", list, where=where))
            self._labeled = dict(field(state, "labeled", list, where=where))
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{where}: its rows are damaged ({error}). Restore the file."
            ) from error
        self._agreeing = field(state, "agreeing", int, where=where)
        self._disagreements = field(state, "disagreements", int, where=where)
        self._verdict = check_choice(
            f"verdict in {where}",
            field(state, "verdict", str, where=where),
            ("promote", "keep", "undecided"),
        )
