"""Texts, one at a time: their case, the white space around them, and how values are told as one text."""

from __future__ import annotations

import math
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import DeclarationError
from setpoint.data.arrays import EXACT

_WHITE = [*range(9, 14), *range(28, 33), 133, 160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288]
WHITE = "".join(map(chr, _WHITE))
"""The characters that `strip` takes off: Unicode's white space."""


def lower(text: str | None) -> str | None:
    """A text in lower case, character by character, so that its length stays.

    >>> lower("ÀΣİ")
    'àσi'
    """
    if text is None or text.isascii():
        return text and text.lower()
    return "".join([_LOWER.get(one) or one.lower() for one in text])


def upper(text: str | None) -> str | None:
    """A text in upper case, character by character, so that its length stays.

    >>> upper("straße")
    'STRAẞE'
    """
    if text is None or text.isascii():
        return text and text.upper()
    return "".join([_upper_of(one) for one in text])


@lru_cache(maxsize=1 << 12)
def _upper_of(one: str) -> str:
    """Unicode's simple mapping, as its special ones would give more than one character."""
    found = one.upper() if len(one.upper()) == 1 else one.title()
    return found if len(found) == 1 else _UPPER.get(one, one)


_LOWER, _UPPER = {"İ": "i"}, {"ß": "ẞ"}


def strip(text: str | None) -> str | None:
    """A text without the white space around it."""
    return None if text is None else text.strip(WHITE)


def matched(texts: str | pa.Array, pattern: str) -> pa.Scalar | pa.Array:
    """Whether each whole text is as a regular expression of RE2 says; raises DeclarationError for one that is none.

    RE2 (Cox, "Regular Expression Matching Can Be Simple And Fast", 2007) needs time linear in the text, whatever the
    pattern.

    >>> matched("a1", "[a-z][0-9]").as_py(), matched(pa.array(["a1", "a1b", None]), "[a-z][0-9]").to_pylist()
    (True, [True, False, None])
    """
    try:
        return pc.match_substring_regex(texts, rf"\A(?:{pattern})\z")
    except pa.ArrowInvalid as error:
        raise DeclarationError(
            f"The pattern {pattern!r} is no regular expression: {error}.", expected="the syntax of RE2"
        ) from None


def spelled(value: float | str | None) -> str | None:
    """A number as text, a whole one without its fraction; a text as it is.

    >>> spelled(12.0), spelled(-0.0), spelled(0.1), spelled(1e300), spelled("a")
    ('12', '0', '0.1', '1e+300', 'a')
    """
    if not isinstance(value, float):
        return None if value is None else str(value)
    if math.isnan(value):
        return None
    return str(int(value)) if value.is_integer() and abs(value) < EXACT else repr(value)


def crossed(*parts: float | str | None) -> str | None:
    r"""Texts that stand for these parts, and for no other: each spelled, its bars and backslashes escaped.

    >>> crossed("a|b", 1.0), crossed("a", "b|1")
    ('a\\|b|1', 'a|b\\|1')
    """
    words = []
    for part in parts:
        text = spelled(part)
        if text is None:
            return None
        if "|" in text or "\\" in text:
            text = text.replace("\\", "\\\\").replace("|", "\\|")
        words.append(text)
    return "|".join(words)
