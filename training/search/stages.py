"""The steps of a search: who may enter, who is trained, what is made of the best."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from torch import nn

from thresher.core.counted import counted
from thresher.core.errors import told
from thresher.core.progress import message

from .bench import costs_before_training
from .candidate import Candidate, Costs, Variant
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
        # The last network made, or the error that its making ended with.
        self._held: dict[tuple[Trial, float], nn.Module | Exception] = {}

    def run(self) -> list[Candidate]:
        """Return every candidate: finished ones first, then the others with the reason."""
        hopeless = [found for one in self.space.networks if (found := self._refused(one))]
        out = {candidate.variant.network for candidate in hopeless}
        networks = [one for one in self.space.networks if one.network not in out]
        message(
            f"{len(networks)} of {counted(len(self.space.networks), 'network')} can meet the limits"
        )
        if not networks:
            self._raise_if_all_failed(hopeless)
            return hopeless
        kept, latest = self.trainings.halve(
            networks, finalists=self.finalists, min_accuracy=self.target.min_accuracy
        )
        finished = [candidate for trial in kept for candidate in self._finish(trial)]
        self._raise_if_all_failed(finished)
        return [*finished, *self._others(networks, kept, latest), *hopeless]

    def _raise_if_all_failed(self, found: Sequence[Candidate]) -> None:
        """Raise the first error if nothing came of any candidate.

        It is of the data or the machine rather than of a candidate.
        """
        first = next(iter((*self.trainings.failed.values(), *self._failed)), None)
        if first and not any(one.state in ("finished", "too costly") for one in found):
            raise first

    def _refused(self, network: Variant) -> Candidate | None:
        """Return why the network is not trained: it is too costly, or no file can be made of it."""
        try:
            return self._hopeless(network)
        except Exception as error:
            self._failed.append(error)
            message(f"{network.network}: failed, {told(error)}")
            return Candidate(network, "failed", told(error))

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
            held = self._held[key]
            if isinstance(held, Exception):
                raise held
            return copy.deepcopy(held)

        try:
            return self.finisher.finish(variant, network, epochs=trial.epochs)
        except Exception as error:
            self._failed.append(error)
            return Candidate(variant, "failed", told(error), trial.epochs)

    def _weights(self, trial: Trial, share: float) -> nn.Module | Exception:
        """Return the network; an error is kept for all its bits: training again would end alike."""
        if not share:
            return self.trainings.trained(trial)
        try:
            return self.trainings.pruned(trial, share, method=self.prune_method)
        except Exception as error:
            return error

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
                found.append(Candidate(network, "failed", told(error)))
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
        f"{found.variant.name}: accuracy {found.accuracy:.3f}, "
        f"{counted(found.costs.size_bytes, 'byte')}, {found.costs.p50_ms:.3f} ms"
    )
