"""Numbers of things, and shares, in words."""

from __future__ import annotations


def counted(n: int, thing: str, things: str = "") -> str:
    """Return ``1 row``, ``1,200 rows``, ``2 copies``.

    Parameters
    ----------
    n : int
    thing : str
        One of them.
    things : str
        Several; default with an s.
    """
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def percent(share: float, *, digits: int = 0) -> str:
    """Return ``80 %``, ``12.5 %``.

    Parameters
    ----------
    share : float
        0.8 for 80 %.
    digits : int
        After the point.
    """
    return f"{100 * share:.{digits}f} %"
