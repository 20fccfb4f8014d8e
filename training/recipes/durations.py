"""How long to train: short schedules first, longer ones as long as held-out rows allow.

A 16th, an 8th and a quarter of the epochs are tried before all of them, each as a schedule of its
own from the same untrained network. Each model is held against the one before it on held-out rows,
by the probability of the true class at each model's best temperature: accuracy on some hundred rows
is too noisy. Nothing longer is tried where the 95 % interval of that paired gain lies below a
point, and the full length at once where it lies above one. Of what was tried the longest is taken
that is not surely worse than the best. Networks that learn wrong labels by heart lose here early;
wrong labels among the held-out rows take as much from every length.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from thresher.core.choice import Choice
from thresher.core.counted import counted
from thresher.core.interval import Z, paired_drop

from ..loop.run import TrainingRun
from .sizes import Told

# Of the true class's probability: less is not worth a longer training.
POINT = 0.01
# Fewer held-out rows cannot tell two lengths apart.
FEWEST_HELD_OUT = 50
# Fewer passes teach little by heart, and trying costs a larger part of them.
FEWEST_EPOCHS = 8
_PARTS = (16, 8, 4, 1)


@dataclass(frozen=True, eq=False)
class Tried:
    """A length beside the one tried before it, on the same held-out rows.

    Attributes
    ----------
    epochs : int
    run : TrainingRun
    told : Told
    gain, low, high : float
        Probability of the true class won since the length before, with its 95 % interval; of the
        first nan.
    right : float
        Accuracy won.
    """

    epochs: int
    run: TrainingRun
    told: Told
    gain: float = math.nan
    low: float = math.nan
    high: float = math.nan
    right: float = math.nan

    @property
    def text(self) -> str:
        """The length and what it gained, in words."""
        if math.isnan(self.gain):
            return f"{self.epochs}"
        gain, low, high, right = (
            round(100 * value, 1) + 0.0 for value in (self.gain, self.low, self.high, self.right)
        )
        return f"{self.epochs} {gain:+.1f} ({low:+.1f} to {high:+.1f}; accuracy {right:+.1f})"

    def to_json(self) -> dict[str, float | int | None]:
        """Return plain JSON types."""
        values = {name: getattr(self, name) for name in ("gain", "low", "high", "right")}
        found = {name: None if math.isnan(value) else value for name, value in values.items()}
        return {"epochs": self.epochs, "probability": float(self.told.probability.mean()), **found}


def lengths_of(epochs: int) -> list[int]:
    """Return the lengths to try, the full one last.

    Examples
    --------
    >>> from training.recipes.durations import lengths_of
    >>> lengths_of(20), lengths_of(4)
    ([1, 2, 5, 20], [4])
    """
    if epochs < FEWEST_EPOCHS:
        return [epochs]
    return sorted({max(1, round(epochs / part)) for part in _PARTS})


def try_lengths(
    model: nn.Module,
    lengths: Sequence[int],
    learn: Callable[[nn.Module, int, Path], TrainingRun],
    tell: Callable[[nn.Module], Told],
    *,
    folder: Path,
) -> list[Tried]:
    """Train for ever longer until that surely gains less than a point; return what was tried.

    Parameters
    ----------
    model : nn.Module
        Untrained; stays so.
    lengths : sequence of int
        Epochs, the full length last.
    learn : callable
        Trains a model in place for so many epochs; the folder is for its checkpoints.
    tell : callable
        What a model says of the held-out rows.
    folder : Path
        Finished trainings are kept here, so that a stopped run goes on with the same bits.
    """
    tried: list[Tried] = []
    epochs: int | None = lengths[0]
    while epochs is not None:
        place = folder / f"epochs-{epochs}"
        if not (place / "model").is_dir():  # else from before a stop
            learn(copy.deepcopy(model), epochs, place / "checkpoints").save(place / "model")
        run = TrainingRun.load(place / "model", model=copy.deepcopy(model))
        tried.append(compared(epochs, run, tell(run.model), before=tried))
        epochs = following(lengths, tried[-1])
    return tried


def compared(epochs: int, run: TrainingRun, told: Told, *, before: Sequence[Tried] = ()) -> Tried:
    """Hold a length against the one tried before it, row by row."""
    if not before:
        return Tried(epochs, run, told)
    last = before[-1].told
    gain, error = _gain(last, told)
    right = -paired_drop(last.right, told.right)[0]
    return Tried(epochs, run, told, gain, gain - error, gain + error, right)


def following(lengths: Sequence[int], last: Tried) -> int | None:
    """Return the next length to try, None where the last one was enough."""
    longer = [epochs for epochs in lengths if epochs > last.epochs]
    if not longer or last.high < POINT:
        return None
    return longer[-1] if last.low > POINT else longer[0]


def taken(tried: Sequence[Tried]) -> Tried:
    """Return the longest that is not surely worse than the most probable one."""
    best = max(tried, key=lambda one: one.told.probability.mean())
    for one in reversed(tried):
        gain, error = _gain(best.told, one.told)
        if one is best or gain + error >= 0:
            return one
    return best


def joined(tried: Sequence[Tried], *, most: int) -> TrainingRun:
    """Return the run that is taken, at the cost of all that were tried.

    Parameters
    ----------
    tried : sequence of Tried
    most : int
        Epochs of the full length.
    """
    chosen = taken(tried)
    longest = tried[-1].epochs
    enough = f"; longer than {longest} surely gains less than a point" if longest < most else ""
    why = (
        f"of at most {most}; points of the true class's probability gained on "
        f"{counted(len(chosen.told.right), 'validation row')}, each over the length before it: "
        f"{', '.join(one.text for one in tried)}{enough}; the longest that is not surely worse "
        "than the best is taken"
    )
    return replace(
        chosen.run,
        flops=sum(one.run.flops for one in tried),
        rows_seen=sum(one.run.rows_seen for one in tried),
        seconds=sum(one.run.seconds for one in tried),
        choices={**chosen.run.choices, "epochs": Choice(str(chosen.epochs), why)},
    )


def _gain(before: Told, after: Told) -> tuple[float, float]:
    """Return the mean gain of probability, and half the width of its 95 % interval."""
    gains = after.probability - before.probability
    return float(gains.mean()), Z * float(gains.std()) / math.sqrt(len(gains))
