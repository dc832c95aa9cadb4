"""What no file of the package may contain."""

from __future__ import annotations

import re

import pytest

from tests.architecture.tree import modules

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError|NotImplemented(?!\w))\b")


def unfinished(text: str) -> list[str]:
    """Lines that admit to be unfinished; `return NotImplemented`, the protocol of operators, is not one."""
    return [
        line.strip()
        for line in text.splitlines()
        if UNFINISHED.search(line) and line.strip() != "return NotImplemented"
    ]


def test_nothing_is_left_for_later() -> None:
    """No file of the package carries a note to finish it, nor a stub."""
    assert {m.name: lines for m in modules() if (lines := unfinished(m.text))} == {}


@pytest.mark.parametrize("line", ["# TODO: later", "raise NotImplementedError", "x = 1  # FIXME"])
def test_an_unfinished_line_would_be_found(line: str) -> None:
    """The words are found wherever they stand."""
    assert unfinished(f"a = 1\n    {line}\n") == [line]


def test_no_path_of_a_machine_is_written_down() -> None:
    """Files are found relative to a project or the package, never under somebody's home."""
    machine = re.compile(r"[\"'](/home/|/root/|/work/|/Users/)")
    assert [m.name for m in modules() if machine.search(m.text)] == []
