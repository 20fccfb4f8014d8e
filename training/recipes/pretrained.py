"""How long and at which rate a pretrained model is trained, by mode.

Fine-tuning as Devlin et al., "BERT", 2019, recommend (rates of 2e-5 to 5e-5, a few epochs of
batches of 32), adapters as Hu et al., "LoRA", 2021 (rates about ten times higher). The frozen mode
trains a linear model on standardized vectors, which costs next to nothing. None of it was tuned
here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from thresher.core.choice import Choice
from thresher.core.counted import counted
from thresher.core.errors import check_choice, check_count

from ..loop.options import TrainingOptions
from ..pretrained import MODES


@dataclass(frozen=True)
class _Plan:
    lr: float
    weight_decay: float
    epochs: int
    batch_size: int
    why: str


_PLANS = {
    "frozen": _Plan(3e-3, 0.01, 50, 64, "a linear head on vectors that are known is cheap"),
    "fine_tune": _Plan(5e-5, 0.01, 4, 32, "all weights move little, as its authors recommend"),
    "lora": _Plan(5e-4, 0.01, 6, 32, "adapters take rates ten times those of fine-tuning"),
}
# Few rows come more often.
_LEAST_STEPS, _MOST_EPOCHS = 300, 100


def pretrained_recipe(
    mode: str,
    *,
    n_rows: int,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
) -> tuple[TrainingOptions, dict[str, Choice]]:
    """Choose the options of `fit` for a pretrained model, and say why.

    Parameters
    ----------
    mode : str
        As in `pretrained_model`.
    n_rows : int
        Training rows.
    epochs, batch_size, lr : optional
        Kept as asked for.
    """
    plan = _PLANS[check_choice("mode", mode, MODES)]
    check_count("n_rows", n_rows, low=1)
    rows = check_count("batch_size", plan.batch_size if batch_size is None else batch_size, low=1)
    steps = math.ceil(n_rows / rows)
    passes = min(_MOST_EPOCHS, max(plan.epochs, math.ceil(_LEAST_STEPS / steps)))
    choices = {
        "mode": Choice(mode, plan.why),
        "epochs": Choice(str(passes), f"{counted(steps, 'step')} an epoch")
        if epochs is None
        else Choice(str(epochs), "asked for"),
    }
    options = TrainingOptions(
        epochs=passes if epochs is None else check_count("epochs", epochs, low=1),
        batch_size=rows,
        optimizer="adamw",
        lr=plan.lr if lr is None else lr,
        weight_decay=plan.weight_decay,
        label_smoothing=0.0,
        ema=None,
    )
    return options, choices
