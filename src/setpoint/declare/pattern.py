"""Patterns of texts: regular expressions that every implementation of the language reads alike."""

from __future__ import annotations

import re
import warnings

from setpoint.core.errors import DeclarationError, WrongType

_ONLY_PYTHON = re.compile(r"\(\?(?:<?[=!]|>|\(|P=)|\\[1-9]|[*+?}]\+|\\Z")
"""What Python's regular expressions have beyond RE2's: look-around, back references, atomic and possessive parts."""

_ONLY_RE2 = re.compile(r"\\z|\\[pPCQE]|\[\[:")
"""What RE2 has beyond Python's; it is judged where it is used."""


def check(pattern: object) -> str:
    """The pattern, a regular expression in the syntax of RE2.

    Raises WrongType for what is no text, DeclarationError for what is no pattern.

    >>> check("[A-Z]{3}")
    '[A-Z]{3}'
    """
    if not isinstance(pattern, str):
        raise WrongType(f"A pattern is {pattern!r}.", expected=r'a regular expression such as r"[A-Z]{3}"')
    escaped = re.sub(r"\\\\|\[\^?\]?[^\]]*\]", "", pattern)  # neither what is escaped nor what a class lists
    found = _ONLY_PYTHON.search(escaped)
    if found:
        raise DeclarationError(
            f"The pattern {pattern!r} has {found[0]!r}.",
            expected="the syntax of RE2: no look-around, no back references, no possessive parts",
            hint="Combine several conditions with & instead." if "(?" in found[0] else None,
        )
    if _ONLY_RE2.search(pattern):
        return pattern
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            re.compile(pattern)
    except re.error as error:
        raise DeclarationError(f"The pattern {pattern!r} is no regular expression: {error}.") from None
    return pattern
