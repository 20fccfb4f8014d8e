"""The plan of a batch: which rows get which operation with which parameters.

Planning is the only place where numbers are drawn. It knows keys and image size, never pixels, so
that every backend does the same to every row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..randomness.keyed import Draws
from .nodes import AugMix, Node, OneOf, Step
from .operation import Parameters, Scene
from .policy import Policy


@dataclass(frozen=True)
class Application:
    """One operation on the `rows` of a batch (positions) with named parameters, one per row."""

    step: Step
    rows: np.ndarray
    parameters: Parameters

    def lower(self, scene: Scene) -> np.ndarray:
        """Return what the kernel of this operation's family takes, shape (len(rows), P)."""
        return self.step.operation.lower(self.parameters, self.step.settings, scene)


@dataclass(frozen=True)
class Layer:
    """Applications on rows that do not overlap, so their order does not matter."""

    applications: tuple[Application, ...]


@dataclass(frozen=True)
class Mixture:
    """Chains on the same `rows`, each a list of stages, and the weights that mix them.

    ``weights`` is float32 (len(rows), 1 + chains); column 0 is the untouched image.
    """

    rows: np.ndarray
    chains: tuple[tuple[Stage, ...], ...]
    weights: np.ndarray


Stage: TypeAlias = Layer | Mixture


def plan(policy: Policy, draws: Draws, scene: Scene) -> Iterator[Stage]:
    """Yield what is to be done to the rows of `draws`, in order."""
    slot = 0
    rows = np.arange(len(draws))
    for node in policy.nodes:
        yield from _plan_node(node, draws, rows, slot=slot, scene=scene)
        slot += node.slots


def _plan_node(
    node: Node, draws: Draws, rows: np.ndarray, *, slot: int, scene: Scene
) -> Iterator[Stage]:
    if isinstance(node, Step):
        yield Layer((_apply(node, draws, rows, slot=slot, scene=scene),))
    elif isinstance(node, OneOf):
        yield from _plan_choice(node, draws, rows, slot=slot, scene=scene)
    else:
        yield _plan_mixture(node, draws, rows, slot=slot, scene=scene)


def _apply(step: Step, draws: Draws, rows: np.ndarray, *, slot: int, scene: Scene) -> Application:
    rows = _gate(step.p, draws, rows, slot=slot)
    operation = step.operation
    take = draws.lasting if operation.lasting else draws.uniform
    uniform = take(slot + 1, operation.draws, rows=rows)
    return Application(step, rows, operation.sample(uniform, step.settings, scene))


def _gate(p: float, draws: Draws, rows: np.ndarray, *, slot: int) -> np.ndarray:
    return rows if p >= 1 else rows[draws.uniform(slot, 1, rows=rows)[:, 0] < p]


def _plan_choice(
    node: OneOf, draws: Draws, rows: np.ndarray, *, slot: int, scene: Scene
) -> Iterator[Stage]:
    rows = _gate(node.p, draws, rows, slot=slot)
    place = draws.uniform(slot + 1, 1, rows=rows)[:, 0]
    branch_of = (place * len(node.branches)).astype(np.intp)
    members = [rows[branch_of == branch] for branch in range(len(node.branches))]
    drawn = [pair for pair in zip(node.branches, members, strict=True) if len(pair[1])]
    for depth in range(max((len(branch) for branch, _ in drawn), default=0)):
        steps = []
        for branch, chosen in drawn:
            if depth >= len(branch):
                continue
            inner, at = branch[depth], slot + 2 + sum(one.slots for one in branch[:depth])
            if isinstance(inner, Step):
                steps.append(_apply(inner, draws, chosen, slot=at, scene=scene))
            else:
                yield from _plan_node(inner, draws, chosen, slot=at, scene=scene)
        yield Layer(tuple(steps))


def _plan_mixture(
    node: AugMix, draws: Draws, rows: np.ndarray, *, slot: int, scene: Scene
) -> Mixture:
    rows = _gate(node.p, draws, rows, slot=slot)
    uniform = draws.uniform(slot + 1, 2 + 2 * node.width, rows=rows)
    share = _beta(node.alpha, uniform[:, 0])
    parts = _gamma(node.alpha, uniform[:, 2 : 2 + node.width])
    parts = parts / parts.sum(axis=1, keepdims=True)
    lengths = np.floor(uniform[:, 2 + node.width :] * node.depth).astype(np.intp) + 1
    first = slot + 3 + 2 * node.width
    choice = node.chain_choice
    chains = []
    for chain in range(node.width):
        at = first + chain * node.depth * choice.slots
        stages: list[Stage] = []
        for depth in range(node.depth):
            longer = rows[lengths[:, chain] > depth]
            stages += _plan_choice(
                choice, draws, longer, slot=at + depth * choice.slots, scene=scene
            )
        chains.append(tuple(stages))
    weights = np.concatenate([1 - share[:, None], share[:, None] * parts], axis=1)
    return Mixture(rows, tuple(chains), weights.astype(np.float32))


def _beta(alpha: float, uniform: np.ndarray) -> np.ndarray:
    if alpha == 1:
        return uniform
    from scipy.special import betaincinv

    return np.asarray(betaincinv(alpha, alpha, uniform))


def _gamma(alpha: float, uniform: np.ndarray) -> np.ndarray:
    inside = np.maximum(uniform, 2.0**-54)
    if alpha == 1:
        return np.asarray(-np.log1p(-np.minimum(inside, 1 - 2.0**-53)))
    from scipy.special import gammaincinv

    return np.asarray(np.maximum(gammaincinv(alpha, inside), 1e-300))
