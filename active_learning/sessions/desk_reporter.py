"""The report of a session, made in a thread when somebody looks, so that nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from thresher.core.errors import ThresherError

from .report import Report

EVERY = 5.0
# Between two reports at least so many times as long as the last one took.
REST = 3.0


class Reporter:
    """Keeps the last report, and makes a new one when there are new answers and somebody asks.

    Parameters
    ----------
    make : callable
        Makes a report.
    seen : callable
        Returns how many answers there are.
    """

    def __init__(self, make: Callable[[], Report], *, seen: Callable[[], int]) -> None:
        self._make, self._seen = make, seen
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._report: Report | None = None
        self._of, self._at, self._not_before = -1, 0.0, 0.0
        self.problem: str | None = None

    def last(self) -> tuple[Report | None, float | None]:
        """Return the last report and its age in seconds; start the next one if it is time."""
        now = time.monotonic()
        with self._lock:
            due = self._seen() != self._of and now >= self._not_before
            if self._thread is None and due:
                self._thread = threading.Thread(target=self._work, daemon=True, name="desk report")
                self._thread.start()
            age = None if self._report is None else now - self._at
            return self._report, age

    def close(self) -> None:
        """Return when no report is being made."""
        with self._lock:  # a thread that is not started yet cannot be joined
            thread = self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        began, seen, report, problem = time.monotonic(), self._seen(), None, None
        try:
            report = self._make()
        except ThresherError as error:
            problem = str(error)
        except Exception as error:
            problem = f"The report could not be made: {error!r}"
        now = time.monotonic()
        with self._lock:
            self.problem, self._of = problem, seen
            if report is not None:
                self._report, self._at = report, began
            self._not_before = now + max(EVERY, REST * (now - began))
            self._thread = None
