"""One class for each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from thresher.core.classes import class_key, class_lookup, class_text
from thresher.core.errors import InputError, did_you_mean

from ..pool.probabilities import ONE_LABEL, Kind
from .right_or_wrong import RightOrWrong

if TYPE_CHECKING:
    from thresher.core.answer_table import AnswerTable

    from ..annotators.classes import Consensus
    from ..learners.learner import Learner


@dataclass(frozen=True)
class Classification(RightOrWrong):
    """Labels are class names, targets their codes, outputs probabilities that sum to one."""

    name: ClassVar[str] = "classification"
    kind: ClassVar[Kind] = ONE_LABEL
    measure: ClassVar[str] = "accuracy"
    methods: ClassVar[tuple[str, ...]] = (
        "auto",
        "majority",
        "dawid_skene",
        "dawid_skene_classifier",
        "crowdlab",
    )

    def encode(self, label: Any) -> str:
        """Return the class name."""
        return check_class(label, self.classes)

    def decode(self, text: str) -> str:
        """Return the class name."""
        return text

    def parse(self, text: str) -> str:
        """Return the class name."""
        return text

    def targets(self, answers: Sequence[Sequence[str]]) -> np.ndarray:
        """Return the most frequent class of each row, int64; ties go to the first class."""
        code = {name: number for number, name in enumerate(self.classes)}
        targets = np.empty(len(answers), dtype=np.int64)
        for place, given in enumerate(answers):
            votes = Counter(code[text] for text in given)
            targets[place] = min(votes, key=lambda c: (-votes[c], c))
        return targets

    def counts(self, targets: np.ndarray) -> dict[str, int]:
        """Return the rows of each class."""
        counts = np.bincount(targets, minlength=len(self.classes)).tolist()
        return dict(zip(self.classes, counts, strict=True))

    def learner(self) -> Learner:
        """Return the logistic head."""
        from ..learners.logistic import LogisticHead

        return LogisticHead()

    def signals(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
        """Return probabilities and the labels of each class."""
        counts = np.bincount(targets, minlength=outputs.shape[1]).astype(np.float64)
        return {"pred_probs": outputs, "class_counts": counts}

    def suggest(self, output: np.ndarray) -> tuple[str, float]:
        """Return the likeliest class and its probability."""
        code = int(output.argmax())
        return self.classes[code], float(output[code])

    def confidence(self, outputs: np.ndarray) -> np.ndarray:
        """Return the largest probability."""
        return np.asarray(outputs.max(axis=1))

    def support(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the probability of the given class."""
        return np.asarray(outputs[np.arange(len(targets)), targets])

    def loss(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return 1 where the likeliest class is another one."""
        return np.asarray(outputs.argmax(axis=1) != targets, dtype=np.float64)

    def expected_loss(self, outputs: np.ndarray) -> np.ndarray:
        """Return the probability of all other classes."""
        return np.asarray(1.0 - outputs.max(axis=1), dtype=np.float64)

    def agreement(self, first: np.ndarray, second: np.ndarray) -> float:
        """Return Cohen's κ of the likeliest classes."""
        return cohen_kappa(first.argmax(axis=1), second.argmax(axis=1), num_classes=first.shape[1])

    def consensus(
        self, opinions: AnswerTable, *, outputs: np.ndarray | None, method: str
    ) -> Consensus:
        """Find one class for each row; see `active_learning.consensus`."""
        from ..annotators.classes import Votes, label_consensus

        votes = Votes.of_table(opinions, classes=self.classes or None)
        return label_consensus(votes, pred_probs=outputs, method=method)


def check_class(label: Any, classes: Sequence[str]) -> str:
    """Return the one of `classes` that `label` is, whatever its spelling; an error lists them."""
    if isinstance(label, str) and label in classes:
        return label
    lookup = _lookup(tuple(classes))
    text = class_text(label)
    code = lookup.get(text, lookup.get(class_key(text)))
    if code is None:
        listed = ", ".join(repr(name) for name in classes)
        hint = did_you_mean(text, classes)
        raise InputError(f"the label must be one of {listed}, got {label!r}.{hint}")
    return classes[code]


_lookup = lru_cache(maxsize=16)(class_lookup)


def cohen_kappa(first: np.ndarray, second: np.ndarray, *, num_classes: int) -> float:
    """Return Cohen's κ of two codings, shape (n,); 1 when both are constant and equal."""
    joint = np.bincount(first * num_classes + second, minlength=num_classes**2)
    table = joint.reshape(num_classes, num_classes) / len(first)
    expected = float(table.sum(axis=0) @ table.sum(axis=1))
    observed = float(np.trace(table))
    return 1.0 if expected >= 1.0 else (observed - expected) / (1.0 - expected)
