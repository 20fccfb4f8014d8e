"""What of a table is looked at: one column of images, all columns of text, or the numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from ..errors import InputError
from .column_kinds import (
    CATEGORY,
    CODE,
    IMAGE,
    IMAGE_ADDRESS,
    IMAGE_PATH,
    NAME,
    NUMBER,
    OTHER,
    PROSE,
    TEXT,
    Kind,
)
from .column_names import BESIDE_TEXT, TEXT_NAMES, name_words, plain_name

SHOWN = 6
FEWEST_FILLED = 0.5


@dataclass(frozen=True)
class Inputs:
    """Of which kind the rows are, the columns that are looked at, and why these."""

    modality: str
    columns: tuple[str, ...]
    reason: str


def choose_inputs(kinds: list[Kind], table: pa.Table) -> Inputs:
    """Choose among the columns that have no other role.

    Raises
    ------
    InputError
        When there are several columns of images, images that are not found, or nothing to look at.
    """
    images = [kind.name for kind in kinds if kind.of == IMAGE]
    if len(images) == 1:
        return Inputs("image", (images[0],), "the only column that holds images")
    if images:
        what = f"Several columns hold images ({', '.join(images)})"
        raise InputError(unclear(table, what, "`image`"))
    texts = _texts(kinds)
    if not texts:
        _refuse_lost_images(kinds, table)
    numbers = _numbers(kinds)
    if not texts and not numbers:
        texts = _names_as_text(kinds)
    if texts:
        return Inputs("text", tuple(kind.name for kind in texts), _why_text(texts))
    if numbers:
        return Inputs(
            "features", tuple(kind.name for kind in numbers), _why_numbers(kinds, numbers)
        )
    what = "No column is clearly an image, a text or numbers"
    raise InputError(unclear(table, what, "`image`, `text` or `features`"))


def _texts(kinds: list[Kind]) -> list[Kind]:
    """Return the columns of text where rows are texts, in their order, else none.

    They are where a column is called like a text, holds prose, or there are no numbers beside it.
    Then everything that is text counts: a title, an instruction, a short answer.
    """
    numbers = _numbers(kinds)
    deciding = [
        kind
        for kind in kinds
        if (_named_text(kind) and _reads_as_text(kind))
        or (kind.of == TEXT and (not numbers or kind.words >= PROSE))
    ]
    if not deciding:
        return []
    beside = [
        kind
        for kind in kinds
        if kind.of == TEXT or (kind.of in (NAME, CODE) and plain_name(kind.name) in BESIDE_TEXT)
    ]
    return [kind for kind in kinds if kind in deciding or kind in beside]


def _named_text(kind: Kind) -> bool:
    words = name_words(kind.name)
    return plain_name(kind.name) in TEXT_NAMES or bool(words and words[-1] == "text")


def _reads_as_text(kind: Kind) -> bool:
    """Tell whether a column called a text may be one: also words of digits, or in brackets."""
    return kind.of in (TEXT, NAME, CODE, CATEGORY) or (kind.of == OTHER and kind.words > 1)


def _numbers(kinds: list[Kind]) -> list[Kind]:
    return [kind for kind in kinds if kind.of == NUMBER and kind.filled >= FEWEST_FILLED]


def _names_as_text(kinds: list[Kind]) -> list[Kind]:
    """Return columns of names, or else the longest of short entries, where there is no more."""
    names = [kind for kind in kinds if kind.of == NAME]
    if names:
        return names
    codes = [kind for kind in kinds if kind.of == CODE and kind.filled >= FEWEST_FILLED]
    return [max(codes, key=lambda kind: (kind.words, kind.distinct))] if codes else []


def _why_text(texts: list[Kind]) -> str:
    words = ", ".join(f"{kind.words:.0f}" for kind in texts)
    if len(texts) > 1:
        return f"all columns of text; {words} words on average"
    named = "named like a text" if _named_text(texts[0]) else "the only column of text"
    return f"{named}, {words} words on average"


def _why_numbers(kinds: list[Kind], numbers: list[Kind]) -> str:
    unused = listed(kind.name for kind in kinds if kind not in numbers)
    return "all numeric columns" + (f"; not used: {unused}" if unused else "")


def _refuse_lost_images(kinds: list[Kind], table: pa.Table) -> None:
    """Raise where the rows are images that cannot be read, rather than take paths for texts."""
    for kind in kinds:
        if kind.of not in (IMAGE_PATH, IMAGE_ADDRESS):
            continue
        first = next(value for value in table.column(kind.name).to_pylist() if value)
        if kind.of == IMAGE_ADDRESS:
            raise InputError(
                f"The column {kind.name!r} holds addresses of images on the network, such as "
                f"{first!r}, and nothing is downloaded here. Save the images and give their paths; "
                "to work without them, name the columns with `text` or `features`."
            )
        raise InputError(
            f"The column {kind.name!r} names images, such as {first!r}, and none of those tried "
            "is found. Paths start from the folder of the file: move the file or the images, or "
            "write whole paths; to work without them, name the columns with `text` or `features`."
        )


def other_columns(table: pa.Table, used: Iterable[str], kinds: dict[str, Kind]) -> str:
    """Return the columns that have no role as a list in words; images that are not read say so."""
    known = set(used)
    names = []
    for name in table.column_names:
        if name not in known:
            of = kinds[name].of if name in kinds else ""
            names.append(f"{name} ({of})" if of in (IMAGE_PATH, IMAGE_ADDRESS) else name)
    return listed(names)


def listed(names: Iterable[str]) -> str:
    """Return names with commas, the first few of many."""
    several = list(names)
    if len(several) > SHOWN:
        several = [*several[: SHOWN - 1], f"… {len(several)} in all"]
    return ", ".join(several)


def unclear(table: pa.Table, what: str, options: str) -> str:
    """Say what is not clear, how to settle it, and which columns there are."""
    columns = ", ".join(f"{item.name} ({item.type})" for item in table.schema)
    return f"{what}. Say which with {options}. Columns: {columns}."
