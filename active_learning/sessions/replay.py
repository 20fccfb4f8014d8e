"""Choosing every batch of a session again from its log."""

from __future__ import annotations

from collections.abc import Callable

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
    """Return the numbers of asks whose rows, arms, scores or propensities come out different."""
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
        if _comparable(tuple(rows)) != _comparable(ask.rows):
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


def _comparable(rows: tuple[AskedRow, ...]) -> list[tuple[object, ...]]:
    # NaN differs from itself, its text does not.
    return [(row.position, row.arm, repr(row.score), repr(row.propensity)) for row in rows]
