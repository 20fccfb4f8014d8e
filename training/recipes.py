"""Recipes: which model, and how long and how to train it, for the data and time at hand.

A time is counted on a fixed reference, two cores of a server CPU (or one GPU), whatever the machine
at hand has, so that the same data gives the same network and as many passes everywhere.

Rates and lengths were measured on two cores of a Zen 4 server CPU; ``benchmarks/training_fit.py``
and ``benchmarks/training_distill.py`` measure them again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypedDict

import torch

from thresher.core.choice import Choice, choose_device
from thresher.core.errors import InputError, check_choice, check_count, check_number
from thresher.core.schema import MODALITIES
from thresher.core.signatures import checked

from .flops import count_flops
from .models import CompactModel, compact_model
from .models.families import AXES

ROLES = ("teacher", "student")


class TrainingOptions(TypedDict):
    """The options of `fit` and `distill` that a recipe sets."""

    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    weight_decay: float
    label_smoothing: float
    ema: float | None


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
        For `distill`: 4 for pictures; 2 elsewhere, where 4 measured worse than no teacher at all
        (Banking77: 89.9 % at 4, 90.6 % at 2, 90.2 % alone).
    seconds : float
        Expected time of training, wall, on this machine when idle: that of the reference, less with
        more threads.
    choices : dict of str to Choice
    """

    model: str
    width: int
    options: TrainingOptions
    cached_views: int
    temperature: float
    seconds: float
    choices: dict[str, Choice]

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
            random_state=random_state,
        )


@dataclass(frozen=True)
class _Plan:
    """What a modality and role get by default."""

    model: str
    width: int
    optimizer: str
    lr: float
    weight_decay: float
    label_smoothing: float
    largest_batch: int
    seconds: float
    epochs: tuple[int, int]
    least_steps: int
    gflops_per_core: float
    why: str


