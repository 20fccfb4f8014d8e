"""The choice of one batch in a session: a pure function of the log, so that it can be replayed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from thresher.core.counted import counted
from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError
from thresher.core.ties import lowest_first

from ..learners.learner import Learner
from ..pool.context import Context, make_context
from ..pool.grid_rows import GridRows
from ..pool.selection import Picks
from ..rounds import choose, with_model
from ..strategies.strategy import Strategy, draw_without_replacement
from ..tasks import Task
from .fitted_models import Models
from .second_opinions import second_opinion_scores
from .state import State
from .store import AskedRow


@dataclass(frozen=True)
class Policy:
    """What stays the same during a session: pool, strategy, learner, seed, task."""

    embeddings: Embeddings
    strategy: Strategy
    learner: Learner
    costs: np.ndarray | None
    weights: np.ndarray | None
    seed: int
    task: Task

    @cached_property
    def grid(self) -> GridRows:
        """The embeddings as strategies take them, kept from batch to batch."""
        return GridRows(self.embeddings.vectors)


@dataclass(frozen=True)
class Request:
    """What an annotator asked for.

    `audit` is the share of the audit arm, `time` in seconds; `uncertainty`, shape (n_pool,), is the
    caller's own, used in place of the model's.
    """

    annotator: str
    n: int
    mode: str
    audit: float
    time: float
    uncertainty: np.ndarray | None = None


def choose_batch(
    policy: Policy, state: State, models: Models | None, request: Request
) -> list[AskedRow]:
    """Choose the rows of a batch; claimed rows come in addition to the `n` that are served.

    Raises
    ------
    InputError
        When fewer rows than asked are available to the annotator.
    """
    rng = np.random.default_rng((policy.seed, 5, state.asks_seen))
    batch = _Batch(policy, state, models, request, rng)
    if request.mode == "relabel":
        return batch.second_opinions(request.n)
    if request.mode == "new":
        return batch.new_rows(request.n)
    return batch.mixed(request.n)


def available_rows(state: State, request: Request) -> int:
    """Return how many rows a request could be given."""
    count = 0
    if request.mode != "relabel":
        count += int(state.available(request.annotator, time=request.time).sum())
    if request.mode != "new":
        again = state.available_for_relabel(request.annotator, time=request.time)
        count += int(again.sum())
    return count


class _Batch:
    def __init__(
        self,
        policy: Policy,
        state: State,
        models: Models | None,
        request: Request,
        rng: np.random.Generator,
    ) -> None:
        self.policy, self.state, self.models = policy, state, models
        self.request, self.rng = request, rng
        best = models.best if models else None
        self.outputs = None if best is None else best.outputs
        self.open = state.available(request.annotator, time=request.time)

    def new_rows(self, n: int) -> list[AskedRow]:
        """Serve rows without a label: the audit arm draws first, the strategy fills the rest."""
        _check_number(int(self.open.sum()), n)
        slots = self.rng.random(n) < self.request.audit
        audited = self._audit(int(slots.sum()))
        chosen, claimed = self._strategy(n - len(audited))
        served: list[AskedRow] = []
        first, second = iter(audited), iter(chosen)
        for is_audit in slots:
            served.append(next(first) if is_audit else next(second))
        return served + claimed

    def _audit(self, n: int) -> list[AskedRow]:
        if not n:
            return []
        rows = np.flatnonzero(self.open)
        places, chances = draw_without_replacement(np.ones(len(rows)), n=n, rng=self.rng)
        picks = Picks.of(
            rows[places], scores=chances, reason="drawn to audit the model", propensities=chances
        )
        self.open[picks.positions] = False
        return [
            self._row(picks, place, arm="audit", available=len(rows) - place) for place in range(n)
        ]

    def _strategy(self, n: int) -> tuple[list[AskedRow], list[AskedRow]]:
        """Let the strategy choose as if the audit arm had drawn nothing.

        Rows it chooses that the audit arm drew before are claimed: they cost no new label.
        """
        context = self._context()
        served: list[AskedRow] = []
        claimed: list[AskedRow] = []
        while len(served) < n:
            size = min(n - len(served), len(context.available))
            picks = choose(self.policy.strategy, context, n=size)
            for place, position in enumerate(picks.positions):
                fresh = self.open[position]
                arm = "strategy" if fresh else "claimed"
                row = self._row(picks, place, arm=arm, available=len(context.available))
                (served if fresh else claimed).append(row)
            context = context.with_pending(picks.positions)
        return served, claimed

    def _context(self) -> Context:
        state, request = self.state, self.request
        leased = state.leased(request.time)
        strategic = state.strategic
        # Rows of the audit arm look untouched to the strategy.
        hidden = ~strategic & (state.labeled | leased)
        skipped = state.answered_by(request.annotator) & ~state.labeled
        context = make_context(
            embeddings=self.policy.embeddings,
            labeled=state.labeled & ~hidden,
            exclude=leased & ~hidden,
            candidates=state.candidates & ~skipped,
            costs=self.policy.costs,
            weights=self.policy.weights,
            uncertainty=request.uncertainty,
            kind=self.policy.task.kind,
            random_state=self.rng,
        )
        return with_model(
            replace(context, grid=self.policy.grid),
            self.models.selecting if self.models else None,
            learner=self.policy.learner,
            strategy=self.policy.strategy,
            seed=self.policy.seed,
            task=self.policy.task,
        )

    def second_opinions(self, n: int) -> list[AskedRow]:
        """Serve labeled rows whose label is most in doubt (see `opinions`)."""
        rows = np.flatnonzero(
            self.state.available_for_relabel(self.request.annotator, time=self.request.time)
        )
        _check_number(len(rows), n)
        scores = second_opinion_scores(self.state, self.models, rows=rows)
        order = lowest_first(scores, n=n)
        picks = Picks.of(rows[order], scores=1.0 - scores[order], reason="label in doubt")
        return [self._row(picks, k, arm="relabel", available=len(rows)) for k in range(n)]

    def mixed(self, n: int) -> list[AskedRow]:
        """Split the batch between new rows and second opinions by ActiveLab's score."""
        labeled = np.flatnonzero(
            self.state.available_for_relabel(self.request.annotator, time=self.request.time)
        )
        fresh = np.flatnonzero(self.open)
        _check_number(len(labeled) + len(fresh), n)
        scores = second_opinion_scores(
            self.state, self.models, rows=np.concatenate([labeled, fresh])
        )
        lowest = lowest_first(scores, n=n)
        again = int((lowest < len(labeled)).sum())
        rows = self.second_opinions(again) if again else []
        return rows + (self.new_rows(n - again) if again < n else [])

    def _row(self, picks: Picks, place: int, *, arm: str, available: int) -> AskedRow:
        position = int(picks.positions[place])
        suggestion = confidence = None
        # A second opinion about a row that measures the model is one about the row as well.
        blind = arm == "relabel" and position in self.state.drawn
        if self.outputs is not None and not blind:
            suggestion, confidence = self.policy.task.suggest(self.outputs[position])
        return AskedRow(
            position,
            arm,
            float(picks.scores[place]),
            float(picks.propensities[place]),
            available,
            suggestion,
            confidence,
            picks.reasons[place],
        )


def _check_number(available: int, asked: int) -> None:
    if asked > available:
        raise InputError(
            f"{counted(available, 'row')} available, {asked} asked: the others are labeled, "
            "skipped, with another annotator or not candidates. Ask for fewer."
        )
