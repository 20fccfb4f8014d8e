"""From rows to answers: what is kept, what is being computed already, and what must be run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from thresher.core.errors import InputError

from .batcher import Batcher
from .bodies import ARRAY_ROWS, Rows
from .cache import Cache, Keys
from .jobs import ANSWERED, EXPIRED, Job, Waiting
from .near import NearCache
from .preparation import preparation_of
from .refusal import ClientLeft, Refusal
from .served_model import ServedModel

# Sources of an answer: a closed set, for metrics and logs.
MODEL, CACHE, FLIGHT, NEAR = "model", "cache", "flight", "near"
SOURCES = (MODEL, CACHE, FLIGHT, NEAR)
LeftYet = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a request gets.

    Attributes
    ----------
    logits : ndarray of float32, shape (n, classes)
        Of all rows that were sent; zeros where there is an error.
    stages : ndarray of int, shape (n,)
    sources : dict of str to int
        How many rows came from the model, the cache, another request that asked for the same at
        the same time, or a near duplicate.
    errors : dict of int to str
    """

    logits: np.ndarray
    stages: np.ndarray
    sources: dict[str, int]
    errors: dict[int, str] = field(default_factory=dict)


class Answerer:
    """Answers rows for one model, with what it shares with other models: the batches and the cache.

    Parameters
    ----------
    model : ServedModel
    batcher : Batcher
    cache : Cache or None
    near : NearCache or None
    ran_row : callable
        Is given the first input row of every job, a copy.
    """

    def __init__(
        self,
        model: ServedModel,
        batcher: Batcher,
        cache: Cache | None,
        near: NearCache | None,
        *,
        ran_row: Callable[[np.ndarray], None],
    ) -> None:
        self._ran_row = ran_row
        self.model, self.batcher, self.cache, self.near = model, batcher, cache, near
        self._prepare = preparation_of(model.preprocessing, model.input_spec)
        self._keys = {kind: Keys(model, kind) for kind in (ARRAY_ROWS, *self._prepare)}
        self._flying: dict[bytes, tuple[Job, int]] = {}

    async def answer(self, rows: Rows, *, deadline: float, left: LeftYet) -> Answers:
        """Return the answers.

        Parameters
        ----------
        rows : Rows
        deadline : float
            By the clock of the event loop.
        left : callable
            Its coroutine ends when the client is gone; started only where there is a wait.

        Raises
        ------
        Refusal
            503 when the queue is full, 504 after the deadline, 400 for rows of a kind that the
            model does not take.
        ClientLeft
        """
        if rows.kind not in self._keys:
            raise Refusal(
                400, f"The model does not say how a row of kind {rows.kind!r} is prepared."
            )
        if not len(rows.content):
            return self._empty(rows)
        if self.cache is None and self.near is None and isinstance(rows.content, np.ndarray):
            return await self._plain(rows, rows.content, deadline=deadline, left=left)
        if self.cache is None:
            return await self._fresh(rows, None, deadline=deadline, left=left)
        return await self._with_cache(rows, self.cache, deadline=deadline, left=left)

    async def _plain(
        self, rows: Rows, inputs: np.ndarray, *, deadline: float, left: LeftYet
    ) -> Answers:
        """Answer rows that no cache is asked about."""
        n = len(inputs)
        job = Job(n, classes=len(self.model.classes), settled=_forgotten)
        self.batcher.submit(self.model, job, inputs)
        self._ran_row(inputs[0].copy())
        await self._wait([job], deadline, left)
        if not rows.errors:
            return Answers(job.logits, job.stages, {MODEL: n}, job.errors)
        found, places = self._empty(rows), rows.places
        found.logits[places], found.stages[places] = job.logits, job.stages
        found.sources[MODEL] = n
        found.errors.update({int(places[at]): text for at, text in job.errors.items()})
        return found

    async def _with_cache(
        self, rows: Rows, cache: Cache, *, deadline: float, left: LeftYet
    ) -> Answers:
        keys = self._keys[rows.kind].of(rows.content)
        kept = [cache.get(key) for key in keys]
        if all(kept):
            return self._kept(rows, kept)
        return await self._fresh(rows, (keys, kept), deadline=deadline, left=left)

    def _kept(self, rows: Rows, kept: Sequence[Any]) -> Answers:
        found = self._empty(rows)
        places = rows.places
        found.logits[places] = [one.logits for one in kept]
        found.stages[places] = [one.stage for one in kept]
        found.sources[CACHE] = len(kept)
        return found

    async def _fresh(
        self,
        rows: Rows,
        known: tuple[list[bytes], list[Any]] | None,
        *,
        deadline: float,
        left: LeftYet,
    ) -> Answers:
        plan = self._plan(rows, known)
        errors: dict[int, str] = {}
        if plan.missing:
            errors = self._start(rows, plan, known[0] if known else None)
        await self._wait(
            list(dict.fromkeys(job for job, _ in plan.flying.values())), deadline, left
        )
        return self._collect(rows, plan, known[1] if known else None, errors)

    def _plan(self, rows: Rows, known: tuple[list[bytes], list[Any]] | None) -> _Plan:
        """Sort rows: kept, computed by another request right now, or missing."""
        if known is None:
            return _Plan(list(range(len(rows.content))), {}, {}, 0)
        missing: list[int] = []
        flying: dict[int, tuple[Job, int]] = {}
        twins: dict[int, int] = {}
        first: dict[bytes, int] = {}
        for place, (key, kept) in enumerate(zip(*known, strict=True)):
            if kept is not None:
                continue
            if key in self._flying:
                flying[place] = self._flying[key]
            elif key in first:
                twins[place] = first[key]
            else:
                first[key] = place
                missing.append(place)
        return _Plan(missing, flying, twins, len(flying) + len(twins))

    def _start(self, rows: Rows, plan: _Plan, keys: list[bytes] | None) -> dict[int, str]:
        """Prepare the missing rows and queue them; return those that cannot be prepared."""
        inputs, errors = self._inputs(rows, plan.missing)
        asked = [place for place in plan.missing if place not in errors]
        own = [] if keys is None else [keys[place] for place in asked]
        if self.near is not None and len(inputs):
            inputs, asked, own = self._near(plan, inputs, asked, own)
        if not asked:
            return errors
        job = Job(len(asked), classes=len(self.model.classes), settled=self._settled(own, inputs))
        self.batcher.submit(self.model, job, inputs)
        self._ran_row(inputs[0].copy())
        for at, key in enumerate(own):
            self._flying[key] = (job, at)
        plan.flying.update({place: (job, at) for at, place in enumerate(asked)})
        return errors

    def _inputs(self, rows: Rows, places: list[int]) -> tuple[np.ndarray, dict[int, str]]:
        if isinstance(rows.content, np.ndarray):
            whole = len(places) == len(rows.content)
            return (rows.content if whole else rows.content[places]), {}
        inputs, errors = self._prepare[rows.kind]([rows.content[place] for place in places])
        return inputs, {places[at]: text for at, text in errors.items()}

    def _near(
        self, plan: _Plan, inputs: np.ndarray, asked: list[int], own: list[bytes]
    ) -> tuple[np.ndarray, list[int], list[bytes]]:
        """Answer rows that lie near one that was answered before."""
        assert self.near is not None
        found = self.near.lookup(inputs)
        plan.near.update({asked[at]: kept for at, kept in found.items()})
        rest = [at for at in range(len(asked)) if at not in found]
        keys = [own[at] for at in rest] if own else []
        return inputs[rest], [asked[at] for at in rest], keys

    def _settled(
        self, keys: list[bytes], inputs: np.ndarray
    ) -> Callable[[Job, Sequence[int], bool], None]:
        """Return what is told of rows that are done: they are kept, and no longer under way."""

        def settled(job: Job, rows: Sequence[int], answered: bool) -> None:
            for row in rows if keys else ():
                self._flying.pop(keys[row], None)
                if answered and self.cache is not None:
                    self.cache.put(keys[row], job.logits[row], int(job.stages[row]))
            if answered and self.near is not None:
                self.near.keep(inputs[list(rows)], job.logits[list(rows)], job.stages[list(rows)])

        return settled

    async def _wait(self, jobs: list[Job], deadline: float, left: LeftYet) -> None:
        if not any(job.open for job in jobs):
            return
        loop = asyncio.get_running_loop()
        waiting = Waiting(jobs, loop)
        timer = loop.call_at(deadline, waiting.end, EXPIRED)
        # A client can only leave meanwhile where there is something to wait for.
        watcher = asyncio.create_task(_watch(left, waiting)) if self.batcher.waits else None
        try:
            how = await waiting.future
        finally:
            waiting.end(EXPIRED)  # where the server itself is stopped meanwhile
            timer.cancel()
            if watcher is not None:
                watcher.cancel()
        if how == EXPIRED:
            raise Refusal(504, "The deadline passed before the rows were answered.")
        if how != ANSWERED:
            raise ClientLeft

    def _collect(
        self, rows: Rows, plan: _Plan, kept: list[Any] | None, errors: dict[int, str]
    ) -> Answers:
        found = self._empty(rows)
        places = rows.places
        for at, one in enumerate(kept or ()):
            if one is not None:
                found.logits[places[at]], found.stages[places[at]] = one.logits, one.stage
        for at, one in plan.near.items():
            found.logits[places[at]], found.stages[places[at]] = one.logits, one.stage
        said = dict(errors)
        _gather(found, plan.flying, places, said)
        for at, twin in plan.twins.items():
            found.logits[places[at]] = found.logits[places[twin]]
            found.stages[places[at]] = found.stages[places[twin]]
            if twin in said:
                said[at] = said[twin]
        known = sum(one is not None for one in kept or ())
        ran = len(plan.missing) - len(plan.near) - len(errors)
        counts = zip(SOURCES, (ran, known, plan.shared, len(plan.near)), strict=True)
        found.sources.update(counts)
        found.errors.update({int(places[at]): text for at, text in said.items()})
        return found

    def _empty(self, rows: Rows) -> Answers:
        return Answers(
            np.zeros((rows.count, len(self.model.classes)), dtype=np.float32),
            np.zeros(rows.count, dtype=np.int64),
            dict.fromkeys(SOURCES, 0),
            dict(rows.errors),
        )


