"""The nodes of a policy: a step, one of several branches, a mixture of chains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

from thresher.core.errors import InputError, check_number, did_you_mean
from thresher.core.signatures import check_fields

from ..randomness.keyed import check_index
from .catalog import get_operation
from .operation import DRAWS, Operation, Setting, Settings, Value

# How often choices may be nested: an honest policy needs one or two, a hostile file has no end.
LEVELS = 4
_TOO_DEEP = f"`one_of` may be nested {LEVELS} times, not more."


@dataclass(frozen=True)
class Step:
    """One operation with its settings, done with probability `p`.

    Examples
    --------
    >>> from augment import Augmenter, Step, policies
    >>> policy = policies.custom(Step("hflip", p=1.0))
    >>> Augmenter(policy, random_state=0).explain("cat-1", epoch=0, size=(8, 8))
    [{'op': 'hflip', 'applied': 1.0}]
    """

    op: str
    settings: Settings = field(default_factory=dict)
    p: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "p", float(check_number("p", self.p, low=0, high=1)))
        object.__setattr__(self, "settings", get_operation(self.op).complete(self.settings))

    @cached_property
    def operation(self) -> Operation:
        """The operation that this step does."""
        return get_operation(self.op)

    def __reduce__(self) -> tuple[type[Step], tuple[str, dict[str, Value], float]]:
        # By name: an operation holds functions that cannot be sent to another process.
        return Step, (self.op, dict(self.settings), self.p)

    @property
    def has_magnitude(self) -> bool:
        """Whether a strength below 1 makes this step weaker."""
        return self.operation.reach is not None

    def scaled(self, factor: float) -> Step:
        """Return the step with its reach multiplied by `factor`; unchanged without a magnitude."""
        reach = self.operation.reach
        if reach is None:
            return self
        changed = dict(self.settings)
        for name in (reach, "low") if "low" in changed else (reach,):
            value = float(changed[name]) * factor
            changed[name] = value if isinstance(changed[name], float) else round(value)
        return replace(self, settings=changed)

    @property
    def slots(self) -> int:
        """How many draws are kept for this step."""
        return DRAWS + 1

    def to_dict(self) -> dict[str, Any]:
        """Return the step as JSON-like values."""
        return {"op": self.op, "settings": dict(self.settings), "p": self.p}


@dataclass(frozen=True)
class OneOf:
    """One branch, a chain of nodes, drawn evenly for each row, with probability `p`.

    A branch holds steps, or choices and mixtures of its own.

    Examples
    --------
    >>> from augment import Augmenter, OneOf, Step, policies
    >>> policy = policies.custom(OneOf(((Step("hflip"),), (Step("invert"),))))
    >>> len(Augmenter(policy, random_state=0).explain("cat-1", epoch=0, size=(8, 8)))
    1
    """

    branches: tuple[Branch, ...]
    p: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "p", float(check_number("p", self.p, low=0, high=1)))
        if not len(self.branches):
            raise InputError("`branches` of a OneOf is empty; give at least one.")
        for branch in self.branches:
            if not isinstance(branch, (tuple, list)):
                raise InputError(
                    f"A branch of a OneOf must be a tuple of steps, got {branch!r:.80}."
                )
        if self.levels > LEVELS:
            raise InputError(_TOO_DEEP)

    @cached_property
    def levels(self) -> int:
        """How many choices lie in one another below this one."""
        inner = (node for branch in self.branches for node in branch if isinstance(node, OneOf))
        return max((1 + node.levels for node in inner), default=0)

    @cached_property
    def slots(self) -> int:
        """How many draws are kept: branches are exclusive and share theirs."""
        return 2 + max(sum(node.slots for node in branch) for branch in self.branches)

    def to_dict(self) -> dict[str, Any]:
        """Return the choice as JSON-like values."""
        branches = [[node.to_dict() for node in branch] for branch in self.branches]
        return {"one_of": branches, "p": self.p}


@dataclass(frozen=True)
class AugMix:
    """A convex mixture of `width` chains of operations and of the image itself.

    Hendrycks et al., "AugMix", ICLR 2020: weights Dirichlet(alpha), share of the chains
    Beta(alpha, alpha), chain length drawn from 1 to `depth`.

    Examples
    --------
    >>> from augment import AugMix, Augmenter, Step, policies
    >>> policy = policies.custom(AugMix((Step("rotate"), Step("posterize"))))
    >>> Augmenter(policy, random_state=0).explain("cat-1", epoch=0, size=(8, 8))[0]["op"]
    'posterize'
    """

    choices: tuple[Step, ...]
    width: int = 3
    depth: int = 3
    alpha: float = 1.0
    p: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "p", float(check_number("p", self.p, low=0, high=1)))
        alpha = Setting(1.0, low=0.05, high=100).check("alpha", self.alpha)
        object.__setattr__(self, "alpha", alpha)
        for name in ("width", "depth"):
            number = check_index(name, getattr(self, name))
            check_number(name, number, low=1, high=16)
            object.__setattr__(self, name, number)
        if not len(self.choices):
            raise InputError("`choices` of an AugMix is empty; give at least one step.")

    @property
    def chain_choice(self) -> OneOf:
        """The choice that is made at each place of each chain."""
        return OneOf(tuple((step,) for step in self.choices))

    @property
    def slots(self) -> int:
        """How many draws are kept: gate, weights, then one choice per chain and place."""
        return 3 + 2 * self.width + self.width * self.depth * self.chain_choice.slots

    def to_dict(self) -> dict[str, Any]:
        """Return the mixture as JSON-like values."""
        values = {"width": self.width, "depth": self.depth, "alpha": self.alpha, "p": self.p}
        return {"augmix": [step.to_dict() for step in self.choices], **values}


Node: TypeAlias = Step | OneOf | AugMix
Branch: TypeAlias = tuple[Node, ...]


def steps_of(node: Node) -> tuple[Step, ...]:
    """Return every step of a node that can happen, in order."""
    if isinstance(node, Step):
        return (node,)
    if isinstance(node, AugMix):
        return node.choices
    return tuple(step for branch in node.branches for inner in branch for step in steps_of(inner))


def decided(node: Node, decide: Callable[[Step], Step | None]) -> Node | None:
    """Return a node with every step replaced by what `decide` gives; None where none is left."""
    if isinstance(node, Step):
        return decide(node)
    if isinstance(node, AugMix):
        choices = tuple(step for one in node.choices if (step := decide(one)) is not None)
        return replace(node, choices=choices) if choices else None
    branches = []
    for branch in node.branches:
        nodes = tuple(kept for inner in branch if (kept := decided(inner, decide)) is not None)
        # An empty branch, which leaves its rows as they are, stays one.
        if nodes or not branch:
            branches.append(nodes)
    return replace(node, branches=tuple(branches)) if branches else None


def listed(what: str, value: object) -> Sequence[Any]:
    """Return a list as it is, and refuse anything else."""
    if not isinstance(value, (list, tuple)):
        raise InputError(f"`{what}` must be a list, got {type(value).__name__}.")
    return value


def check_names(
    what: str, values: object, *, required: Sequence[str] = (), optional: Sequence[str] = ()
) -> None:
    """Refuse an object with names that are not known, or without those that are required."""
    if not isinstance(values, Mapping):
        raise InputError(f"A {what} must be an object, got {type(values).__name__}.")
    allowed = (*required, *optional)
    for name in values:
        if name not in allowed:
            raise InputError(
                f"A {what} has no field {name!r}. Fields: {', '.join(allowed)}."
                f"{did_you_mean(str(name), allowed)}"
            )
    for name in required:
        if name not in values:
            raise InputError(f"A {what} needs the field {name!r}.")


def _parse_step(values: Any) -> Step:
    check_names("step", values, required=("op",), optional=("settings", "p"))
    settings: Mapping[str, Value] = values.get("settings", {})
    if not isinstance(settings, Mapping):
        raise InputError(f"`settings` of a step must be an object, got {settings!r}.")
    return Step(values["op"], settings, _probability(values))


def _parse_choice(values: Any, level: int) -> OneOf:
    check_names("choice", values, required=("one_of",), optional=("p",))
    if level > LEVELS:
        raise InputError(_TOO_DEEP)
    branches = tuple(
        tuple(parse_node(node, level + 1) for node in listed("branch", branch))
        for branch in listed("one_of", values["one_of"])
    )
    return OneOf(branches, _probability(values))


def _parse_augmix(values: Any) -> AugMix:
    options = ("width", "depth", "alpha", "p")
    check_names("mixture", values, required=("augmix",), optional=options)
    choices = tuple(_parse_step(step) for step in listed("augmix", values["augmix"]))
    given = {name: values[name] for name in options[:3] if name in values}
    return AugMix(choices, p=_probability(values), **given)


def _probability(values: Mapping[str, Any]) -> float:
    p = values.get("p", 1.0)
    if isinstance(p, bool) or not isinstance(p, (int, float)):
        raise InputError(f"`p` must be a number in [0, 1], got {p!r}.")
    return p


def parse_node(values: Any, level: int = 0) -> Node:
    """Rebuild a node from what its `to_dict` gave."""
    kinds: dict[str, Callable[[Any], Node]] = {
        "op": _parse_step,
        "one_of": lambda choice: _parse_choice(choice, level),
        "augmix": _parse_augmix,
    }
    if isinstance(values, Mapping):
        for kind, parse in kinds.items():
            if kind in values:
                return parse(values)
    raise InputError(f"A node of a policy needs one of {', '.join(kinds)}, got {values!r:.120}.")
