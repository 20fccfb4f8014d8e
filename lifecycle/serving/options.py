"""How a model is served: the options, and what is checked of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from thresher.core.errors import InputError, check_count, check_number
from thresher.core.signatures import check_fields

MB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class ServingOptions:
    """How a model is served.

    Attributes
    ----------
    threads : int
        Of ONNX Runtime.
    batch : int or None
        Most rows that run together; None chooses by measurement.
    threaded : bool or None
        Whether batches run in a thread of their own; None chooses by measurement.
    max_rows : int
        Of one request.
    queue_rows : int
        Rows under way at once; a request beyond gets 503 with ``Retry-After``.
    deadline_s : float
        Longest time until an answer; a request may ask for less in ``X-Deadline-Ms``.
    body_mb : float
        Largest body.
    body_s : float
        Longest time in which a body, or the head of a request, has to arrive.
    cache_mb : float
        For exact repeats; 0 keeps nothing.
    near : Path or None
        Held-out rows, ``.npy``, on which a cache of near repeats is calibrated.
    near_mb : float
        For that cache.
    admin_token : str or None
        Lets ``POST /swap`` change the model; without one it is off.
    watch_s : float
        Seconds between looks at the model's file; 0 does not look.

    Examples
    --------
    >>> from lifecycle import ServingOptions
    >>> ServingOptions(cache_mb=8).max_rows
    1024
    """

    threads: int = 1
    batch: int | None = None
    threaded: bool | None = None
    max_rows: int = 1024
    queue_rows: int = 4096
    deadline_s: float = 10.0
    body_mb: float = 16.0
    body_s: float = 10.0
    cache_mb: float = 64.0
    near: Path | None = None
    near_mb: float = 16.0
    admin_token: str | None = None
    watch_s: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
        check_count("threads", self.threads)
        if self.batch is not None:
            check_count("batch", self.batch)
        check_count("max_rows", self.max_rows)
        check_count("queue_rows", self.queue_rows)
        for name in ("deadline_s", "body_mb", "body_s", "near_mb"):
            check_number(name, getattr(self, name), low=0, high=1e6, low_open=True)
        for name in ("cache_mb", "watch_s"):
            check_number(name, getattr(self, name), low=0, high=1e6)
        if self.queue_rows < self.max_rows:
            raise InputError(
                f"`queue_rows` is {self.queue_rows} and `max_rows` {self.max_rows}: a request of "
                "that many rows would always be refused. Let the queue hold at least one request."
            )
        if self.admin_token is not None and len(self.admin_token) < 16:
            raise InputError(
                "`admin_token` must have at least 16 characters, so that nobody guesses it; "
                "python -c 'import secrets; print(secrets.token_urlsafe())' makes one."
            )
