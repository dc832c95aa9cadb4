"""docs/errors.md against core/errors.py."""

from __future__ import annotations

import inspect
import re

import pytest

from setpoint.core import errors
from tests.docs.pages import sections

CLASSES = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, errors.SetpointError) and value is not errors.SetpointError
]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_an_error_has_a_code_of_its_own_and_a_page_that_explains_it(
    error: type[errors.SetpointError],
) -> None:
    """Every class carries a code in small letters, and docs/errors.md says what it means and what to do."""
    assert "code" in vars(error)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)
    words = sections("errors.md")[error.code]
    assert error.__name__ in words
    assert len(words.split()) >= 15


def test_codes_are_unique_and_the_page_has_no_others() -> None:
    """A code names one error, and the page explains no error that does not exist."""
    codes = [error.code for error in CLASSES]
    assert len(set(codes)) == len(codes)
    explained = {heading for heading in sections("errors.md") if re.fullmatch(r"[a-z]+(-[a-z]+)*", heading)}
    assert explained == set(codes)


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    """The first thing a reader of core/errors.py sees lists every class, indented under its parent."""
    listed = re.findall(r"^( *)([A-Z]\w+)\b", errors.__doc__ or "", re.MULTILINE)
    depth = {name: len(spaces) // 4 for spaces, name in listed if hasattr(errors, name)}
    inside = {
        error.__name__: len([c for c in error.__mro__ if issubclass(c, errors.SetpointError)]) - 1 for error in CLASSES
    }
    assert {name: level for name, level in depth.items() if name != "SetpointError"} == inside
