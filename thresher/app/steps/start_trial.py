"""The trial of `start`: a small network from pixels beside a head on shipped vectors.

It trains for some seconds at most, and is looked at on the way. It ends where what is left surely
changes nothing: where it is ahead of the head, surely or at two looks in turn, or where doubling
its epochs until the end, each time with what the last doubling has gained, and at least the upper
end of that once, leaves it further behind than `CLEAR`. A network that has yet to learn its own
rows is not judged so: some learn nothing for a while and then all at once.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from training import Hook, Moment, Samples, TrainingRun, fit
from training.evaluation import predict_logits

from ...core.choice import Choice
from ...core.counted import counted
from ...core.fingerprint import row_keys
from ...core.interval import paired_drop
from ...core.progress import message
from ..settings import ModelSettings
from ..stages import RunFolder
from .material import Material
from .train import build, plan_training

ENCODER, PIXELS, BOTH = "encoder", "pixels", "both"
# Fewer have no left-out rows to speak of.
FEWEST = 12
# The lead that no longer and wider training from pixels is trusted to make up (decision 48).
CLEAR = 0.35
SECONDS = 10.0
# Parts of the epochs after which it is looked at, each twice the one before.
LOOKS = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
# Of its own rows beyond those of the most common class: what a network has right that is learning.
LEARNED = 1 / 3
_PART = 3


@dataclass(frozen=True, eq=False)
class Seen:
    """Which left-out rows the network from pixels has right after some epochs, bool (n,).

    `own` is the share of the rows of its last epoch that it had right, 0 for as many as the most
    common class has and 1 for all.
    """

    epochs: int
    right: np.ndarray
    own: float


class Watch(Hook):
    """Ends the training from pixels where it is decided.

    Parameters
    ----------
    rows : Samples
        Left out, with targets.
    encoder : ndarray of bool, shape (n,)
        Which of them the head on shipped vectors has right.
    epochs : int
        Of the whole trial.
    common : float
        Share of the most common class among the rows that are learned, below 1.
    device : str
    """

    def __init__(
        self, rows: Samples, encoder: np.ndarray, *, epochs: int, common: float, device: str
    ) -> None:
        assert rows.targets is not None
        self.rows, self.codes, self.device = rows, rows.targets.numpy(), device
        self.encoder, self.epochs, self.common = encoder, epochs, common
        self.looks = {max(1, round(part * epochs)) for part in LOOKS} | {epochs}
        self.seen: list[Seen] = []

    def on_epoch_end(self, moment: Moment) -> None:
        """Look at the left-out rows where it is time to."""
        if moment.epoch + 1 in self.looks:
            assert moment.judged is not None
            logits = predict_logits(moment.judged, self.rows, device=self.device)
            own = (moment.history[-1]["accuracy"] - self.common) / (1 - self.common)
            self.seen.append(Seen(moment.epoch + 1, logits.argmax(1) == self.codes, own))
            moment.stop = bool(settled(self.encoder, self.seen, epochs=self.epochs))

    def state(self) -> dict[str, Any]:
        """Return what was seen."""
        return {"seen": [[one.epochs, one.right.tolist(), one.own] for one in self.seen]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what was seen before a stop."""
        self.seen = [
            Seen(epochs, np.array(right, bool), own) for epochs, right, own in state["seen"]
        ]


@dataclass(frozen=True, eq=False)
class Trial:
    """What was compared, and what follows.

    Attributes
    ----------
    choice : Choice
    run : TrainingRun or None
        Of the network from pixels; None where the rows are too few for it.
    shares : dict of str to float
        Of the left-out rows, `rows` of them, that head and network have right, and the epochs that
        were trained, `of` so many.
    """

    choice: Choice
    run: TrainingRun | None = None
    shares: dict[str, float] = field(default_factory=dict)


