"""A policy: which operations are tried on a row, in which order, how often and how strongly.

A policy is data. It draws nothing and changes nothing; equal policies have equal JSON and equal
fingerprints, and a file that holds anything unknown is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from thresher.core.errors import InputError, did_you_mean
from thresher.core.fingerprint import fingerprint

from .nodes import Node, Step, check_names, decided, listed, parse_node, steps_of
from .schedule import CONSTANT, Schedule

SCHEMA = 1


@dataclass(frozen=True)
class Policy:
    """A named sequence of steps with a strength schedule.

    Parameters
    ----------
    name
        Shown in reports; not part of the fingerprint.
    nodes
        What is done, in order.
    schedule
        Strength by epoch; 1 throughout unless given.

    Examples
    --------
    >>> from augment import Policy, policies
    >>> policy = policies.standard(pad=4, flip=True, cutout=8)
    >>> Policy.from_dict(policy.to_dict()) == policy
    True
    """

    name: str
    nodes: tuple[Node, ...] = ()
    schedule: Schedule = CONSTANT

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step that can happen, in order, those of choices included."""
        return tuple(step for node in self.nodes for step in steps_of(node))

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal characters that are equal for policies that do the same."""
        content = self.to_dict()
        return fingerprint({key: content[key] for key in ("nodes", "schedule")})

    def without(self, *ops: str) -> Policy:
        """Return the policy without the named operations, and branches that held nothing else."""
        known = sorted({step.op for step in self.steps})
        for op in ops:
            if op not in known:
                raise InputError(
                    f"The policy '{self.name}' has no operation {op!r}. It has: "
                    f"{', '.join(known) or 'none'}.{did_you_mean(op, known)}"
                )
        name = f"{self.name} without {', '.join(sorted(ops))}" if ops else self.name
        return self.replace_steps(lambda step: None if step.op in ops else step).renamed(name)

    def replace_steps(self, decide: Callable[[Step], Step | None]) -> Policy:
        """Return the policy with every step replaced by what `decide` gives; None leaves it out.

        A branch of a choice goes with the last of its steps.
        """
        nodes = tuple(kept for node in self.nodes if (kept := decided(node, decide)) is not None)
        return replace(self, nodes=nodes)

    def renamed(self, name: str) -> Policy:
        """Return the same policy under another name."""
        return replace(self, name=name)

    def with_schedule(self, schedule: Schedule) -> Policy:
        """Return the same policy with another strength schedule."""
        return replace(self, schedule=schedule)

    def to_dict(self) -> dict[str, Any]:
        """Return the policy as JSON-like values with its schema version."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "nodes": [node.to_dict() for node in self.nodes],
            "schedule": self.schedule.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Policy:
        """Rebuild a policy; unknown operations, settings or a newer schema raise `InputError`."""
        check_names("policy", values, required=("schema", "nodes"), optional=("name", "schedule"))
        check_schema("policy", values["schema"], SCHEMA)
        nodes = tuple(parse_node(node) for node in listed("nodes", values["nodes"]))
        schedule = values.get("schedule", CONSTANT.to_dict())
        check_names("schedule", schedule, optional=("start", "end", "epochs"))
        return cls(str(values.get("name", "custom")), nodes, Schedule(**schedule))


def check_schema(what: str, found: object, known: int) -> None:
    """Refuse a schema version that this release does not know."""
    if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= known:
        raise InputError(
            f"This {what} has schema {found!r}; this release reads 1 to {known}. "
            "Install the newer release that wrote it."
        )
