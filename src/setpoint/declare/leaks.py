"""What a feature may not read: what cannot be known when deciding, and the truth of its own decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import normpath

from setpoint.core.errors import DeclarationError, LeakRefused, NameUnknown
from setpoint.declare.expr import OF_THE_LABEL, Action, Aggregate, Column, Expr, Field, Neighbours, walk
from setpoint.declare.label import Label
from setpoint.declare.source import TABLE, Source, SourceInfo, info


@dataclass(frozen=True)
class Known:
    """What a decision has: the key and the fields of its request; and the label that it must not see."""

    spine: SourceInfo
    key: str
    fields: tuple[str, ...]
    label: Label

    @property
    def outcomes(self) -> tuple[SourceInfo, ...]:
        """The sources that carry the label."""
        return tuple(info(source) for source in self.label.sources)

    @property
    def told_by(self) -> frozenset[str]:
        """The columns that the label is worked out from."""
        return frozenset(node.name for node in walk(self.label.value) if isinstance(node, Column))


def check_request(known: Known) -> None:
    """Refuses a request whose fields hold the label."""
    outcome = known.outcomes[0]
    reads_columns = bool(known.told_by)
    if reads_columns and same_file(known.spine.path, outcome.path) and known.told_by <= {known.key, *known.fields}:
        raise LeakRefused(
            f"The request would bring {', '.join(sorted(known.told_by))}, from which the label is worked out.",
            expected="fields that are known when deciding",
            hint="Leave them out of decide(..., fields=[...]).",
        )


def check_reads(where: str, expr: Expr, known: Known) -> None:
    """Refuses a feature that reads what cannot be known when deciding, or its own decision's label.

    Raises NameUnknown for a field that the request does not have, DeclarationError for a source that cannot be read
    so, LeakRefused for the rest; `where` begins their message.
    """
    for node in walk(expr, into_aggregates=False):
        if isinstance(node, Action):
            raise LeakRefused(f"{where} reads the action, which is taken after it.", expected="what is known before")
        if isinstance(node, Field):
            _must_be_field(where, node.name, known)
        if isinstance(node, Column):
            _check_column(where, node, known)
        if isinstance(node, Aggregate):
            _check_aggregate(where, node, known)
        if isinstance(node, Neighbours):
            _check_aggregate(where, node.edges, known)
            _check_of_neighbours(where, node, known)
    _check_resolved_label(where, expr, known)


def _must_be_field(where: str, name: str, known: Known) -> None:
    if name != known.key and name not in known.fields:
        raise NameUnknown("request field", name, [*known.fields, known.key], where=f"{where}: the request")


def _check_column(where: str, node: Column, known: Known) -> None:
    declared = info(node.source)
    if declared.name == known.spine.name:
        given = node.name in known.fields or node.name == known.key
        raise LeakRefused(
            f"{where} reads {node}, a column of the spine."
            + ("" if given else " It is not among the request fields, so it cannot be known when deciding."),
            expected=f"sp.field({node.name!r})" if given else "a request field or an aggregate of events",
            hint=None if given else "Declare an event source over the same file with its own at= and known_at=.",
        )
    if declared.kind != TABLE:
        raise DeclarationError(
            f"{where} reads {node} as it is, but {declared.name!r} has many rows for one key.",
            expected=f'an aggregate such as sp.last({node}, by="...")',
        )
    for key in declared.keys:
        _must_be_field(f"{where} reads {node} by the table's key", key, known)
    if known.key in declared.keys:
        _refuse_own_row(where, str(node), declared, known)


def _check_aggregate(where: str, node: Aggregate, known: Known) -> None:
    declared = info(node.source)
    _must_have_key(where, node)
    _must_be_knowable(where, declared)
    for part in node.parts:
        check_reads(where, part, known)
    if any(_is_own_key(part, known) for part in node.parts):
        if _is_outcome(declared, known):
            raise LeakRefused(
                f"{where} folds the label's source {declared.name!r} by the decision's own key {known.key!r}: "
                "that is the label.",
                expected="another key",
            )
        if declared.kind == TABLE:
            _refuse_own_row(where, str(node), declared, known)


def _must_have_key(where: str, node: Aggregate) -> None:
    if node.by == OF_THE_LABEL:
        raise DeclarationError(
            f"{where} reads {node}, which does not say whose rows it folds.",
            expected='by= with the key that is meant, as in by="user_id"',
            hint="Only a label folds without by=: the rows of its own key, in its own time.",
        )


def _check_of_neighbours(where: str, node: Neighbours, known: Known) -> None:
    _must_have_key(where, node.of)
    declared, (_, column) = info(node.of.source), node.of.by[0]
    _must_be_knowable(where, declared)
    in_table = declared.kind == TABLE and any(same_file(declared.path, one.path) for one in known.outcomes)
    if (in_table or _is_outcome(declared, known)) and column == known.label.on:
        raise LeakRefused(
            f"{where} folds {declared.name!r}, which has the label, by {column!r} for each neighbour, "
            "and the decision may be one of them.",
            expected="another key",
        )


def _must_be_knowable(where: str, declared: SourceInfo) -> None:
    if not declared.knowable:
        raise LeakRefused(
            f"{where} folds {declared.name!r}, which does not declare when its rows can be known.",
            expected="known_at= or delay= on that source",
        )


def _is_own_key(part: Expr, known: Known) -> bool:
    """Whether a part of a key is the decision's own, as a field, within an expression, or through a table's key."""
    for node in walk(part):
        if isinstance(node, Field) and node.name == known.key:
            return True
        if isinstance(node, Column) and node.name == known.key and node.name in info(node.source).keys:
            return True
    return False


def _is_outcome(declared: SourceInfo, known: Known) -> bool:
    """Whether a source is the label's, or another name for the same rows known at the same times."""
    return any(declared.name == one.name or _same_rows(declared, one) for one in known.outcomes)


