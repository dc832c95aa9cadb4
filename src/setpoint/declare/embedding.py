"""Embeddings: the numbers that a frozen base model makes of a text, declared as a family of features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.core.ports import BaseVersion, TextBase
from setpoint.declare.expr import Embedded, Expr, Family, rewrite, walk

WORDLLAMA = "wordllama"
"""The base that is used unless another is named."""

MOST = 4096
"""No embedding has more numbers."""


def embedding(text: Expr, *, base: str = WORDLLAMA, size: int = 64) -> Family:
    """The numbers that a frozen base model makes of a text, as a family of `size` members; of a NULL all are NULL.

    Transfer learning: the base has seen far more text than there are labels, and stays as it is; what is learned is
    how its numbers tell the label (Pan and Yang, "A survey on transfer learning", IEEE TKDE 22, 2010). A feature `body`
    declared as one becomes the features body_0, body_1, ... The package of the base, its version and the digest of its
    weights are part of their versions.

    >>> from setpoint.declare.expr import field
    >>> numbers = embedding(field("body"), size=64)
    >>> len(numbers.labels), numbers["63"]
    (64, embedding(field('body'), base='wordllama', size=64)[63])
    """
    if not isinstance(text, Expr):
        raise WrongType(f"embedding({text!r}) is of no expression.", expected='a text, such as sp.field("subject")')
    if any(isinstance(node, Family) for node in walk(text)):
        raise DeclarationError(
            f"embedding({text}) is of a family.", expected="one of its members, such as family['1d']"
        )
    if not isinstance(base, str) or not base:
        raise WrongType(f"embedding({text}) has base={base!r}.", expected=f'the name of one, such as "{WORDLLAMA}"')
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MOST:
        raise DeclarationError(f"embedding({text}) has size={size!r}.", expected=f"1 to {MOST}")
    return Family(tuple((str(place), Embedded(text, base, size, place)) for place in range(size)))


def bases_named(exprs: Iterable[Expr]) -> list[str]:
    """The names of the base models that expressions read, each once.

    >>> from setpoint.declare.expr import field
    >>> bases_named([embedding(field("body"), size=2), field("links")])
    ['wordllama']
    """
    return list(dict.fromkeys(node.base for node in _embedded(exprs)))


def versions_of_bases(exprs: Iterable[Expr]) -> dict[str, BaseVersion]:
    """The versions of the base models that a plan found for expressions, by name."""
    return {node.base: node.model.version for node in _embedded(exprs) if node.model is not None}


def with_bases(expr: Expr, bases: Mapping[str, TextBase]) -> Expr:
    """The expression with the base model of each embedding outside aggregates.

    Raises NameUnknown for a name that no base has, DeclarationError for a size that its base cannot give.
    """

    def found(node: Expr) -> Expr:
        if not isinstance(node, Embedded):
            return node
        if node.base not in bases:
            raise NameUnknown("base model", node.base, bases, where=str(node))
        model = bases[node.base]
        if node.size not in model.sizes:
            sizes = ", ".join(map(str, model.sizes))
            raise DeclarationError(f"{node} has size={node.size}, which {node.base!r} cannot give.", expected=sizes)
        return replace(node, model=model)

    return rewrite(expr, found)


def _embedded(exprs: Iterable[Expr]) -> list[Embedded]:
    return [node for expr in exprs for node in walk(expr, into_aggregates=False) if isinstance(node, Embedded)]
