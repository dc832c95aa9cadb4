"""The page of functions against the code: each is where it says, and has an example."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from tests.docs.pages import DOCS

ROWS = re.findall(r"^\| `(\w+)` \| `([a-z_.]+)` \| ", (DOCS / "functions.md").read_text(), re.MULTILINE)


def test_there_are_functions() -> None:
    """The checks below have something to check, and no function is there twice."""
    assert len({name for name, _ in ROWS}) == len(ROWS) >= 15


@pytest.mark.parametrize(("name", "place"), ROWS, ids=[name for name, _ in ROWS])
def test_a_function_is_where_the_page_says_and_has_an_example(name: str, place: str) -> None:
    """Its docstring says what it gives, and shows it."""
    found = getattr(importlib.import_module(f"setpoint.{place}"), name)
    assert inspect.isfunction(found)
    assert found.__module__ == f"setpoint.{place}"
    assert ">>> " in (found.__doc__ or "")
