"""How a set writes its conversations, told by the names of its columns and by what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from thresher.core.errors import InputError, check_column
from thresher.core.missing import is_missing

from .turns import Turn, marked_turns, read_turn, turns_in

LISTS = ("messages", "conversations", "conversation", "dialog", "dialogue", "turns", "chat")
PROMPTS = ("prompt", "instruction", "question", "query", "problem", "request", "user", "input")
ANSWERS = ("completion", "response", "output", "answer", "chosen", "solution", "reply", "assistant")
CONTEXTS = ("input", "context")
SYSTEMS = ("system", "system_prompt")
REJECTED = "rejected"
LOOKED_AT = 200


@dataclass(frozen=True)
class Shape:
    """Which columns hold a conversation, and as what.

    Attributes
    ----------
    name : str
        In words, for the reader.
    turns : str or None
        The column of turns; where there is none, `prompts` and `answer` are.
    prompts : tuple of str
        Columns that together are what the user says.
    answer : str or None
    system, rejected : str or None
    others : tuple of Shape
        How rows are written that have none of these columns, where a set mixes shapes.
    """

    name: str
    turns: str | None = None
    prompts: tuple[str, ...] = ()
    answer: str | None = None
    system: str | None = None
    rejected: str | None = None
    others: tuple[Shape, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that hold the conversation, the rejected answer apart."""
        named = [self.system, self.turns, *self.prompts, self.answer]
        named += [name for other in self.others for name in other.columns]
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @property
    def has_rejected(self) -> bool:
        """Whether there are rejected answers, in this shape or another one of the set."""
        return self.rejected is not None or any(other.has_rejected for other in self.others)

    def __str__(self) -> str:
        beside = f", rejected: {self.rejected}" if self.rejected else ""
        own = f"{self.name} ({', '.join(replace(self, others=()).columns)}{beside})"
        return ", or ".join([own, *map(str, self.others)])

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row has anything in the columns of the prompt, the answer or the turns."""
        named = (self.turns, *self.prompts, self.answer)
        return any(name is not None and not _is_nothing(row.get(name)) for name in named)

    def of(self, row: Mapping[str, Any]) -> Shape:
        """Return the shape in which a row is written, among this one and the others."""
        if not self.others or self.holds(row):
            return self
        return next((other for other in self.others if other.holds(row)), self)

    def read(self, row: Mapping[str, Any]) -> tuple[Turn, ...] | None:
        """Return the turns of a row; None where its cell holds no turns."""
        return self.of(row)._read(row)

    def _read(self, row: Mapping[str, Any]) -> tuple[Turn, ...] | None:
        if self.turns is not None:
            return _with_system(_turns(row.get(self.turns)), row, self.system)
        asked = [_turns(row.get(name)) for name in self.prompts]
        given = _turns(row.get(self.answer or ""))
        if given is not None and self.answer == "chosen" and len(given) > 1:
            return given  # a preferred answer that repeats the prompt before it
        if any(turns is not None for turns in (*asked, given)):
            before = tuple(turn for turns in asked for turn in turns or ())
            after = given if given is not None else _said("assistant", row.get(self.answer or ""))
            return _with_system(before + after, row, self.system)
        texts = [str(row[name]) for name in self.prompts if not is_missing(row.get(name))]
        prompt = Turn("user", "\n\n".join(texts))
        answer = _said("assistant", row.get(self.answer or ""), always=True)
        return _with_system((prompt, *answer), row, self.system)

    def read_rejected(self, row: Mapping[str, Any]) -> str:
        """Return the text of the rejected answer, empty where there is none."""
        rejected = self.of(row).rejected
        if rejected is None or is_missing(row.get(rejected)):
            return ""
        turns = _turns(row[rejected])
        if turns is None:
            return str(row[rejected])
        return "\n".join(turn.text for turn in turns if turn.role == "assistant")


def find_shape(rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str] = ()) -> Shape:
    """Tell how conversations are written, from the first 200 rows.

    Rows that have nothing in the columns found are looked at again, 200 at a time, since sets that
    were put together of several mix their shapes.

    Parameters
    ----------
    rows : sequence of mappings from column to cell
    columns : sequence of str, optional
        The column of turns, or those of the prompt with that of the answer last.

    Raises
    ------
    InputError
        When no column holds conversations, or one that was named is missing.
    """
    head = rows[:LOOKED_AT]
    names = list(dict.fromkeys(name for row in head for name in row))
    if columns:
        for name in columns:
            check_column(name, names, role="conversation")
        return _of_named(head, tuple(columns), names)
    first, others = _shape_of(head, names), []
    rest = _without_nothing(row for row in rows if not first.holds(row))
    while rest:
        try:
            other = _shape_of(rest[:LOOKED_AT], [name for row in rest[:LOOKED_AT] for name in row])
        except InputError:  # these rows hold no conversation, which each of them is told
            break
        left = [row for row in rest if not other.holds(row)]
        if len(left) == len(rest):
            break
        others.append(other)
        rest = left
    return replace(first, others=tuple(others))


def _without_nothing(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with the cells that hold anything, those without any left out."""
    filled = ({name: cell for name, cell in row.items() if not _is_nothing(cell)} for row in rows)
    return [row for row in filled if row]


