"""The trainings of a search: rounds of halving, within the time there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from thresher.core.counted import counted
from thresher.core.errors import told
from thresher.core.fingerprint import fingerprint
from thresher.core.progress import about, message

from ..evaluation import evaluate
from ..exporting.description import count_parameters
from ..loop.fit import fit
from ..loop.options import RunOptions
from ..loop.run import TrainingRun
from ..models import CompactModel, compact_model
from ..pruning import prune
from ..recipes import Recipe, recipe
from ..rows.samples import Samples
from ..torch_runtime.flops import count_flops
from .candidate import Variant
from .clock import Clock
from .halving import Trial, rounds, share_of_epochs, survivors
from .record import SearchRecord

_AGAIN = 1 / 3


@dataclass(eq=False)
class Trainings:
    """Trains networks for a search; each length of each network once.

    Attributes
    ----------
    samples, validation : Samples
    num_classes : int
    record : SearchRecord
    clock : Clock
    epochs : int or None
        Of the last round; by default what `recipe` says for each network.
    options : RunOptions
        Handed on to `fit`.
    seed : int
    failed : dict of Variant to Exception
        Networks that an error stopped; the others go on.
    expected_s, taken_s : float
        Time of the trainings so far, as recipes expected it and as it was.
    """

    samples: Samples
    validation: Samples
    num_classes: int
    record: SearchRecord
    clock: Clock
    epochs: int | None
    options: RunOptions
    seed: int
    expected_s: float = 0.0
    taken_s: float = 0.0
    failed: dict[Variant, Exception] = field(default_factory=dict)

    def build(self, network: Variant) -> CompactModel:
        """Return the untrained network."""
        return compact_model(
            network.model,
            num_classes=self.num_classes,
            input_shape=self.samples.input_shape,
            width=network.width,
            random_state=self.seed,
        )

    def halve(
        self, networks: Sequence[Variant], *, finalists: int, min_accuracy: float | None
    ) -> tuple[list[Trial], dict[Variant, Trial]]:
        """Train in rounds; return the finalists, and the last trial of every network reached.

        When the time is up, networks are judged by what they last were trained to.
        """
        sizes = rounds(len(networks), finalists)
        latest: dict[Variant, Trial] = {}
        left, kept = list(networks), list[Trial]()
        for number in range(len(sizes)):
            entered, waiting = self._round(left, number, sizes, latest)
            reached = [latest[network] for network in entered if network in latest]
            ranked = survivors(reached, len(reached), min_accuracy=min_accuracy)
            left = [*(trial.network for trial in ranked), *waiting]
            kept = ranked[:finalists]
        return kept, latest

    def _round(
        self,
        networks: Sequence[Variant],
        number: int,
        sizes: Sequence[int],
        latest: dict[Variant, Trial],
    ) -> tuple[list[Variant], list[Variant]]:
        """Train as many networks as this round has places, the best of the last round first.

        One that fails gives its place to the next. Returns those that had a place and did not
        fail, and those that wait.
        """
        entered: list[Variant] = []
        places, waiting = list(networks[: sizes[number]]), list(networks[sizes[number] :])
        while places:
            for network, epochs in self._lengths(places, number, sizes).items():
                if latest and self.clock.is_up:
                    break
                try:
                    latest[network] = self._try(network, epochs)
                except Exception as error:
                    self.failed[network] = error
                    message(f"{network.network}: failed, {told(error)}")
            held = [network for network in places if network not in self.failed]
            entered, lost = entered + held, len(places) - len(held)
            places, waiting = waiting[:lost], waiting[lost:]
        return entered, waiting

    def trained(self, trial: Trial) -> nn.Module:
        """Return the network of a trial, with its weights."""
        return self._train(trial.network, trial.epochs).model

    def pruned(self, trial: Trial, share: float, *, method: str) -> nn.Module:
        """Take away a share of a trained network and train the rest for a third as long."""
        thinner = prune(self.trained(trial), amount=share, method=method).model
        epochs = max(1, round(trial.epochs * _AGAIN))
        # Its checkpoint stays: the architecture cannot be built again from a spec.
        folder = self.record.checkpoint(f"{trial.network.network}-pruned{100 * share:.0f}")
        plan = self._recipe(trial.network, epochs)
        with about(f"{trial.network.network}, {100 * share:.0f} % pruned"):
            return self._run(thinner, plan, folder / str(trial.epochs)).model

    def _lengths(
        self, networks: Sequence[Variant], number: int, sizes: Sequence[int]
    ) -> dict[Variant, int]:
        """Return epochs by network; with a budget those of an earlier call, if there was one."""
        share = share_of_epochs(number, len(sizes))
        scale = self.clock.scale(self._planned(networks, number, sizes))
        fitting = [
            max(1, round(share * scale * self._recipe(network, self.epochs).options["epochs"]))
            for network in networks
        ]
        names = [network.network for network in networks]
        key = fingerprint(number, self.clock.budget_s, names)
        return dict(zip(networks, self.record.lengths(key, fitting), strict=True))

    def _planned(self, networks: Sequence[Variant], number: int, sizes: Sequence[int]) -> float:
        """Return the expected seconds of this round and those after it."""
        pace = self.taken_s / self.expected_s if self.expected_s else 1.0
        seconds = [self._recipe(network, self.epochs).seconds for network in networks]
        mean = sum(seconds) / len(seconds)
        return pace * sum(
            share_of_epochs(later, len(sizes)) * mean * sizes[later]
            for later in range(number, len(sizes))
        )

    def _try(self, network: Variant, epochs: int) -> Trial:
        run = self._train(network, epochs)
        judged = evaluate(run.model, self.validation, device=self.options["device"])
        message(f"{network.network}: {counted(epochs, 'epoch')}, accuracy {judged.accuracy:.3f}")
        return Trial(
            network,
            epochs,
            judged.accuracy,
            judged.interval,
            flops=count_flops(run.model, self.samples.inputs[:2]),
            parameters=count_parameters(run.model),
        )

    def _train(self, network: Variant, epochs: int) -> TrainingRun:
        name = f"{network.network}-{epochs}"
        known = self.record.trained(name)
        if known is not None:
            return known
        plan = self._recipe(network, epochs)
        with about(network.network):
            run = self._run(self.build(network), plan, self.record.checkpoint(name))
        self.record.keep_trained(name, run)
        self.expected_s += plan.seconds
        self.taken_s += run.seconds
        return run

    def _run(self, model: nn.Module, plan: Recipe, folder: Path) -> TrainingRun:
        return fit(
            model,
            self.samples,
            **plan.fit_options(),
            **self.options,
            checkpoint_dir=folder,
            random_state=self.seed,
        )

    def _recipe(self, network: Variant, epochs: int | None) -> Recipe:
        return recipe(
            self.samples.modality,
            n_rows=len(self.samples),
            input_shape=self.samples.input_shape,
            num_classes=self.num_classes,
            model=network.model,
            width=network.width,
            epochs=epochs,
            device=self.options["device"],
        )
