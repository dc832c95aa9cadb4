"""Paths into JSON: which fields and places lead to a value."""

from __future__ import annotations

import re
from typing import TypeAlias

from setpoint.core.errors import DeclarationError

Step: TypeAlias = str | int | None
"""A field by its name, a place of a list by its number from 0, or None for every place."""

KINDS = ("text", "number", "bool", "time")
"""The kinds of value that can lie at a path."""

FOLDS = {
    "": KINDS,
    "size": KINDS,
    "count": KINDS,
    "first": KINDS,
    "last": KINDS,
    "min": ("number", "time"),
    "max": ("number", "time"),
    "sum": ("number",),
    "mean": ("number",),
}
"""How the values at a path are brought together, and for which kinds; none, or "size", where there is one value."""

_STEP = re.compile(r"\.?([^.\[\]\"]+)|\[(\d+|\*)\]|\[\"((?:[^\"\\]|\\.)*)\"\]")


def steps(path: str) -> tuple[Step, ...]:
    """The steps of a path.

    >>> steps('items[0].tags[*]["a.b"]')
    ('items', 0, 'tags', None, 'a.b')
    """
    found: list[Step] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None or (match[1] is not None and (position > 0) != match[0].startswith(".")):
            break
        name, place, quoted = match.groups()
        if place is not None:
            found.append(None if place == "*" else int(place))
        else:
            found.append(name if name is not None else re.sub(r"\\(.)", r"\1", quoted))
        position = match.end()
    else:
        if found:
            return tuple(found)
    raise DeclarationError(
        f"The path {path!r} cannot be followed" + (f" from {path[position:]!r} on." if path else "."),
        expected='fields and places, such as "device.os", "items[0].price", "items[*].price" or \'["a name"].x\'',
    )


def check(path: str, kind: str, fold: str) -> None:
    """Refuses a path, kind and fold that do not go together.

    >>> check("items[*].price", "number", "sum")
    """
    many = None in steps(path)
    if kind not in KINDS:
        raise DeclarationError(f"json({path!r}) has kind={kind!r}.", expected=f"one of {', '.join(KINDS)}")
    if fold not in FOLDS:
        known = ", ".join(repr(name) for name in FOLDS if name)
        raise DeclarationError(f"json({path!r}) has fold={fold!r}.", expected=f"one of {known}")
    if many and fold in ("", "size"):
        raise DeclarationError(
            f"json({path!r}) leads to many values.", expected='a fold of them, such as fold="count" or fold="last"'
        )
    if not many and fold not in ("", "size"):
        raise DeclarationError(
            f"json({path!r}) leads to one value, and fold={fold!r} needs many.", expected="a path with [*]"
        )
    if kind not in FOLDS[fold]:
        raise DeclarationError(
            f"json({path!r}) has fold={fold!r} of a {kind}.", expected=f"kind={' or '.join(map(repr, FOLDS[fold]))}"
        )
