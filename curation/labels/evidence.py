"""Out-of-sample class probabilities: given ones, or of probes on embeddings and neighbors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thresher.core.counted import counted
from thresher.core.embeddings import Embeddings
from thresher.core.errors import InputError
from thresher.core.neighbors import NeighborGraph
from thresher.core.randomness import RandomState

from .inputs import LabelInputs

PROBES = ("loo_ridge", "knn", "logistic")
NEIGHBORS = 10
# Rows × dimensions × classes up to which the logistic regression takes about four CPU-seconds.
LOGISTIC_BUDGET = 1e9
# From here on votes of nearly all nearest rows cost half of those of all.
APPROXIMATE_ROWS = 10_000


@dataclass(frozen=True)
class Evidence:
    """Out-of-sample probabilities, shape (n, K), how they were made, and by what kind of model."""

    probs: np.ndarray
    how: str
    made_for_task: bool


def gather(
    inputs: LabelInputs, graph: NeighborGraph | None, method: str, random_state: RandomState
) -> Evidence | None:
    """Average the probabilities that `method` asks for; None when there is nothing to make any of.

    Given models are not diluted by probes: on CIFAR-10N the mean of a network and of probes on weak
    embeddings ranks worse (AP .861) than the network alone (.880).
    """
    if inputs.pred_probs and method in ("auto", "confident"):
        mean = np.mean(inputs.pred_probs, axis=0)
        return Evidence(mean, f"mean of {len(inputs.pred_probs)} given model(s)", True)
    wanted = {"auto": _affordable(inputs, graph), "confident": ("loo_ridge",)}.get(
        method, (method,)
    )
    if not wanted:
        return None
    if method == "auto" and inputs.vectors is not None and _bends(inputs, random_state):
        wanted = ("kernel_ridge", *wanted[1:])
    parts = [_probe(name, inputs, graph, random_state) for name in wanted]
    how = "mean of " + ", ".join(wanted) if len(parts) > 1 else wanted[0]
    return Evidence(np.mean(parts, axis=0), how, False)


def check_evidence(
    inputs: LabelInputs, graph: NeighborGraph | None, method: str, *, trained: bool
) -> None:
    """Raise an `InputError` when `method` lacks what it judges by, or has what it does not use."""
    has_probs, has_vectors = bool(inputs.pred_probs), inputs.vectors is not None
    answered = inputs.answers is not None
    if not (has_probs or has_vectors or graph is not None or answered or trained):
        raise InputError(
            "Give `embeddings`, `pred_probs`, `annotations`, `dynamics` or `graph` to judge the "
            "labels by."
        )
    if method != "auto" and (answered or trained):
        raise InputError(
            f"The method {method!r} uses neither `annotations` nor `dynamics`; leave `method` out."
        )
    if method in ("loo_ridge", "logistic") and not has_vectors:
        raise InputError(f"The method {method!r} needs `embeddings`.")
    if method == "knn" and not (has_vectors or graph is not None):
        raise InputError("The method 'knn' needs `embeddings` or `graph`.")
    if method == "confident" and not (has_probs or has_vectors):
        raise InputError("The method 'confident' needs `pred_probs` or `embeddings`.")
    if graph is not None and len(graph) != len(inputs.labels):
        raise InputError(
            f"There are {counted(len(inputs.labels), 'label')}, but "
            f"{counted(len(graph), 'graph row')}."
        )


def _affordable(inputs: LabelInputs, graph: NeighborGraph | None) -> tuple[str, ...]:
    if inputs.vectors is None:
        return () if graph is None else ("knn",)
    n, d = inputs.vectors.shape
    cheap = n * d * len(inputs.classes) <= LOGISTIC_BUDGET
    return PROBES if cheap else ("loo_ridge", "knn")


def _bends(inputs: LabelInputs, random_state: RandomState) -> bool:
    from .kernel import bends

    assert inputs.vectors is not None
    labeled = inputs.labels >= 0
    return bends(
        inputs.vectors[labeled],
        inputs.labels[labeled],
        len(inputs.classes),
        random_state=random_state,
    )


def _probe(
    name: str, inputs: LabelInputs, graph: NeighborGraph | None, random_state: RandomState
) -> np.ndarray:
    """Predict every row from the labels of others; rows without a label get equal shares."""
    num_classes = len(inputs.classes)
    if name == "knn":
        from .votes import knn_probs

        graph = graph if graph is not None else nearest_rows(inputs, random_state)
        return knn_probs(graph, inputs.labels, num_classes)
    from .kernel import kernel_features
    from .logistic import out_of_fold_probs
    from .ridge import loo_ridge_probs

    assert inputs.vectors is not None
    labeled = inputs.labels >= 0
    vectors, labels = inputs.vectors[labeled], inputs.labels[labeled]
    probs = np.full((len(labeled), num_classes), 1 / num_classes, dtype=np.float32)
    if name == "logistic":
        probs[labeled] = out_of_fold_probs(vectors, labels, num_classes, random_state=random_state)
        return probs
    if name == "kernel_ridge":
        vectors = kernel_features(vectors, random_state=random_state)
    probs[labeled] = loo_ridge_probs(vectors, labels, num_classes)
    return probs


def nearest_rows(inputs: LabelInputs, random_state: RandomState) -> NeighborGraph:
    """Search the neighbors whose labels vote."""
    assert inputs.vectors is not None
    return voting_rows(Embeddings(inputs.row_ids, inputs.vectors), random_state)


def voting_rows(embeddings: Embeddings, random_state: RandomState) -> NeighborGraph:
    """Search the neighbors whose labels vote, by vectors alone."""
    from thresher.core.search import neighbor_graph

    n = len(embeddings)
    return neighbor_graph(
        embeddings,
        k=max(1, min(NEIGHBORS, n - 1)),
        method="approximate" if n > APPROXIMATE_ROWS else "auto",
        recall=0.95,
        random_state=random_state,
    )
