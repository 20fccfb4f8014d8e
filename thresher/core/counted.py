"""Numbers of things in words."""

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
