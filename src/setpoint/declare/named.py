"""The features of a system: each a name for an expression, with its version, its owner and a note."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from setpoint.core.digest import digest
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.declare.expr import Aggregate, Column, Expr, Family, FeatureRef, rewrite, to_dict, walk
from setpoint.declare.source import Source, info


@dataclass(frozen=True)
class Feature:
    """A named value that a decision sees; `owner` and `note` are for people and change nothing."""

    name: str
    expr: Expr
    owner: str = ""
    note: str = ""

    @cached_property
    def digest(self) -> str:
        """The identity of the definition: of the expression and of what is declared about the sources it reads.

        Where the files of a source are does not matter. Another definition is another version.
        """
        nodes = [node for node in walk(self.expr) if isinstance(node, (Column, Aggregate))]
        read = {info(node.source).name: {**info(node.source).to_dict(), "path": ""} for node in nodes}
        return digest([to_dict(self.expr), read])

    @property
    def version(self) -> str:
        """The digest as it is shown and logged: 12 hex digits."""
        return self.digest[:12]


@dataclass(frozen=True)
class Owned:
    """An expression with who answers for it, to be declared as a feature."""

    expr: Expr
    owner: str
    note: str = ""


Declared: TypeAlias = Mapping[str, Expr | Owned]
"""What `features=` takes."""


def owned(expr: Expr, *, by: str, note: str = "") -> Owned:
    """A feature with who answers for it and a note for its readers; neither is part of its version.

    >>> from setpoint.declare.expr import field
    >>> owned(field("total") > 5000, by="risk-team", note="Large orders.").owner
    'risk-team'
    """
    if not isinstance(expr, Expr):
        raise WrongType(f"owned({expr!r}) is of no expression.", expected='such as owned(sp.field("total"), by="team")')
    for what, text in (("by", by), ("note", note)):
        if not isinstance(text, str):
            raise WrongType(f"owned({expr}) has {what}={text!r}.", expected="a text")
    if not by.strip():
        raise DeclarationError(f"owned({expr}) has by={by!r}.", expected="a team or a person")
    return Owned(expr, by, note)


def name_features(system: str, features: Declared, *, owner: str = "") -> tuple[Feature, ...]:
    """The features as they will be computed: families spread out, references replaced by what they name.

    Raises NameUnknown for a reference to nothing and DeclarationError for one that leads back to itself.

    >>> from setpoint.declare.expr import feature, field
    >>> [str(one.expr) for one in name_features("shop", {"half": field("total") / 2, "more": feature("half") + 1})]
    ["(field('total') / 2)", "((field('total') / 2) + 1)"]
    """
    spread: dict[str, Feature] = {}
    declared_as: dict[str, str] = {}
    for name, declared in features.items():
        one = declared if isinstance(declared, Owned) else Owned(declared, owner)
        for full, expr in spread_out(name, one.expr).items():
            if full in spread:
                raise DeclarationError(
                    f"Two features of the system {system!r} are named {full!r}.",
                    expected="one feature for each name",
                    hint=f"{declared_as[full]!r} and {name!r} both make it: windows end the names of features.",
                )
            declared_as[full] = name
            spread[full] = Feature(full, expr, one.owner, one.note)
    done: dict[str, Expr] = {}

    def visit(name: str, path: tuple[str, ...]) -> Expr:
        if name in path:
            raise DeclarationError(f"Feature {name!r} refers to itself: {' > '.join((*path, name))}.")
        if name not in spread:
            raise NameUnknown("feature", name, spread, where=f"System {system!r}")
        if name not in done:

            def follow(node: Expr) -> Expr:
                return visit(node.name, (*path, name)) if isinstance(node, FeatureRef) else node

            done[name] = rewrite(spread[name].expr, follow)
        return done[name]

    return tuple(replace(feature, expr=visit(name, ())) for name, feature in spread.items())


def spread_out(name: str, expr: Expr) -> dict[str, Expr]:
    """The features that one declaration makes: one, or one for each window of the families in it.

    >>> from setpoint.declare.expr import field
    >>> list(spread_out("n", Family((("1h", field("a")), ("1d", field("b")))) / 2))
    ['n_1h', 'n_1d']
    """
    families = [node for node in walk(expr, into_aggregates=False) if isinstance(node, Family)]
    if not families:
        return {name: expr}
    labels = families[0].labels
    for family in families:
        if set(family.labels) != set(labels):
            raise DeclarationError(
                f"Feature {name!r} brings together the windows {', '.join(labels)} and {', '.join(family.labels)}.",
                expected="families of the same windows, or one member, such as family['1d']",
            )
    return {f"{name}_{label}": rewrite(expr, _picked(label)) for label in labels}


def _picked(label: str) -> Callable[[Expr], Expr]:
    return lambda node: node[label] if isinstance(node, Family) else node


def check_features(features: object) -> None:
    """Refuses what cannot be a declaration of features."""
    if not isinstance(features, Mapping) or not features:
        raise WrongType(f"features= is {features!r}.", expected="a dict of name=expression with at least one feature")
    for name, expr in features.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise WrongType(f"A feature is named {name!r}.", expected="a Python name")
        if not isinstance(expr, (Expr, Owned)):
            hint = f"Write sp.events(...).{name} or sp.field(...)." if isinstance(expr, (Source, str)) else None
            raise WrongType(f"Feature {name!r} is {expr!r}.", expected="an expression", hint=hint)
