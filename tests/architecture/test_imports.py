"""The arrows of the design: who imports whom, and where."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, imported, modules, top

INSIDE_FROM_DATA_UP = {
    "api", "cli", "console", "system", "session", "loop", "history", "rollout", "watch", "serve", "learn", "registry",
    "features", "labels", "measure", "data", "backends", "conformance",
}  # fmt: skip

MAY_IMPORT = {
    "numpy": INSIDE_FROM_DATA_UP | {"examples"},
    "pyarrow": INSIDE_FROM_DATA_UP | {"examples"},
    "scipy": {"measure", "learn", "watch", "rollout", "backends"},
    "sklearn": {"backends"},
    "skops": {"backends"},
    "threadpoolctl": {"backends"},
    "lightgbm": {"backends"},
    "optuna": {"backends"},
    "sqlalchemy": {"backends"},
    "msgspec": {"data", "api", "serve", "backends"},
    "uvicorn": {"api"},
    "numba": {"data", "features"},
    "deltalake": {"backends"},
    "duckdb": {"backends"},
    "lmdb": {"backends"},
    "psycopg": {"backends"},
    "redis": {"backends"},
    "rich": {"cli", "console"},
    "safetensors": {"backends"},
    "tokenizers": {"backends"},
    "torch": {"backends"},
    "pytest": {"conformance"},
    "hypothesis": {"conformance"},
}
"""Every third-party package that the source may import, and the parts that may. A new one is a decision."""


def hidden_imports(tree: ast.AST) -> list[int]:
    """Lines of the imports of our own modules that stand inside a function."""
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return sorted({line for f in functions for line, name in imported(f) if top(name) == "setpoint"})


def test_import_linter_keeps_every_contract() -> None:
    """Imports go one way, only one file names the backends, and no folder has a cycle."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_of_ours_is_imported_inside_a_function() -> None:
    """A cycle is never dodged by an import that waits until it is called."""
    assert [f"{m.path}:{line}" for m in modules() for line in hidden_imports(m.syntax)] == []


def test_a_hidden_import_would_be_found() -> None:
    """The check sees nested functions and relative imports, and leaves other packages alone."""
    planted = """
import setpoint.core
def f():
    import numpy
    def g():
        from ..data import x
        import setpoint.data
"""
    assert hidden_imports(ast.parse(planted)) == [6, 7]


def test_every_third_party_package_stays_in_its_place() -> None:
    """Engines, stores and learners live in backends; numpy and pyarrow from data upward."""
    ours = sys.stdlib_module_names | {"setpoint"}
    strays = [
        f"{m.path}:{line} imports {name}"
        for m in modules()
        for line, name in imported(m.syntax, types=False)
        if top(name) not in ours and m.part not in MAY_IMPORT.get(top(name), set())
    ]
    assert strays == []


@pytest.mark.parametrize("part", ["core", "declare"])
def test_the_ground_needs_the_standard_library_only(part: str) -> None:
    """Core and the declaration import nothing that has to be installed."""
    found = {top(name) for m in modules() if m.part == part for _, name in imported(m.syntax, types=False)}
    assert found - sys.stdlib_module_names == {"setpoint"}


def test_no_module_of_ours_imports_the_package_itself() -> None:
    """`import setpoint` is for users and examples; inside, a module names the module that owns the word."""
    strays = [
        f"{m.path}:{line}"
        for m in modules()
        if m.part != "examples"
        for line, name in imported(m.syntax)
        if name == "setpoint"
    ]
    assert strays == []
