"""Recipes: which model, and how long and how to train it, for the data and time at hand.

A time is counted on a fixed reference, two cores of a server CPU (or one GPU), whatever the machine
at hand has, so that the same data gives the same network and as many epochs everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypedDict

import torch

from thresher.core.choice import Choice, choose_device
from thresher.core.counted import counted
from thresher.core.errors import InputError, check_choice, check_count, check_number
from thresher.core.schema import MODALITIES
from thresher.core.signatures import checked

from ..loop.options import TrainingOptions
from ..models import CompactModel, compact_model
from ..models.families import AXES
from ..plans import PLANS, Plan
from .lengths import REFERENCE_CORES, TINY_IMAGE, Epoch, usual_epochs

ROLES = ("teacher", "student")
_SMALLEST_BATCH = 16
_STEPS_AN_EPOCH = 20
_MOST_VIEWS = 8
# 5,000 images of CIFAR-10: width 64 reached 61.6 % in 320 steps, width 16 65.5 % in 1,080.
# 17,495 images of CIFAR-10: width 64 reached 76.5 % in 10 epochs, width 32 80.1 % in 24, which
# took about as long.
_TEACHER_STEPS, _TEACHER_EPOCHS = 1000, 16
_NARROWEST_TEACHER = 32


class _Shape(TypedDict):
    num_classes: int
    input_shape: tuple[int, ...]


@dataclass(frozen=True)
class Recipe:
    """A model and its training, each choice with its reason.

    Attributes
    ----------
    model : str
        Name for `compact_model`.
    width : int
        As in `compact_model`.
    options : TrainingOptions
        What `fit` and `distill` are to be called with.
    cached_views : int
        For `distill` with augmentation: views of each row that the teacher judges once.
    temperature : float
        For `distill`: 4 for images; 2 elsewhere, where 4 measured worse than no teacher at all
        (Banking77: 89.9 % at 4, 90.6 % at 2, 90.2 % alone).
    seconds : float
        Expected time of training, wall, on this machine when idle: that of the reference, less with
        more threads.
    choices : dict of str to Choice
    vocabulary : int or None
        As in `compact_model`.
    """

    model: str
    width: int
    options: TrainingOptions
    cached_views: int
    temperature: float
    seconds: float
    choices: dict[str, Choice]
    vocabulary: int | None = None

    def fit_options(self) -> TrainingOptions:
        """Return the options to give `fit`: ``fit(model, samples, **recipe.fit_options())``."""
        return self.options

    def build(
        self, *, num_classes: int, input_shape: tuple[int, ...], random_state: int = 0
    ) -> CompactModel:
        """Return the untrained model."""
        return compact_model(
            self.model,
            num_classes=num_classes,
            input_shape=input_shape,
            width=self.width,
            vocabulary=self.vocabulary,
            random_state=random_state,
        )


@checked
def recipe(
    modality: str,
    *,
    n_rows: int,
    input_shape: tuple[int, ...],
    num_classes: int = 10,
    role: str = "student",
    model: str | None = None,
    width: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    seconds: float | None = None,
    device: str = "auto",
) -> Recipe:
    """Choose model and training for rows of a kind.

    Parameters
    ----------
    modality : str
        ``"image"``, ``"text"`` or ``"features"``.
    n_rows : int
        Training rows.
    input_shape : tuple of int
        Of one row, as in `compact_model`.
    num_classes : int
    role : str
        ``"teacher"`` (accurate) or ``"student"`` (small; also what to train alone).
    model, width, epochs, batch_size, lr : optional
        Kept as asked for; the rest is chosen around them.
    seconds : float, optional
        Wall time to aim at on the reference machine, not on this one; the epochs are chosen for it,
        within what still helps. By default 360 for image teachers, 150 for image students, and 60
        otherwise; small data need less.
    device : str
        Which reference: two cores of a CPU, or a GPU.

    Returns
    -------
    Recipe

    Examples
    --------
    >>> from training import recipe
    >>> found = recipe("image", n_rows=5000, input_shape=(3, 32, 32), seconds=600, device="cpu")
    >>> found.model
    'resnet8'
    """
    check_choice("modality", modality, MODALITIES)
    check_choice("role", role, ROLES)
    check_count("n_rows", n_rows, low=1)
    if seconds is not None:
        check_number("seconds", seconds, low=0, high=1e9, low_open=True)
    sizes = tuple(check_count("input_shape", size) for size in input_shape)
    if len(sizes) != AXES[modality]:
        raise InputError(
            f"`input_shape` of {modality} must have {AXES[modality]} sizes, got {sizes}."
        )
    plan = PLANS[modality, role]
    choices = {"model": _chosen(model, plan.model, plan.why)}
    usual = min(plan.largest_batch, max(_SMALLEST_BATCH, n_rows // _STEPS_AN_EPOCH))
    rows = check_count("batch_size", usual if batch_size is None else batch_size, low=1)
    steps = math.ceil(n_rows / rows)
    choices["batch_size"] = _chosen(batch_size, usual, f"{counted(steps, 'step')} an epoch")
    epoch = Epoch(plan, n_rows, steps, choose_device(device).value)
    budget = plan.seconds if seconds is None else seconds
    tiny = modality == "image" and min(input_shape[1:]) <= TINY_IMAGE
    network, choices["width"] = _network(
        choices["model"].value,
        epoch,
        role=role,
        tiny=tiny,
        width=width,
        budget=budget,
        shape={"num_classes": num_classes, "input_shape": input_shape},
    )
    affordable = int(budget / epoch.seconds(network, cores=REFERENCE_CORES))
    usual, why = usual_epochs(plan, modality, steps, affordable, seconds=budget, tiny=tiny)
    passes = check_count("epochs", usual if epochs is None else epochs, low=1)
    choices["epochs"] = _chosen(epochs, usual, why)
    return Recipe(
        model=network.spec.name,
        width=network.spec.width,
        options=TrainingOptions(
            epochs=passes,
            batch_size=rows,
            optimizer=plan.optimizer,
            lr=plan.lr * math.sqrt(rows / plan.largest_batch) if lr is None else lr,
            weight_decay=plan.weight_decay,
            label_smoothing=plan.label_smoothing,
            ema=_average_decay(passes * steps),
        ),
        cached_views=max(1, min(passes // 4, _MOST_VIEWS)),
        temperature=4.0 if modality == "image" else 2.0,
        seconds=passes * epoch.seconds(network, cores=torch.get_num_threads()),
        choices=choices,
    )


def _chosen(asked: str | int | None, usual: str | int, why: str) -> Choice:
    return Choice(str(usual), why) if asked is None else Choice(str(asked), "asked for")


def _network(
    name: str,
    epoch: Epoch,
    *,
    role: str,
    tiny: bool,
    width: int | None,
    budget: float,
    shape: _Shape,
) -> tuple[CompactModel, Choice]:
    """Build the network as wide as asked for, or as the time (s) lets it learn."""
    usual, why = _usual_width(epoch.plan, role, tiny=tiny)
    image_teacher = len(shape["input_shape"]) == AXES["image"] and role == "teacher"
    may_narrow = width is None and image_teacher and not tiny
    while True:
        network = compact_model(name, width=usual if width is None else width, **shape)
        affordable = int(budget / epoch.seconds(network, cores=REFERENCE_CORES))
        enough = affordable * epoch.steps >= _TEACHER_STEPS and affordable >= _TEACHER_EPOCHS
        if enough or usual <= _NARROWEST_TEACHER or not may_narrow:
            return network, _chosen(width, usual, why)
        usual, why = usual // 2, "the time is too short for a wider one to learn"


def _usual_width(plan: Plan, role: str, *, tiny: bool) -> tuple[int, str]:
    if tiny and role == "teacher":
        return plan.width // 2, f"images of at most {TINY_IMAGE} px hold little"
    return plan.width, f"the usual {role}"


def _average_decay(steps: int) -> float:
    """Average over about the last twentieth of the run."""
    return round(min(0.999, 1 - 20 / max(steps, 40)), 4)
