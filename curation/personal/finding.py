"""Find personal data in texts, and mask them.

Addresses of mail (RFC 5321's usual form), of computers (IPv4, IPv6), numbers of phones (E.164 and
national forms), bank accounts (ISO 13616, mod 97), payment cards (ISO/IEC 7812, Luhn) and the
identity numbers of `lands`. Names and postal addresses are not looked for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from thresher.core.errors import InputError, check_choice
from thresher.core.issues import Issues
from thresher.core.missing import text_list
from thresher.core.shown import ShownRows
from thresher.core.signatures import checked

from ..duplicates.exact import checked_ids
from ..quality.texts.check import masked
from ..quality.texts.numbers import card_spans, iban_spans, phone_spans
from ..quality.texts.personal import ip_spans, mail_spans
from .lands import identity_spans

# What reads as several of these is the first of them.
FINDERS: dict[str, Callable[[str], Iterator[tuple[int, int] | tuple[int, int, str]]]] = {
    "email": mail_spans,
    "iban": iban_spans,
    "card": card_spans,
    "id": identity_spans,
    "ip": ip_spans,
    "phone": phone_spans,
}
WORDS = {
    "email": "e-mail address",
    "iban": "bank account number",
    "card": "payment card number",
    "id": "identity number",
    "ip": "IP address",
    "phone": "phone number",
}
SCORE = 0.4
# Numbers of people have so many digits, whatever they are.
FEWEST_DIGITS = 6
OF_DIGITS = ("iban", "card", "id", "phone")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Piece:
    """One piece of personal data: where it stands in its text, its kind, and its name in words."""

    start: int
    end: int
    kind: str
    name: str


@dataclass(frozen=True, repr=False)
class PersonalData(ShownRows):
    """Personal data of each text.

    Attributes
    ----------
    row_ids : ndarray of str, shape (n,)
    pieces : list of tuple of Piece, n rows
        By their place, none within another.
    texts : list of str, n rows
        As given, empty where missing.
    """

    row_ids: np.ndarray
    pieces: list[tuple[Piece, ...]] = field(repr=False)
    texts: list[str] = field(repr=False)

    @property
    def flagged(self) -> np.ndarray:
        """Whether each row has any, bool, shape (n,)."""
        return np.array([bool(found) for found in self.pieces], bool)

    def counts(self) -> dict[str, int]:
        """Return how many pieces of each kind there are."""
        found = Counter(piece.kind for row in self.pieces for piece in row)
        return {kind: found[kind] for kind in FINDERS if found[kind]}

    def masked(self, mask: str = "[{kind}]") -> list[str]:
        """Return the texts with each piece replaced; ``{kind}`` is its kind in capitals."""
        return [
            mask_pieces(text, found, mask)
            for text, found in zip(self.texts, self.pieces, strict=True)
        ]

    def to_issues(self) -> Issues:
        """Return one finding a row that has any: what it is, its middle hidden."""
        rows = np.flatnonzero(self.flagged)
        return Issues.from_columns(
            "quality",
            row_ids=self.row_ids[rows],
            scores=np.full(len(rows), SCORE),
            details=[
                f"personal data: {describe(self.texts[row], self.pieces[row])}"
                for row in rows.tolist()
            ],
        )


@checked
def find_personal_data(
    texts: Sequence[str | None],
    *,
    kinds: Sequence[str] = tuple(FINDERS),
    row_ids: np.ndarray | None = None,
) -> PersonalData:
    """Find addresses and numbers of people in texts.

    What has check digits counts only where they agree; what a random number would pass too often
    counts only behind a word that says what it is. Cost: linear in the characters.

    Parameters
    ----------
    texts : sequence of str, length n
        None where missing.
    kinds : sequence of {"email", "iban", "card", "id", "ip", "phone"}
        ``"id"``: numbers of social security, taxes and identity cards of 21 lands.
    row_ids : ndarray of str, shape (n,), optional
        Default ``"0"``, ``"1"``, ….

    Raises
    ------
    InputError
        On unknown kinds, and on none.

    Examples
    --------
    >>> from curation import find_personal_data
    >>> found = find_personal_data(["Write to ann@example.org or pay DE89 3704 0044 0532 0130 00."])
    >>> found.masked()
    ['Write to [EMAIL] or pay [IBAN].']
    """
    if not kinds:
        raise InputError(f"`kinds` names none: choose from {', '.join(FINDERS)}.")
    for kind in kinds:
        check_choice("kinds", kind, FINDERS)
    listed = text_list("texts", texts)
    ids = checked_ids(row_ids, rows=len(listed))
    return PersonalData(ids, [pieces_in(text, kinds) for text in listed], listed)


def pieces_in(text: str, kinds: Sequence[str]) -> tuple[Piece, ...]:
    """Return the personal data of one text by their place, none within another."""
    taken: list[Piece] = []
    few = len(_DIGIT.findall(text)) < FEWEST_DIGITS
    for kind in (kind for kind in FINDERS if kind in kinds and not (few and kind in OF_DIGITS)):
        for start, end, *name in FINDERS[kind](text):
            if all(end <= piece.start or piece.end <= start for piece in taken):
                taken.append(Piece(start, end, kind, str(name[0]) if name else WORDS[kind]))
    return tuple(sorted(taken, key=lambda piece: piece.start))


def mask_pieces(text: str, pieces: Sequence[Piece], mask: str) -> str:
    """Return a text with each piece replaced."""
    done, at = [], 0
    for piece in pieces:
        done += [text[at : piece.start], mask.replace("{kind}", piece.kind.upper())]
        at = piece.end
    return "".join((*done, text[at:]))


def describe(text: str, pieces: Sequence[Piece]) -> str:
    """Return the first piece with its middle hidden, and how many others there are."""
    first = pieces[0]
    shown = masked(text[first.start : first.end])
    more = f", and {len(pieces) - 1} more" if len(pieces) > 1 else ""
    return f"{first.name} {shown} at character {first.start + 1:,}{more}"
