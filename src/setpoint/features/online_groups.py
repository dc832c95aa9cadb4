"""The groups of the online state that a plan reads: each source under each choice of its columns.

A group's name holds the digest of all that its blobs depend on. Another definition is another group beside it, with a
mark of its own, so what is filled anew never mixes with what is served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from setpoint.core.digest import digest
from setpoint.core.ports import Mark
from setpoint.data.arrays import Array
from setpoint.declare.plan import Plan
from setpoint.declare.source import info
from setpoint.features.needs import Fold, columns_of
from setpoint.features.online_keys import Spelling
from setpoint.features.shape import Shape

TEXTS = "text"
"""The group that has every text under its hash."""


@dataclass(frozen=True)
class Group:
    """A source under some of its columns: the name of its blobs and marks, and what the blobs hold."""

    name: str
    shape: Shape
    spelling: Spelling

    @cached_property
    def program(self) -> Array:
        """The shape for the code that adds rows."""
        return self.shape.program()


@dataclass(frozen=True)
class SourceGroups:
    """A source, its groups, and the kinds of the columns that their values are computed from."""

    name: str
    groups: tuple[Group, ...]
    kinds: Mapping[str, str]

    @cached_property
    def names(self) -> list[str]:
        """The names of the groups."""
        return [group.name for group in self.groups]


def groups_of(plan: Plan, folds: Sequence[Fold]) -> dict[str, SourceGroups]:
    """Every source that folds read, with its groups, in order of first use."""
    wanted: dict[str, dict[tuple[str, ...], list[Fold]]] = {}
    for fold in folds:
        wanted.setdefault(fold.source, {}).setdefault(key_columns(fold), []).append(fold)
    found = {}
    for source, theirs in wanted.items():
        declared = info(plan.system.sources[source]).to_dict()
        groups = []
        for columns, some in theirs.items():
            shape = Shape(columns, some)
            name = f"{source}@{digest([declared, shape.digest])}"
            groups.append(Group(name, shape, Spelling(len(columns))))
        read = columns_of(*[expr for group in groups for expr in group.shape.exprs])
        found[source] = SourceGroups(source, tuple(groups), {name: plan.schemas[source][name] for name in read})
    return found


def key_columns(fold: Fold) -> tuple[str, ...]:
    """The columns of its source that a fold's rows are found by."""
    return tuple(column for _, column in fold.node.by)


def position_of(mark: Mark | None) -> int:
    """The position of a mark; -1 where there is none."""
    return -1 if mark is None else mark.position