@dataclass(frozen=True, eq=False)
class _Plan:
    """By their places among the usable rows: missing, under way, same as an earlier row, near."""

    missing: list[int]
    flying: dict[int, tuple[Job, int]]
    twins: dict[int, int]
    shared: int
    near: dict[int, Any] = field(default_factory=dict)


def _gather(
    found: Answers, flying: dict[int, tuple[Job, int]], places: np.ndarray, said: dict[int, str]
) -> None:
    """Copy answers from the jobs, all rows of a job at once."""
    by_job: dict[Job, tuple[list[int], list[int]]] = {}
    for at, (job, row) in flying.items():
        ours, theirs = by_job.setdefault(job, ([], []))
        ours.append(at)
        theirs.append(row)
        if row in job.errors:
            said[at] = job.errors[row]
    for job, (ours, theirs) in by_job.items():
        found.logits[places[ours]] = job.logits[theirs]
        found.stages[places[ours]] = job.stages[theirs]


def _forgotten(_job: Job, _rows: Sequence[int], _answered: bool) -> None:
    """Keep nothing of rows that are done."""


async def _watch(left: LeftYet, waiting: Waiting) -> None:
    await left()
    waiting.end("left")


def check_servable(model: ServedModel) -> None:
    """Raise where a model's own description of its preparation cannot be followed."""
    try:
        preparation_of(model.preprocessing, model.input_spec)
    except InputError as error:
        raise InputError(f"{model.path} cannot be served: {error}") from error
