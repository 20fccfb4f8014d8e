"""Any number of classes for each row, none included."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from thresher.core.errors import InputError, check_choice
from thresher.core.missing import is_missing

from ..pool.probabilities import MANY_LABELS, Kind
from .classification import check_class, cohen_kappa
from .right_or_wrong import RightOrWrong

if TYPE_CHECKING:
    from thresher.core.answer_table import AnswerTable

    from ..annotators.classes import Consensus
    from ..learners.learner import Learner


@dataclass(frozen=True)
class MultiLabel(RightOrWrong):
    """Labels are sets of class names; targets 0 and 1, outputs probabilities of each class.

    A row counts as right when all its classes are: "exact match".
    """

    name: ClassVar[str] = "multi_label"
    kind: ClassVar[Kind] = MANY_LABELS
    measure: ClassVar[str] = "exact match"
    methods: ClassVar[tuple[str, ...]] = ("auto", "majority", "dawid_skene")

    def encode(self, label: Any) -> str:
        """Return a JSON list of the names in the order of the classes."""
        if isinstance(label, str) or not isinstance(label, Iterable):
            raise InputError(f"the label must be a set of class names, got {label!r}.")
        given = {check_class(name, self.classes) for name in label if not is_missing(name)}
        return json.dumps([name for name in self.classes if name in given], ensure_ascii=False)

    def decode(self, text: str) -> Any:
        """Return a tuple of class names."""
        return tuple(json.loads(text))

    def parse(self, text: str) -> Any:
        """Return the names of a JSON list, or of a list separated by semicolons."""
        if text.startswith("["):
            return read_json_list(text)
        return [name.strip() for name in text.split(";") if name.strip()]

    def present(self, text: str) -> frozenset[str]:
        """Return the classes that an encoded label names."""
        return frozenset(json.loads(text))

    def targets(self, answers: Sequence[Sequence[str]]) -> np.ndarray:
        """Return 1 for the classes that more than half of a row's annotators gave, float32."""
        code = {name: number for number, name in enumerate(self.classes)}
        targets = np.zeros((len(answers), len(self.classes)), dtype=np.float32)
        for place, given in enumerate(answers):
            for text in given:
                targets[place, [code[name] for name in self.present(text)]] += 1.0 / len(given)
        return (targets > 0.5 + 1e-6).astype(np.float32)

    def counts(self, targets: np.ndarray) -> dict[str, int]:
        """Return the rows that have each class."""
        return dict(zip(self.classes, targets.sum(axis=0).astype(int).tolist(), strict=True))

    def learner(self) -> Learner:
        """Return one logistic model for each class."""
        from ..learners.multilabel import SigmoidHead

        return SigmoidHead()

    def signals(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
        """Return probabilities and the labels of each class."""
        counts = targets.sum(axis=0, dtype=np.float64)
        return {"pred_probs": outputs, "class_counts": counts, "kind": self.kind}

    def suggest(self, output: np.ndarray) -> tuple[str, float]:
        """Return the classes likelier than not, and the probability that all of them are right."""
        return self._chosen(output > 0.5), float(self.confidence(output[None])[0])

    def confidence(self, outputs: np.ndarray) -> np.ndarray:
        """Return the probability that all classes are right, were they independent."""
        return np.asarray(np.maximum(outputs, 1.0 - outputs).prod(axis=1))

    def support(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the probability of the class answer that the model believes least."""
        return np.asarray(np.where(targets > 0.5, outputs, 1.0 - outputs).min(axis=1))

    def loss(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return 1 where any class is wrong."""
        wrong = (outputs > 0.5) != (targets > 0.5)
        return np.asarray(wrong.any(axis=1), dtype=np.float64)

    def expected_loss(self, outputs: np.ndarray) -> np.ndarray:
        """Return the probability that any class is wrong."""
        return np.asarray(1.0 - self.confidence(outputs), dtype=np.float64)

    def agreement(self, first: np.ndarray, second: np.ndarray) -> float:
        """Return Cohen's κ over all rows and classes."""
        one, other = ((outputs > 0.5).astype(np.int64).ravel() for outputs in (first, second))
        return cohen_kappa(one, other, num_classes=2)

    def consensus(
        self, opinions: AnswerTable, *, outputs: np.ndarray | None, method: str
    ) -> Consensus:
        """Find one set for each row, class by class; the classifier has no say."""
        from ..annotators.sets import set_consensus

        del outputs
        check_choice("method", method, self.methods)
        present = [self.present(text) for text in opinions.labels]
        said = np.array([[name in names for name in self.classes] for names in present])
        return set_consensus(
            opinions, said, classes=self.classes, encode=self._chosen, method=method
        )

    def _chosen(self, chosen: np.ndarray) -> str:
        """Return the label that names the classes of a mask, shape (c,)."""
        names = [name for name, there in zip(self.classes, chosen, strict=True) if there]
        return json.dumps(names, ensure_ascii=False)


def read_json_list(text: str) -> list[Any]:
    """Return the list that a text holds as JSON."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"the label is not JSON ({error}): {text[:60]!r}.") from error
    if not isinstance(found, list):
        raise InputError(f"the label must be a JSON list, got {text[:60]!r}.")
    return found
