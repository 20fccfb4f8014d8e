"""What each modality and role is trained with by default.

Rates and lengths were measured on two cores of a Zen 4 server CPU; ``benchmarks/training_fit.py``
and ``benchmarks/training_distill.py`` measure them again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Plan:
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


_IMAGE = Plan(
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
)
_TEXT = Plan(
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
)
_FEATURES = Plan(
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
)
# A student differs from the teacher of its modality in what is named.
PLANS = {
    ("image", "teacher"): _IMAGE,
    ("image", "student"): replace(
        _IMAGE,
        width=16,
        seconds=150.0,
        epochs=(4, 40),
        gflops_per_core=50.0,
        why="a sixteenth of the teacher's weights, and fast in integers",
    ),
    ("text", "teacher"): _TEXT,
    ("text", "student"): replace(
        _TEXT,
        width=32,
        label_smoothing=0.0,
        epochs=(4, 30),
        why="a fifteenth of the teacher's table",
    ),
    ("features", "teacher"): _FEATURES,
    ("features", "student"): replace(
        _FEATURES,
        width=32,
        lr=5e-3,
        weight_decay=0.01,
        gflops_per_core=2.0,
        why="few units are enough once a teacher has smoothed the labels",
    ),
}
