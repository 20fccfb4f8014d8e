"""A candidate that answers a few users, more of them step by step, or none as soon as it fails.

Who gets the candidate is read from a keyed hash (BLAKE2) of the user's id: the same user always
gets the same model, no table is kept, and who had it at a small share keeps it at a larger one.
Guards watch the share of failed and of slow answers; each is right however often it is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from thresher.core.counted import counted
from thresher.core.errors import InputError, check_choice, check_count, check_number
from thresher.core.signatures import checked

from .betting import BettingSequence
from .guard import Guard
from .journal import Journaled
from .sequence_state import check_alpha, field

STATUSES = ("running", "promoted", "back")
_KEY = 16  # characters


@dataclass(frozen=True)
class CanaryState:
    """Where a canary stands.

    Attributes
    ----------
    status : {'running', 'promoted', 'back'}
    reason : str
        Why, in a sentence.
    share : float
        Of the users that get the candidate now.
    requests, failed, slow : int
        Of the candidate.
    old_requests, old_failed, old_slow : int
        Of the model beside it, to compare.
    """

    status: str
    reason: str
    share: float
    requests: int
    failed: int
    slow: int
    old_requests: int
    old_failed: int
    old_slow: int


class Canary(Journaled):
    """Let a candidate answer a growing share of users, and take it back when it fails.

    Parameters
    ----------
    key : str
        Secret of the hash, at least 16 characters, so that no user can choose a group. It is not
        stored; only whether it is the same is.
    shares : sequence of float
        Shares of the users, rising.
    step : int
        Requests of the candidate at each share before the next.
    most_errors : float
        Highest share of failed requests that is fine.
    slow_s : float
        A request that took longer, in seconds, is slow.
    most_slow : float
        Highest share of slow requests that is fine.
    alpha : float
        Chance that a good candidate is ever put back, and that one whose errors lie above the
        limit is ever promoted.

    Examples
    --------
    >>> from lifecycle import Canary
    >>> canary = Canary(key="sixteen letters!", shares=[0.5], step=500)
    >>> [user for user in ("ann", "bob", "cleo", "dan") if canary.takes(user)]
    ['dan']
    >>> for request in range(300):
    ...     canary.observe(new=True, failed=request % 2 == 0, seconds=0.01)
    >>> canary.state().status, canary.takes("dan")
    ('back', False)
    """

    @checked
    def __init__(
        self,
        *,
        key: str,
        shares: Sequence[float] = (0.01, 0.1, 0.5),
        step: int = 1000,
        most_errors: float = 0.02,
        slow_s: float = 1.0,
        most_slow: float = 0.05,
        alpha: float = 0.01,
    ) -> None:
        if not isinstance(key, str) or len(key) < _KEY:
            raise InputError(f"`key` must be a text of at least {_KEY} characters.")
        self._key = blake2b(key.encode(), digest_size=32, person=b"canary").digest()
        self.shares = [
            float(check_number(f"shares[{at}]", share, low=0, high=1, low_open=True))
            for at, share in enumerate(shares)
        ]
        if not self.shares or self.shares != sorted(set(self.shares)):
            raise InputError(f"`shares` must rise, like [0.01, 0.1, 0.5]; got {self.shares}.")
        self.step = check_count("step", step)
        self.slow_s = float(check_number("slow_s", slow_s, low=0, high=1e6, low_open=True))
        self.alpha = check_alpha(alpha)
        # Each guard may be wrong in half of the runs in which both may.
        self._errors = Guard(limit=most_errors, alpha=alpha / 2)
        self._slow = Guard(limit=most_slow, alpha=alpha / 2)
        grid = min(20_001, max(1001, math.ceil(20 / most_errors) + 1))
        self._rate = BettingSequence(alpha=alpha, grid=grid)
        self._counts = dict.fromkeys(("requests", "failed", "slow"), 0)
        self._old = dict.fromkeys(self._counts, 0)
        self._at, self._in_step = 0, 0
        self._status, self._reason = "running", "The candidate answers the first users."

    @property
    def share(self) -> float:
        """Share of the users that get the candidate now."""
        return {"promoted": 1.0, "back": 0.0}.get(self._status, self.shares[self._at])

    @checked
    def takes(self, user: str) -> bool:
        """Tell whether a user gets the candidate now."""
        spread = blake2b(user.encode(), digest_size=8, key=self._key).digest()
        return int.from_bytes(spread, "big") < self.share * 2**64

    @checked
    def observe(self, *, new: bool, failed: bool, seconds: float) -> None:
        """Note how a request went.

        Parameters
        ----------
        new : bool
            Whether the candidate got it.
        failed : bool
            Whether it ended with an error of the server.
        seconds : float
            By a clock that never jumps (`time.perf_counter`).
        """
        check_number("seconds", seconds, low=0, high=1e9)
        slow = seconds > self.slow_s
        self._record({"new": int(new), "failed": int(failed), "slow": int(slow)})

    def _apply(self, line: Mapping[str, Any]) -> None:
        if "back" in line:
            self._status, self._reason = "back", str(line["back"])
            return
        failed, slow = int(line["failed"]), int(line["slow"])
        counts = self._counts if line["new"] else self._old
        counts["requests"] += 1
        counts["failed"] += failed
        counts["slow"] += slow
        if not line["new"] or self._status != "running":
            return
        self._errors.add([failed])
        self._slow.add([slow])
        self._rate.add([failed])
        self._in_step += 1
        self._judge()

    def _judge(self) -> None:
        for what, guard in (("failed", self._errors), ("slow", self._slow)):
            if guard.tripped_at is not None:
                self._status = "back"
                self._reason = (
                    f"Put back after {counted(guard.n, 'request')} of the candidate: "
                    f"{self._counts[what]} were "
                    f"{what}, more than the share of {guard.limit:g} that is fine."
                )
                return
        last = self._at == len(self.shares) - 1
        upper = self._rate.interval[1]
        if self._in_step >= self.step and not last:
            self._at, self._in_step = self._at + 1, 0
            self._reason = f"No guard tripped; {self.share:g} of the users get the candidate."
        elif self._in_step >= self.step and upper <= self._errors.limit:
            self._status = "promoted"
            self._reason = (
                f"Promoted after {counted(self._counts['requests'], 'request')}: at most "
                f"{upper:.4g} of them fail, {self._errors.limit:g} is fine."
            )

    @checked
    def take_back(self, reason: str) -> None:
        """Put the old model back by hand."""
        self._record({"back": reason})

    def state(self) -> CanaryState:
        """Return where it stands."""
        new, old = self._counts, self._old
        return CanaryState(
            status=self._status,
            reason=self._reason,
            share=self.share,
            requests=new["requests"],
            failed=new["failed"],
            slow=new["slow"],
            old_requests=old["requests"],
            old_failed=old["failed"],
            old_slow=old["slow"],
        )

    def options(self) -> dict[str, Any]:
        """Return what it was made with; of the key, a hash."""
        return {
            "key": blake2b(self._key, digest_size=8).hexdigest(),
            "shares": self.shares,
            "step": self.step,
            "most_errors": self._errors.limit,
            "slow_s": self.slow_s,
            "most_slow": self._slow.limit,
            "alpha": self.alpha,
        }

    def to_json(self) -> dict[str, Any]:
        """Return options and state."""
        return {
            "options": self.options(),
            "errors": self._errors.to_json(),
            "slow": self._slow.to_json(),
            "rate": self._rate.to_json(),
            "counts": self._counts,
            "old": self._old,
            "at": self._at,
            "in_step": self._in_step,
            "status": self._status,
            "reason": self._reason,
        }

    def _restore(self, state: Mapping[str, Any], where: str) -> None:
        def part(name: str) -> dict[str, Any]:
            found: dict[str, Any] = field(state, name, dict, where=where)
            return found

        self._errors = Guard.from_json(part("errors"), where=where)
        self._slow = Guard.from_json(part("slow"), where=where)
        self._rate = BettingSequence.from_json(part("rate"), where=where)
        for mine, name in ((self._counts, "counts"), (self._old, "old")):
            for key in mine:
                value = field(part(name), key, int, where=where)
                mine[key] = check_count(f"{name}.{key} in {where}", value, low=0)
        at = field(state, "at", int, where=where)
        self._at = check_count(f"at in {where}", at, low=0, high=len(self.shares) - 1)
        self._in_step = check_count("in_step", field(state, "in_step", int, where=where), low=0)
        status = field(state, "status", str, where=where)
        self._status = check_choice(f"status in {where}", status, STATUSES)
        self._reason = field(state, "reason", str, where=where)
