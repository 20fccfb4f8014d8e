"""Choosing every batch of a session again from its log."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from thresher.core.errors import InputError

from .batch_choice import Policy, Request, choose_batch
from .fitted_models import Models, Snapshot
from .state import State
from .store import Ask, AskedRow, Store


def replay(
    policy: Policy,
    store: Store,
    new_state: Callable[[], State],
    *,
    fit: Callable[[Snapshot], Models],
) -> list[int]:
    """Return the numbers of asks whose rows, arms, scores or propensities come out different.

    Scores and propensities may differ by a hundred-thousandth: sums of floats end in other last
    bits on another processor, with another BLAS, or in memory that is aligned otherwise.
    """
    asks, state = store.asks_since(0), new_state()
    models: Models | None = None
    different = []
    for ask in asks:
        state.apply(
            store.answers_since(state.answers_seen, until=ask.answers_seen),
            [],
            store.changes_since(state.changes_seen, until=ask.changes_seen),
        )
        models = _models_at(ask, store, new_state, fit=fit, known=models)
        own = store.uncertainty(ask.uncertainty) if ask.uncertainty else None
        request = Request(ask.annotator, ask.n, ask.mode, ask.audit, ask.time, own)
        try:
            rows = choose_batch(policy, state, models, request)
        except InputError:
            rows = []
        if not _agree(rows, ask.rows):
            different.append(ask.id)
        state.apply_ask(ask)
    return different


def _models_at(
    ask: Ask,
    store: Store,
    new_state: Callable[[], State],
    *,
    fit: Callable[[Snapshot], Models],
    known: Models | None,
) -> Models | None:
    if ask.model_answers == 0:
        return None
    moment = ask.model_answers, ask.model_asks
    if known and (known.snapshot.answers_seen, known.snapshot.asks_seen) == moment:
        return known
    state = new_state()
    for earlier in store.asks_since(0):
        if earlier.id <= ask.model_asks:
            state.apply_ask(earlier)
    state.apply_answers(store.answers_since(0, until=ask.model_answers))
    return fit(Snapshot.of(state))


def _agree(rows: Sequence[AskedRow], logged: Sequence[AskedRow]) -> bool:
    places = [[(row.position, row.arm) for row in part] for part in (rows, logged)]
    if places[0] != places[1]:
        return False
    found, known = (
        np.array([(row.score, row.propensity) for row in part], np.float64)
        for part in (rows, logged)
    )
    return np.allclose(found, known, rtol=1e-5, atol=1e-8, equal_nan=True)