def try_pixels(
    run: RunFolder, material: Material, drawn: np.ndarray, right: np.ndarray, folder: Path
) -> Trial:
    """Train a small network from pixels for a short while and compare it on left-out rows.

    Parameters
    ----------
    drawn : ndarray of int64, shape (n,)
        Positions of rows with a label.
    right : ndarray of bool, shape (n,)
        Which of them the head on shipped vectors has right, not having seen them.
    folder : Path
        For checkpoints; removed at the end.
    """
    keys = row_keys(material.parts.row_ids[drawn])
    held = np.sort(np.argsort(keys, kind="stable")[: max(1, len(drawn) // _PART)])
    others = np.setdiff1d(material.train_at, drawn[held])
    if len(drawn) < FEWEST or len(np.unique(material.parts.codes[others])) < 2:
        return Trial(
            Choice(BOTH, f"{counted(len(drawn), 'row')} with a label cannot tell beforehand")
        )
    message(
        f"start: a small network from pixels learns from {counted(len(others), 'row')}, to compare"
    )
    asked = ModelSettings(seconds=SECONDS)
    plan = plan_training(run, material, asked, "student", rows=len(others))
    epochs, device = plan.options["epochs"], run.device.value
    common = float(np.bincount(material.parts.codes[others]).max()) / len(others)
    watch = Watch(
        material.parts.of(drawn[held]), right[held], epochs=epochs, common=common, device=device
    )
    trained = fit(
        build(plan, material, seed=run.settings.seed),
        material.parts.of(others),
        hooks=(watch,),
        checkpoint_dir=folder,
        device=device,
        precision=run.settings.precision,
        random_state=run.settings.seed,
        **plan.fit_options(),
    )
    shutil.rmtree(folder, ignore_errors=True)
    return Trial(
        judge_trial(right[held], watch.seen, epochs=epochs),
        trained,
        {
            "encoder": float(right[held].mean()),
            "pixels": float(watch.seen[-1].right.mean()),
            "rows": len(held),
            "epochs": watch.seen[-1].epochs,
            "of": epochs,
        },
    )


def judge_trial(encoder: np.ndarray, seen: Sequence[Seen], *, epochs: int) -> Choice:
    """Choose by which left-out rows the head, bool (n,), and the network last had right."""
    last = seen[-1]
    ahead, low, high = paired_drop(encoder, last.right)
    ended = settled(encoder, seen, epochs=epochs)
    no_longer = f"; no longer, since {ended}" if ended else ""
    said = (
        f"a linear head on its vectors classifies {100 * encoder.mean():.1f} % of "
        f"{counted(len(encoder), 'left-out row')} right, a small network from pixels after "
        f"{last.epochs} of "
        f"at most {counted(epochs, 'epoch')}{no_longer}, {100 * last.right.mean():.1f} %: "
        f"{100 * ahead:+.1f} "
        f"points ({100 * low:+.1f} to {100 * high:+.1f})"
    )
    if ahead > CLEAR and low > 0:
        return Choice(ENCODER, f"{said}, more than a longer training is trusted to make up")
    if ahead <= 0 and high < CLEAR:
        return Choice(PIXELS, said)
    few = low <= 0 if ahead > CLEAR else ahead <= 0
    why = "too few rows to tell by" if few else "which a longer training may make up"
    return Choice(BOTH, f"{said}, {why}")


def settled(encoder: np.ndarray, seen: Sequence[Seen], *, epochs: int) -> str:
    """Say why longer training from pixels surely changes nothing; empty where it may.

    Parameters
    ----------
    encoder : ndarray of bool, shape (n,)
        Which left-out rows the head on shipped vectors has right.
    seen : sequence of Seen
        Each after about twice the epochs of the one before; a gain of fewer counts for more.
    epochs : int
        Of the whole trial.
    """
    now, before = seen[-1], seen[-2] if len(seen) > 1 else None
    if now.epochs >= epochs:
        return ""
    ahead, _, most = paired_drop(encoder, now.right)
    if most < 0:
        return "it is surely ahead"
    if before is None:
        return ""
    if ahead <= 0 and most < CLEAR and before.right.mean() >= encoder.mean():
        return "it was not behind the last two times"
    doublings = min(1.0, math.log2(now.epochs / before.epochs))
    gain, _, high = (each / doublings for each in paired_drop(now.right, before.right))
    left = math.log2(epochs / now.epochs)
    if now.own < LEARNED or ahead - max(high, left * gain) <= CLEAR:
        return ""
    return (
        f"the last doubling of them gained {100 * gain:+.1f} points ({100 * high:+.1f} at most) "
        f"and {left:.1f} are left"
    )
