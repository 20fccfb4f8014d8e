"""The contract between a labeling task and everything that is the same for all tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from ..estimates.accuracy import DrawnLosses, Estimate
from ..pool.probabilities import Kind

if TYPE_CHECKING:
    from thresher.core.answer_table import AnswerTable

    from ..annotators.classes import Consensus
    from ..learners.learner import Learner


class Task(Protocol):
    """What a label is, how a model of it is read, and how several labels of one row become one.

    A task is a frozen dataclass. Labels are kept as text: `encode` makes it, `decode` undoes it.
    Targets are what learners fit, shape (m,) or (m, c); outputs are what predictors return,
    float32, shape (n, k).

    Attributes
    ----------
    name : str
    classes : tuple of str
        Empty where there are none.
    kind : Kind
        How probabilities are read, where outputs are probabilities.
    offers : frozenset of str
        Arrays of a `Context` that a model of this task can fill.
    measure : str
        What `estimate` estimates, in words.
    methods : tuple of str
        Ways to a consensus; the first is the default.
    """

    name: ClassVar[str]
    kind: ClassVar[Kind]
    offers: ClassVar[frozenset[str]]
    measure: ClassVar[str]
    methods: ClassVar[tuple[str, ...]]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""

    def options(self) -> dict[str, Any]:
        """Return the task's own settings, as JSON types."""

    def encode(self, label: Any) -> str:
        """Return a label as text, equal labels as equal text; raise `InputError` if it is wrong."""

    def decode(self, text: str) -> Any:
        """Return the label of a text that `encode` made."""

    def parse(self, text: str) -> Any:
        """Return the label that a person or a program wrote into a cell of a file."""

    def targets(self, answers: Sequence[Sequence[str]]) -> np.ndarray:
        """Return one target a row from the texts that its annotators gave, at least one each."""

    def counts(self, targets: np.ndarray) -> dict[str, int]:
        """Return the number of rows of each class; empty where there are no classes."""

    def learner(self) -> Learner:
        """Return the learner that is used unless another one is given."""

    def signals(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
        """Return the fields of a `Context` that the outputs for a pool fill."""

    def suggest(self, output: np.ndarray) -> tuple[str, float | None]:
        """Return the label that one row of outputs suggests, as text, and its probability."""

    def confidence(self, outputs: np.ndarray) -> np.ndarray:
        """Return how sure the model is of its suggestions, 0–1, shape (n,)."""

    def support(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return how well outputs go with given targets, 0–1, low = in doubt, shape (m,)."""

    def loss(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the loss that `measure` is about, of each row, shape (m,)."""

    def expected_loss(self, outputs: np.ndarray) -> np.ndarray:
        """Return the loss that the model expects of itself, shape (n,)."""

    def estimate(self, drawn: DrawnLosses) -> Estimate:
        """Return `measure` over a pool, with its interval, from losses of rows drawn from it."""

    def loss_of(self, value: float) -> float:
        """Turn a value of `measure` into a mean loss."""

    def reached(self, estimate: Estimate, target: float) -> bool:
        """Whether the whole interval is on the right side of `target`."""

    def agreement(self, first: np.ndarray, second: np.ndarray) -> float:
        """Return how far two models' outputs for the same rows agree beyond chance, at most 1."""

    def consensus(
        self, opinions: AnswerTable, *, outputs: np.ndarray | None, method: str
    ) -> Consensus:
        """Find one label for each row; see `active_learning.consensus`."""
