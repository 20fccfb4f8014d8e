"""One set under one seed: its trainer, the way to judge a model, and what several ways share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from augment import Augmenter, policies
from augment.operations.policy import Policy
from thresher.core.ledger import CostLedger
from training import Samples, TrainingRun, export, fit
from training.recipes import Recipe, recipe

from .measure import Cost, judged_file
from .sets import Task
from .vectors import Vectors, encoder_bytes, one_row, shared_vectors


class DoesNotApplyError(Exception):
    """A way means nothing for a set; says why."""


@dataclass(eq=False)
class Bench:
    """One set and seed: its rows, its folder, and what several ways share.

    Attributes
    ----------
    task : Task
    folder : Path
        Models and vectors are kept here.
    seed : int
    """

    task: Task
    folder: Path
    seed: int
    spent: float = field(default=0.0, init=False)

    @cached_property
    def vectors(self) -> Vectors:
        """Vectors of all rows."""
        return shared_vectors(self.task, self.folder)

    @property
    def modality(self) -> str:
        """What the networks read: "image", "text" or "features"."""
        return "features" if self.task.vectors_only else self.task.modality

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Add the CPU time of what is done inside to what the present way has spent."""
        with CostLedger().stage("way") as cost:
            yield
        self.spent += cost.cpu_s

    def charge(self, *, vectors: bool) -> None:
        """Begin a way; the vectors count where it uses them."""
        self.spent = self.vectors.cpu_s if vectors or self.task.vectors_only else 0.0

    def plan(self, n: int, *, role: str = "teacher", epochs: int | None = None) -> Recipe:
        """Return network and training: the product's recipe with the set's epochs."""
        return recipe(
            self.modality,
            n_rows=n,
            input_shape=self.task.test.input_shape,
            num_classes=len(self.task.classes),
            role=role,
            epochs=epochs or self.task.epochs,
            device="cpu",
        )

    def build(self, plan: Recipe) -> nn.Module:
        """Return the untrained network."""
        return plan.build(
            num_classes=len(self.task.classes),
            input_shape=self.task.test.input_shape,
            random_state=self.seed,
        )

    def augment(self, policy: Policy | None = None) -> Any:
        """Return what changes training rows: crops and mirror images of pictures, else nothing."""
        if self.modality != "image":
            return None
        side = min(self.task.test.input_shape[1:])
        chosen = policy or policies.crop_flip(pad=side // 8, flip=True)
        return Augmenter(chosen, random_state=self.seed).for_training()

    def train(
        self, rows: Samples, *, epochs: int | None = None, policy: Policy | None = None
    ) -> TrainingRun:
        """Train the network that all ways have."""
        plan = self.plan(len(rows), epochs=epochs)
        options = plan.fit_options()
        augment = self.augment(policy)
        return fit(
            self.build(plan), rows, augment=augment, random_state=self.seed, device="cpu", **options
        )

    def judge(self, model: nn.Module, cost: Cost, *, way: str, **more: Any) -> dict[str, Any]:
        """Write a model's file and measure it."""
        name = way.replace(" ", "-")
        file = export(model, self.folder / "files" / name, classes=self.task.classes, threads=1)
        return self.judged(file.path, cost, **more)

    def judged(
        self, path: Path, cost: Cost, *, classes: Sequence[str] | None = None, **more: Any
    ) -> dict[str, Any]:
        """Measure an ONNX file; where networks read vectors, the encoder is part of the model.

        Parameters
        ----------
        classes : sequence of str, optional
            Those of the file in its order; default: the set's.
        """
        before = self.encode_one if self.task.vectors_only else None
        codes = self.codes_by(classes or self.task.classes)
        found = judged_file(path, self.task.test.inputs.numpy(), codes, before=before)
        if self.task.vectors_only:
            found["bytes"] += encoder_bytes(self.folder)
        return {**vars(cost), **found, **more}

    def codes_by(self, classes: Sequence[str]) -> np.ndarray:
        """Return the right labels of the judged rows as codes into other classes' order."""
        places = np.array([list(classes).index(name) for name in self.task.classes])
        return np.asarray(places[self.task.test_codes[self.task.judged]])

    @cached_property
    def encode_one(self) -> Callable[[], Any]:
        """Take one row through the encoder."""
        return one_row(self.task, self.vectors)
