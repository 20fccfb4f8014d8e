"""Rows that several clients have, found without showing any of them.

Each client hashes its rows with a secret that all clients share and the server does not know
(BLAKE2b with a key), so that the server cannot try out contents. It learns how many rows are shared
and by whom, and nothing else. Copies must be equal to the byte: normalize before hashing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np

from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.signatures import checked

_SALT = (16, 64)  # bytes: fewer can be guessed, more BLAKE2b does not take
_WIDTH = 16


@checked
def salted_hashes(rows: Iterable[str | bytes], *, salt: bytes) -> np.ndarray:
    """Hash the rows of a client.

    Parameters
    ----------
    rows : iterable of str or bytes
    salt : bytes
        16 to 64, secret from the server and equal for all clients: ``secrets.token_bytes(32)``.

    Returns
    -------
    ndarray of bytes, dtype V16, shape (n,)

    Raises
    ------
    InputError
        For a short salt, or a row of another kind.

    Examples
    --------
    >>> from lifecycle import salted_hashes
    >>> a = salted_hashes(["one", "two"], salt=b"0" * 16)
    >>> bool(a[0] == salted_hashes(["one"], salt=b"0" * 16)[0])
    True
    """
    if not isinstance(salt, bytes) or not _SALT[0] <= len(salt) <= _SALT[1]:
        raise InputError(
            f"`salt` must be {_SALT[0]} to {counted(_SALT[1], 'byte')}; `secrets.token_bytes(32)` "
            "makes one."
        )
    found = bytearray()
    for place, row in enumerate(rows.to_pylist() if hasattr(rows, "to_pylist") else rows):
        if not isinstance(row, (str, bytes)):
            raise InputError(f"Row {place} must be str or bytes, got {type(row).__name__}.")
        # Text and bytes of the same content are different rows.
        data = b"t" + row.encode("utf-8", "surrogatepass") if isinstance(row, str) else b"b" + row
        found += hashlib.blake2b(data, digest_size=_WIDTH, key=salt).digest()
    return np.frombuffer(bytes(found), dtype=f"V{_WIDTH}")


@checked
def rows_to_drop(hashes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Tell each client which of its rows another keeps, so that each is trained on once.

    Of a row's copies the first one of the client with the fewest rows stays; ties go by name.

    Parameters
    ----------
    hashes : mapping of str to ndarray
        By client, of `salted_hashes`.

    Returns
    -------
    dict of str to ndarray of int64
        Rising row numbers.

    Examples
    --------
    >>> from lifecycle import rows_to_drop, salted_hashes
    >>> texts = {"a": ["x", "y", "z"], "b": ["y", "v"]}
    >>> rows_to_drop({who: salted_hashes(t, salt=b"0" * 16) for who, t in texts.items()})
    {'a': array([1]), 'b': array([], dtype=int64)}
    """
    for client, rows in hashes.items():
        if not isinstance(rows, np.ndarray) or rows.ndim != 1:
            raise InputError(f"Client {client!r}: {rows!r:.60} is none of `salted_hashes`.")
    seen: set[bytes] = set()
    dropped: dict[str, np.ndarray] = {}
    for client in sorted(hashes, key=lambda name: (len(hashes[name]), name)):
        again = []
        for place, value in enumerate(hashes[client]):
            key = bytes(value)
            if key in seen:
                again.append(place)
            seen.add(key)
        dropped[client] = np.array(again, dtype=np.int64)
    return {client: dropped[client] for client in hashes}
