"""Why a request is refused, with the status of HTTP that says so."""

from __future__ import annotations

from thresher.core.errors import ThresherError


class Refusal(ThresherError):  # noqa: N818 — reads as the answer that it is
    """A request that gets no answer from the model.

    Attributes
    ----------
    status : int
        Of HTTP.
    retry_after : int or None
        Seconds after which asking again makes sense.
    """

    def __init__(self, status: int, text: str, *, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


class ClientLeft(Exception):  # noqa: N818 — no fault of anybody
    """Whoever asked is gone; there is nobody to answer."""