def _same_rows(one: SourceInfo, other: SourceInfo) -> bool:
    times = ("at", "known_at", "delay", "null_at")
    return same_file(one.path, other.path) and all(getattr(one, name) == getattr(other, name) for name in times)


def same_file(one: str, other: str) -> bool:
    """Whether two paths, each of a file or a pattern of files, name the same as they are written.

    >>> same_file("a/flights.csv", "./a//flights.csv"), same_file("a/flights.csv", "a/*.csv"), same_file("a", "b")
    (True, True, False)
    """
    if "://" in one or "://" in other:
        return one == other
    one, other = normpath(one), normpath(other)
    return one == other or fnmatchcase(one, other) or fnmatchcase(other, one)


def _refuse_own_row(where: str, what: str, declared: SourceInfo, known: Known) -> None:
    if any(same_file(declared.path, one.path) for one in known.outcomes):
        raise LeakRefused(
            f"{where} reads {what}: the row of the decision's own key {known.key!r} in the label's file.",
            expected="a request field for what is known when deciding",
            hint=f"The table {declared.name!r} does not say when each of its columns became known.",
        )


def _check_resolved_label(where: str, expr: Expr, known: Known) -> None:
    """Refuses the label itself, read from its file by a source that says it is known at other times."""
    outcome = known.outcomes[0]
    for source, columns in _columns_read(expr):
        declared = info(source)
        if not same_file(declared.path, outcome.path) or _is_outcome(declared, known) or not known.told_by <= columns:
            continue
        raise LeakRefused(
            f"{where} reads {', '.join(sorted(known.told_by))} through {declared.name!r}: that is the label, "
            f"which {outcome.name!r} says is known by other times.",
            expected=f"columns of {outcome.name!r}, whose rows count once they are known",
        )


def _columns_read(expr: Expr) -> Iterable[tuple[Source, frozenset[str]]]:
    """Each source that an expression reads, with its columns."""
    found: dict[str, tuple[Source, set[str]]] = {}
    for node in walk(expr):
        if isinstance(node, Column):
            found.setdefault(info(node.source).name, (node.source, set()))[1].add(node.name)
    return [(source, frozenset(columns)) for source, columns in found.values()]
