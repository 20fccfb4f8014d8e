"""One BLAS thread for optimisers of small problems.

L-BFGS calls BLAS on tiny matrices thousands of times. Where other programs keep the processors
busy, threads that wait for each other took a fit of 60 rows from 7 to 740 milliseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

SMALL = 1 << 24  # values times classes


class _Limit:
    """The limit that all threads inside share; the last one to leave takes it off."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limits: threadpool_limits | None = None

    def enter(self) -> None:
        """Limit the threads, when nobody has yet."""
        with self._lock:
            if not self._inside:
                self._limits = threadpool_limits(limits=1, user_api="blas")
            self._inside += 1

    def leave(self) -> None:
        """Restore the number of threads, when nobody is left."""
        with self._lock:
            self._inside -= 1
            if not self._inside and self._limits is not None:
                self._limits.restore_original_limits()


_LIMIT = _Limit()


@contextmanager
def one_thread(size: int) -> Iterator[None]:
    """Use one BLAS thread within the block, if a problem of `size` values is a small one."""
    if size > SMALL:
        yield
        return
    _LIMIT.enter()
    try:
        yield
    finally:
        _LIMIT.leave()
