"""Patterns of texts: which are taken, and what each of them matches in every implementation."""

from __future__ import annotations

import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.data.language.texts import matched
from setpoint.declare.pattern import check


@pytest.mark.parametrize(
    "pattern", ["", "a|b", r"[^@ ]+@[^@ ]+\.[a-z]{2,}", r"[(?=]+", r"\\1", r"[*+]+x", r"\pL+", "[[:alpha:]]+", "(?i)ab"]
)
def test_what_re2_knows_is_a_pattern(pattern: str) -> None:
    """Whatever Python says of it; what a class lists, or a backslash escapes, is meant as it stands."""
    assert check(pattern) == pattern
    assert matched(pa.array(["x"]), pattern).null_count == 0


@pytest.mark.parametrize("pattern", [r"(?=a)b", r"(?<!a)b", r"(a)\1", r"(?P<x>a)(?P=x)", "a*+", "a++", "(?>a)", r"a\Z"])
def test_what_only_python_knows_is_refused_where_it_is_declared(pattern: str) -> None:
    """Look-around, back references, possessive and atomic parts: what no linear matcher has."""
    with pytest.raises(DeclarationError, match="the syntax of RE2"):
        sp.field("s").matches(pattern)


def test_what_is_no_pattern_is_refused() -> None:
    """A pattern with an open bracket, and what is no text; RE2's own syntax is judged where it is used."""
    with pytest.raises(DeclarationError, match="is no regular expression"):
        sp.field("s").matches("[a")
    with pytest.raises(WrongType, match="A pattern is 5"):
        sp.field("s").matches(5)  # type: ignore[arg-type]
    with pytest.raises(DeclarationError, match="is no regular expression"):
        matched("a", r"\p{Nonsense}")


def test_a_pattern_is_held_against_the_whole_text() -> None:
    """Not a part of it, and not its first line; a dot is no line break."""
    texts = pa.array(["ab", "a", "b", "ab\n", "xab", None])
    assert matched(texts, "a|ab").to_pylist() == [True, True, False, False, False, None]
    assert matched(texts, "a.*").to_pylist() == [True, True, False, False, False, None]
