"""The steps of a search: who may enter, who is trained, what is made of the best."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from torch import nn

from thresher.core.progress import message

from .bench import costs_before_training
from .candidate import Candidate, Costs, Variant, failure
from .finishing import Finisher
from .halving import Trial
from .space import Space
from .target import Target
from .trainings import Trainings


class Search:
    """The steps of one search: what is hopeless, what is trained, what is made of it.

    Parameters
    ----------
    space : Space
    target : Target
    trainings : Trainings
    finisher : Finisher
    prune_method : str
    finalists : int
    """

    def __init__(
        self,
        space: Space,
        target: Target,
        trainings: Trainings,
        finisher: Finisher,
        prune_method: str,
        finalists: int,
    ) -> None:
        self.space, self.target, self.finalists = space, target, finalists
        self.trainings, self.finisher = trainings, finisher
        self.prune_method = prune_method
        self._failed: list[Exception] = []
        self._held: dict[tuple[Trial, float], nn.Module] = {}

    def run(self) -> list[Candidate]:
        """Return every candidate: finished ones first, then the others with the reason."""
        hopeless = [found for one in self.space.networks if (found := self._hopeless(one))]
        out = {candidate.variant.network for candidate in hopeless}
        networks = [one for one in self.space.networks if one.network not in out]
        message(f"{len(networks)} of {len(self.space.networks)} networks can meet the limits")
        if not networks:
            return hopeless
        kept, latest = self.trainings.halve(
            networks, finalists=self.finalists, min_accuracy=self.target.min_accuracy
        )
        finished = [candidate for trial in kept for candidate in self._finish(trial)]
        if self._first_error and not any(found.state == "finished" for found in finished):
            raise self._first_error  # of the data or the machine rather than of a candidate
        return [*finished, *self._others(networks, kept, latest), *hopeless]

    @property
    def _first_error(self) -> Exception | None:
        return next(iter((*self.trainings.failed.values(), *self._failed)), None)

    def _hopeless(self, network: Variant) -> Candidate | None:
        """Return the candidate that shows why the network is not trained, if it cannot fit."""
        if not self.target.limits_costs:
            return None
        for bits in sorted(self.space.bits):
            variant = Variant(network.model, network.width, bits=bits)
            costs = self._costs(variant)
            why = self.target.hopeless(costs, shrunk=self.space.most_pruned)
            if not why:
                return None
        return Candidate(variant, "too costly", f"untrained: {why}", costs=costs)

    def _costs(self, variant: Variant) -> Costs:
        record = self.finisher.record
        known = record.costs(variant.name)
        if known is not None:
            return Costs(**known)
        costs = costs_before_training(
            variant,
            self.trainings.build(variant),
            self.trainings.samples,
            batch_size=self.finisher.batch_size,
            threads=self.finisher.threads,
        )
        record.keep_costs(variant.name, asdict(costs))
        return costs

    def _finish(self, trial: Trial) -> list[Candidate]:
        """Make all variants of one network; when the time is up, only the first."""
        found: list[Candidate] = []
        for variant in self.space.variants(trial.network):
            if found and self.trainings.clock.is_up:
                found.append(Candidate(variant, "not reached", "the time was up", trial.epochs))
            else:
                found.append(self._make(variant, trial))
                _tell(found[-1])
        return found

    def _make(self, variant: Variant, trial: Trial) -> Candidate:
        def network() -> nn.Module:
            key = trial, variant.pruned
            if key not in self._held:
                self._held = {key: self._weights(trial, variant.pruned)}
            return copy.deepcopy(self._held[key])

        try:
            return self.finisher.finish(variant, network, epochs=trial.epochs)
        except Exception as error:
            self._failed.append(error)
            return Candidate(variant, "failed", failure(error), trial.epochs)

    def _weights(self, trial: Trial, share: float) -> nn.Module:
        if not share:
            return self.trainings.trained(trial)
        return self.trainings.pruned(trial, share, method=self.prune_method)

    def _others(
        self,
        networks: Sequence[Variant],
        kept: Sequence[Trial],
        latest: Mapping[Variant, Trial],
    ) -> list[Candidate]:
        """Return the networks that were trained too little or not at all, in float."""
        finished = {trial.network for trial in kept}
        found = []
        for network in networks:
            trial = latest.get(network)
            error = self.trainings.failed.get(network)
            if error is not None:
                found.append(Candidate(network, "failed", failure(error)))
            elif trial is None:
                found.append(Candidate(network, "not reached", "the time was up"))
            elif network not in finished:
                found.append(
                    Candidate(
                        network,
                        "dropped",
                        f"others were better by epoch {trial.epochs}",
                        trial.epochs,
                        accuracy=trial.accuracy,
                        interval=trial.interval,
                    )
                )
        return found


def _tell(found: Candidate) -> None:
    if found.costs is None or found.accuracy is None:
        message(f"{found.variant.name}: {found.note}")
        return
    message(
        f"{found.variant.name}: accuracy {found.accuracy:.3f}, {found.costs.size_bytes:,} bytes, "
        f"{found.costs.p50_ms:.3f} ms"
    )