def _is_nothing(cell: Any) -> bool:
    return is_missing(cell) or (isinstance(cell, (list, tuple)) and not cell)


def _shape_of(head: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Shape:
    names = list(dict.fromkeys(names))
    plain = {name.strip().lower(): name for name in reversed(names)}
    lists = [name for name in names if _holds_turns(head, name)]
    for wanted in LISTS:
        if plain.get(wanted) in lists:
            return Shape("turns", turns=plain[wanted], system=_named(plain, SYSTEMS))
    rejected = plain.get(REJECTED)
    answer = _named(plain, ANSWERS)
    prompt = _named({k: v for k, v in plain.items() if v != answer}, PROMPTS)
    if prompt is not None and answer is not None:
        more = [plain[n] for n in CONTEXTS if n in plain and plain[n] not in (prompt, answer)]
        return Shape(
            "prompt, chosen and rejected answer" if rejected else "prompt and answer",
            prompts=(prompt, *more),
            answer=answer,
            system=_named(plain, SYSTEMS),
            rejected=rejected,
        )
    if rejected is not None and answer is not None and (answer in lists or _marked(head, answer)):
        return Shape("chosen and rejected conversation", turns=answer, rejected=rejected)
    if lists:
        return Shape("turns", turns=lists[0], system=_named(plain, SYSTEMS))
    raise InputError(
        "No column holds conversations: neither turns with a role and a content (messages, "
        "conversations), nor a prompt and an answer (prompt and completion, instruction and "
        f"output, question and answer). There are {', '.join(names[:12]) or 'no columns'}. Name "
        "the column of turns, or those of the prompt and the answer, the answer last: --text "
        "ask,reply."
    )


def _of_named(
    head: Sequence[Mapping[str, Any]], columns: tuple[str, ...], names: list[str]
) -> Shape:
    if len(columns) > 1:
        rejected = REJECTED if REJECTED in names and REJECTED not in columns else None
        return Shape(
            "prompt and answer", prompts=columns[:-1], answer=columns[-1], rejected=rejected
        )
    if not (_holds_turns(head, columns[0]) or _marked(head, columns[0])):
        raise InputError(
            f"The column {columns[0]!r} holds no turns with a role and a content. Name the columns "
            f"of the prompt and the answer, the answer last: --text {columns[0]},reply."
        )
    return Shape("turns", turns=columns[0])


def _named(plain: Mapping[str, str], wanted: Sequence[str]) -> str | None:
    return next((plain[name] for name in wanted if name in plain), None)


def _holds_turns(head: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Tell whether most cells of a column that hold anything hold turns."""
    cells = [row[name] for row in head if row.get(name) is not None]
    return 2 * sum(turns_in(cell) is not None for cell in cells) > len(cells)


def _marked(head: Sequence[Mapping[str, Any]], name: str) -> bool:
    cells = [row[name] for row in head if isinstance(row.get(name), str)]
    return 2 * sum(marked_turns(cell) is not None for cell in cells) > len(cells)


def _turns(value: Any) -> tuple[Turn, ...] | None:
    listed = turns_in(value)
    if listed is not None:
        return tuple(read_turn(turn) for turn in listed)
    marked = marked_turns(value) if isinstance(value, str) else None
    return None if marked is None else tuple(marked)


def _said(role: str, value: Any, *, always: bool = False) -> tuple[Turn, ...]:
    if is_missing(value):
        return (Turn(role, ""),) if always else ()
    return (Turn(role, str(value)),)


def _with_system(
    turns: tuple[Turn, ...] | None, row: Mapping[str, Any], system: str | None
) -> tuple[Turn, ...] | None:
    if turns is None or system is None or is_missing(row.get(system)):
        return turns
    return (Turn("system", str(row[system])), *turns)
