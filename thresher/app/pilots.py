"""Pilot runs: short trainings of the compact student that decide between augmentation policies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from augment import Augmenter, Policy
from training import Samples, evaluate, fit
from training.recipes import recipe

from ..core.counted import counted, percent
from ..core.errors import InputError
from ..core.fingerprint import fingerprint
from ..core.progress import Silent, message, reporting

# Of the seconds that a choice may take, what pilots aim at: screening takes some, and the first
# round is always finished.
SHARE = 0.6


class PilotRuns:
    """What `choose_policy` takes for `fit`; finished runs stay in a file, so that it can go on.

    Parameters
    ----------
    samples
        Labeled training images; runs are asked for positions in them.
    num_classes
    seconds
        Wall time that one run aims at; the epochs follow from it, though not fewer
        than anything is learned in.
    device
        As in `training.fit`.
    file
        JSON lines, one a finished run. A line that a crash cut off counts as missing.
    """

    def __init__(
        self,
        samples: Samples,
        *,
        num_classes: int,
        seconds: float,
        device: str = "auto",
        file: Path | None = None,
    ) -> None:
        self.samples, self.num_classes, self.device, self.file = samples, num_classes, device, file
        self.plan = recipe(
            "image",
            n_rows=max(1, len(samples)),
            input_shape=samples.input_shape,
            num_classes=num_classes,
            seconds=seconds,
            device=device,
        )
        targets = samples.targets
        if targets is None:
            raise InputError("Pilot runs need labels. Choose a policy without them.")
        self._content = fingerprint(samples.inputs.numpy(), targets.numpy(), self.plan.options)
        self._finished = _read(file)

    def __call__(
        self, policy: Policy, rows: np.ndarray, held_out: np.ndarray, seed: int
    ) -> tuple[float, float]:
        """Train on `rows` under a policy; return the shares right of `held_out` and of `rows`."""
        key = fingerprint(self._content, policy.fingerprint, rows, held_out, seed)
        if key not in self._finished:
            with reporting(Silent()):
                right = self._run(policy, rows, held_out, seed)
            self._finished[key] = right
            self._write(key)
            message(
                f"pilot of {policy.name}: {percent(right[0], digits=1)} of "
                f"{counted(len(held_out), 'row')} right"
            )
        return self._finished[key]

    def _run(
        self, policy: Policy, rows: np.ndarray, held_out: np.ndarray, seed: int
    ) -> tuple[float, float]:
        shape = self.samples.input_shape
        trained = fit(
            self.plan.build(num_classes=self.num_classes, input_shape=shape, random_state=seed),
            self.samples.take(rows),
            augment=Augmenter(policy, random_state=seed).for_training() if policy.steps else None,
            device=self.device,
            random_state=seed,
            **self.plan.fit_options(),
        )
        right, own = (
            evaluate(trained.model, self.samples.take(part)).accuracy for part in (held_out, rows)
        )
        return right, own

    def _write(self, key: str) -> None:
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a", encoding="utf-8") as file:
                # A line of its own, whatever a crash left of the one before.
                file.write("\n" + json.dumps({"run": key, "right": self._finished[key]}))


def seconds_of_one(budget_s: float, *, rounds: int, candidates: int) -> float:
    """Return the seconds of one pilot run, of all that a choice may need."""
    return SHARE * budget_s / (rounds * (candidates + 1))


def _read(file: Path | None) -> dict[str, tuple[float, float]]:
    finished: dict[str, tuple[float, float]] = {}
    if file is None or not file.exists():
        return finished
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
            right, own = record["right"]
            finished[str(record["run"])] = (float(right), float(own))
        except (ValueError, TypeError, KeyError):
            continue
    return finished
