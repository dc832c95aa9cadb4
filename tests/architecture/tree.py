"""The package read as text and syntax, without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"


@dataclass(frozen=True)
class Module:
    """One file of the package: its dotted name, its text and its syntax tree."""

    name: str
    path: Path
    text: str

    @property
    def syntax(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text, filename=str(self.path))

    @property
    def part(self) -> str:
        """The folder or file directly under `setpoint` that it belongs to; empty for `setpoint` itself."""
        return self.name.split(".")[1] if "." in self.name else ""


def modules() -> list[Module]:
    """Every Python file of the package, in order of name."""
    found = []
    for path in sorted((SRC / "setpoint").rglob("*.py")):
        steps = path.relative_to(SRC).with_suffix("").parts
        name = ".".join(steps[:-1] if steps[-1] == "__init__" else steps)
        found.append(Module(name, path, path.read_text()))
    return found


def imported(tree: ast.AST, *, types: bool = True) -> Iterator[tuple[int, str]]:
    """Line and absolute name of every import in a piece of syntax; relative ones count as ours.

    With `types=False`, what stands under `if TYPE_CHECKING:` is left out: it is never imported when the code runs.

    >>> list(imported(ast.parse("import a.b, c; from d.e import f")))
    [(1, 'a.b'), (1, 'c'), (1, 'd.e')]
    """
    if isinstance(tree, ast.Import):
        yield from ((tree.lineno, alias.name) for alias in tree.names)
    elif isinstance(tree, ast.ImportFrom):
        yield tree.lineno, f"setpoint.{tree.module}" if tree.level else str(tree.module)
    elif types or not (isinstance(tree, ast.If) and ast.unparse(tree.test).endswith("TYPE_CHECKING")):
        for child in ast.iter_child_nodes(tree):
            yield from imported(child, types=types)


def top(name: str) -> str:
    """The first step of a dotted name."""
    return name.partition(".")[0]
