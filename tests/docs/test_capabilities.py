"""docs/capabilities.md against the tests that it names, and README.md against it."""

from __future__ import annotations

import ast
import re

from tests.docs.pages import DOCS, ROOT

ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.*?) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FILE = re.compile(r"`(tests/[\w/]+\.py)`")


def rows(page: str) -> dict[int, tuple[str, str]]:
    """Number to capability and the cell of its tests, of every row of a page's capability table."""
    return {int(number): (words, cell) for number, words, cell in ROW.findall(page)}


def defined(path: str) -> set[str]:
    """The names of the test functions in a file."""
    tree = ast.parse((ROOT / path).read_text())
    return {n.name for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}


def test_every_test_that_a_row_names_exists() -> None:
    """A capability is claimed by naming tests, each of them a function of a file of tests/."""
    for number, (_, cell) in rows((DOCS / "capabilities.md").read_text()).items():
        named = TEST.findall(cell)
        assert cell.count("::") == len(named) >= 1, f"row {number} names no test: {cell}"
        for path, name in named:
            assert (ROOT / path).is_file(), f"row {number} names {path}, which is not there"
            assert name.startswith("test_"), f"row {number} names {name}"
            assert name in defined(path), f"row {number} names {path}::{name}, which is not there"


def test_the_readme_shows_the_same_rows() -> None:
    """The table of README.md claims what docs/capabilities.md proves, and names the files of the same tests."""
    proven = {
        number: (words, sorted({path for path, _ in TEST.findall(cell)}))
        for number, (words, cell) in rows((DOCS / "capabilities.md").read_text()).items()
    }
    claimed = {
        number: (words, sorted(FILE.findall(cell)))
        for number, (words, cell) in rows((ROOT / "README.md").read_text()).items()
    }
    assert claimed == proven


def test_a_row_is_read_with_its_number_words_and_tests() -> None:
    """The shape of a row that the checks above read."""
    page = "| 25 | Point-in-time join | `tests/unit/a/test_b.py::test_c`, `tests/x.py::test_y` |\n"
    assert rows(page) == {25: ("Point-in-time join", "`tests/unit/a/test_b.py::test_c`, `tests/x.py::test_y`")}
    assert TEST.findall(page) == [("tests/unit/a/test_b.py", "test_c"), ("tests/x.py", "test_y")]
