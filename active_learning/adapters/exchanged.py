"""What an exchange with a server on which people label has done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pulled:
    """What reading the answers did.

    Attributes
    ----------
    new : int
        Answers that the session did not have: labels, skips, corrections, and ones taken back.
    set_aside : tuple of str
        Answers that cannot be used, each with its reason.
    foreign : int
        Tasks or records that were read and are none of the session's rows.
    """

    new: int
    set_aside: tuple[str, ...]
    foreign: int


@dataclass(frozen=True)
class Exchange:
    """What one round did.

    Attributes
    ----------
    pulled : Pulled
    handed : tuple of str
        Ids of the rows that went there.
    waiting : int
        Tasks or records that nobody has answered yet.
    """

    pulled: Pulled
    handed: tuple[str, ...]
    waiting: int