_PLANS = {
    ("image", "teacher"): _Plan(
        model="resnet8",
        width=64,
        optimizer="muon",
        lr=0.06,
        weight_decay=0.05,
        label_smoothing=0.0,
        largest_batch=128,
        seconds=360.0,
        epochs=(4, 24),
        least_steps=300,
        gflops_per_core=150.0,
        why="dense 3x3 convolutions give the most accuracy for training time on CPUs",
    ),
    ("image", "student"): _Plan(
        model="resnet8",
        width=16,
        optimizer="muon",
        lr=0.06,
        weight_decay=0.05,
        label_smoothing=0.0,
        largest_batch=128,
        seconds=150.0,
        epochs=(4, 40),
        least_steps=300,
        gflops_per_core=50.0,
        why="a sixteenth of the teacher's weights, and fast in integers",
    ),
    ("text", "teacher"): _Plan(
        model="hashed_embedding",
        width=64,
        optimizer="adamw",
        lr=1e-2,
        weight_decay=0.5,
        label_smoothing=0.1,
        largest_batch=128,
        seconds=60.0,
        epochs=(4, 15),
        least_steps=300,
        gflops_per_core=2.0,
        why="n-gram tables learn short texts in seconds",
    ),
    ("text", "student"): _Plan(
        model="hashed_embedding",
        width=32,
        optimizer="adamw",
        lr=1e-2,
        weight_decay=0.5,
        label_smoothing=0.0,
        largest_batch=128,
        seconds=60.0,
        epochs=(4, 30),
        least_steps=300,
        gflops_per_core=2.0,
        why="a fifteenth of the teacher's table",
    ),
    ("features", "teacher"): _Plan(
        model="mlp",
        width=256,
        optimizer="adamw",
        lr=3e-3,
        weight_decay=0.02,
        label_smoothing=0.0,
        largest_batch=256,
        seconds=60.0,
        epochs=(4, 40),
        least_steps=800,
        gflops_per_core=10.0,
        why="two hidden layers suit tables and frozen embeddings",
    ),
    ("features", "student"): _Plan(
        model="mlp",
        width=32,
        optimizer="adamw",
        lr=5e-3,
        weight_decay=0.01,
        label_smoothing=0.0,
        largest_batch=256,
        seconds=60.0,
        epochs=(4, 40),
        least_steps=800,
        gflops_per_core=2.0,
        why="few units are enough once a teacher has smoothed the labels",
    ),
}
_SMALLEST_BATCH = 16
_STEPS_AN_EPOCH = 20
_GPU_SPEEDUP = 60.0  # against one core
_REFERENCE_CORES = 2
_BACKWARD = 3.0
_STEP_OVERHEAD_S = 0.004
_TINY_IMAGE = 16
_MOST_VIEWS = 8
# 5,000 pictures of CIFAR-10: width 64 reached 61.6 % in 320 steps, width 16 65.5 % in 1,080.
# 17,495 pictures of CIFAR-10: width 64 reached 76.5 % in 10 passes, width 32 80.1 % in 24, which
# took about as long.
_TEACHER_STEPS, _TEACHER_EPOCHS = 1000, 16
_NARROWEST_TEACHER = 32
_IMAGE_STEPS = 3000


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
    plan = _PLANS[modality, role]
    choices = {"model": _chosen(model, plan.model, plan.why)}
    tiny = modality == "image" and min(input_shape[1:]) <= _TINY_IMAGE
    usual = min(plan.largest_batch, max(_SMALLEST_BATCH, n_rows // _STEPS_AN_EPOCH))
    rows = check_count("batch_size", batch_size or usual, low=1)
    steps = math.ceil(n_rows / rows)
    choices["batch_size"] = _chosen(batch_size, usual, f"{steps} steps an epoch")
    budget = plan.seconds if seconds is None else seconds
    place = choose_device(device).value
    usual, why = _width(plan, role, tiny=tiny)
    may_narrow = width is None and modality == "image" and role == "teacher" and not tiny
    while True:
        network = compact_model(
            choices["model"].value,
            num_classes=num_classes,
            input_shape=input_shape,
            width=usual if width is None else width,
        )
        epoch_s = _epoch_seconds(
            network, plan, n_rows=n_rows, steps=steps, place=place, cores=_REFERENCE_CORES
        )
        affordable = int(budget / epoch_s)
        enough = affordable * steps >= _TEACHER_STEPS and affordable >= _TEACHER_EPOCHS
        enough = enough or usual <= _NARROWEST_TEACHER
        if enough or not may_narrow:
            break
        usual, why = usual // 2, "the time is too short for a wider one to learn"
    choices["width"] = _chosen(width, usual, why)
    most = plan.epochs[1] // 2 if tiny else _most_epochs(plan, modality, steps)
    usual, why = _epochs(plan, steps, affordable, seconds=budget, most=most)
    passes = check_count("epochs", epochs or usual, low=1)
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
        seconds=passes
        * _epoch_seconds(
            network, plan, n_rows=n_rows, steps=steps, place=place, cores=torch.get_num_threads()
        ),
        choices=choices,
    )


def _chosen(asked: str | int | None, usual: str | int, why: str) -> Choice:
    return Choice(str(usual), why) if asked is None else Choice(str(asked), "asked for")


def _width(plan: _Plan, role: str, *, tiny: bool) -> tuple[int, str]:
    if tiny and role == "teacher":
        return plan.width // 2, f"pictures of at most {_TINY_IMAGE} px hold little"
    return plan.width, f"the usual {role}"


def _average_decay(steps: int) -> float:
    """Average over about the last twentieth of the run."""
    return round(min(0.999, 1 - 20 / max(steps, 40)), 4)


def _epoch_seconds(
    model: CompactModel, plan: _Plan, *, n_rows: int, steps: int, place: str, cores: int
) -> float:
    rate = plan.gflops_per_core * 1e9 * (_GPU_SPEEDUP if place == "cuda" else cores)
    work = _BACKWARD * count_flops(model, input_shape=model.spec.input_shape) * n_rows
    return work / rate + steps * _STEP_OVERHEAD_S


def _most_epochs(plan: _Plan, modality: str, steps: int) -> int:
    """Let few pictures come more often: they need the steps, and augmentation renews them."""
    if modality != "image":
        return plan.epochs[1]
    return max(plan.epochs[1], min(2 * plan.epochs[1], _IMAGE_STEPS // steps))


def _epochs(
    plan: _Plan, steps: int, affordable: int, *, seconds: float, most: int
) -> tuple[int, str]:
    low, high = plan.epochs[0], most
    needed = math.ceil(plan.least_steps / steps)
    if needed > high:
        return needed, f"{plan.least_steps} steps are the least that learns from few rows"
    if affordable >= high:
        return high, "more passes would help little"
    least = max(low, needed)
    if affordable <= least:
        return least, f"the least that learns, although {seconds:.0f} s allow {affordable}"
    return affordable, f"about {seconds:.0f} s on the reference machine of `recipe`"
